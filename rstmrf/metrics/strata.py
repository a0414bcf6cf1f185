"""Cells of altitude, local time, dip latitude and Kp into which scores are parted."""

import numpy as np

#: name → lower edges with a label each; a cell holds its lower edge
ALTITUDE_KM = {"120–200 km": 120.0, "200–300 km": 200.0, "300–500 km": 300.0}
HIGHEST_KM = 500.0
DIP_LATITUDE_DEG = {"dip 0–10°": 0.0, "dip 10–30°": 10.0, "dip 30–55°": 30.0, "dip 55–90°": 55.0}
LOCAL_TIME_HOURS = {"night 21–5 LT": 21.0, "dawn 5–9 LT": 5.0, "day 9–17 LT": 9.0, "dusk 17–21 LT": 17.0}
KP = {"Kp < 3": 0.0, "Kp 3–5": 3.0, "Kp ≥ 5": 4.9}  # 4.9: 5- is 4.667, 5o is 5.0
UNKNOWN = "unknown"


def strata_of(alt_km, local_time_hours, dip_lat_deg, kp) -> dict[str, np.ndarray]:
    """Label of each point's cell, `[P]`, by kind of stratum; each argument is `[P]`, dip latitude of either sign.

    A value that is not known (NaN), and an altitude outside 120 to 500 km, is in no cell: its label is that of
    `UNKNOWN`.
    """
    alt_km = np.asarray(alt_km, float)
    low_km = next(iter(ALTITUDE_KM.values()))
    alt_km = np.where((alt_km >= low_km) & (alt_km <= HIGHEST_KM), alt_km, np.nan)
    local_time = np.asarray(local_time_hours) % 24.0
    night = (local_time >= 21.0) | (local_time < 5.0)
    by_day = {name: low for name, low in LOCAL_TIME_HOURS.items() if low < 21.0}
    of_time = np.where(night, "night 21–5 LT", _label(np.where(night, 5.0, local_time), by_day))
    return {
        "altitude": _label(alt_km, ALTITUDE_KM),
        "local time": of_time,
        "dip latitude": _label(np.abs(dip_lat_deg), DIP_LATITUDE_DEG),
        "Kp": _label(kp, KP),
    }


def _label(values, cells):
    names, edges, values = np.array([*cells, UNKNOWN]), np.array(list(cells.values())), np.asarray(values, float)
    cell = np.clip(np.searchsorted(edges, values, side="right") - 1, 0, len(edges) - 1)
    return names[np.where(np.isnan(values), len(edges), cell)]
