"""How two analysis centres differ in their maps of the same days: `python -m studies.two_centres FOLDER`.

FOLDER holds IONEX files of CODE and of ESA for the same days (such as `codg0080.20i.Z` and `esag0080.20i.Z`).
Aggregates alone are stored, with their origin, in `results/two_centres.json`: TEC and differences by latitude and local
time, and the mean cosine between the directions of both gradients. The files are not part of this repository.
"""

import argparse
import json
from pathlib import Path

import numpy as np
import torch

from rstmrf.globe import POLAR_LIMIT_DEG, cosine, tec_gradient
from rstmrf.readers.tec import fill_poles, read_tec
from rstmrf.units import local_time_hours

RESULTS = Path(__file__).parent / "results" / "two_centres.json"
CENTRES = {"CODE": "codg*.*i.Z", "ESA": "esag*.*i.Z"}
CREDIT = "CODE, University of Berne, and ESA/ESOC: final global ionosphere maps, through the IGS; downloaded as IONEX"
LAT_STEP_DEG, LT_STEP_H = 15.0, 3.0


def maps_of(folder: Path) -> list:
    """Hourly maps of both centres on the hours that both have, on one grid from pole to pole."""
    found = [fill_poles(read_tec(sorted(folder.glob(pattern)))) for pattern in CENTRES.values()]
    common = np.intersect1d(*(ds["time"].values for ds in found))
    return [ds["vtec_tecu"].sel(time=common) for ds in found]


def compare(one, other) -> dict:
    """Differences by latitude and local time [TECU], by area, and the mean cosine of directions."""
    lat, lon, time = (one[name].values for name in ("lat", "lon", "time"))
    hours = (time - time[0].astype("datetime64[D]")) / np.timedelta64(1, "h")
    tec, second = (x.values.astype(float) for x in (one, other))
    local = local_time_hours(hours[:, None, None], lon[None, None, :]) * np.ones_like(tec)
    area = np.cos(np.deg2rad(lat))[None, :, None] * np.ones_like(tec)
    area[..., -1] = 0.0  # the seam stands there a second time
    cells = []
    for low in np.arange(-90.0, 90.0, LAT_STEP_DEG):
        rows = (lat >= low) & (lat < low + LAT_STEP_DEG)
        for first in np.arange(0.0, 24.0, LT_STEP_H):
            weight = area * (rows[None, :, None] & (local >= first) & (local < first + LT_STEP_H))
            cells.append(
                {
                    "lat": float(low + LAT_STEP_DEG / 2),
                    "local_time_h": float(first + LT_STEP_H / 2),
                    "tec_tecu": round(float(np.average(tec, weights=weight)), 2),
                    "difference_tecu": round(float(np.average(second - tec, weights=weight)), 2),
                    "rms_tecu": round(float(np.sqrt(np.average((second - tec) ** 2, weights=weight))), 2),
                }
            )
    return {
        "mean_tecu": [round(float(np.average(x, weights=area)), 2) for x in (tec, second)],
        "mean_difference_tecu": round(float(np.average(second - tec, weights=area)), 2),
        "rms_difference_tecu": round(float(np.sqrt(np.average((second - tec) ** 2, weights=area))), 2),
        "cosine_of_directions": round(_cosine_of_directions(tec, second, lat, area), 3),
        "cells": cells,
    }


def _cosine_of_directions(tec, second, lat, area):
    """Over area where the first centre's gradient is above its median, |lat| within the polar limit."""
    gradients = [tec_gradient(torch.from_numpy(x)[:, None]) for x in (tec, second)]
    strength = torch.hypot(gradients[0][:, 0], gradients[0][:, 1]).numpy()
    inside = np.broadcast_to(np.abs(lat)[None, :, None] <= POLAR_LIMIT_DEG, strength.shape)
    strong = inside & (strength > np.median(strength[inside]))
    return float(np.average(cosine(*gradients).numpy(), weights=area * strong))


def main():
    """Write `results/two_centres.json`."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    one, other = maps_of(parser.parse_args().folder)
    time = one["time"].values
    found = {"centres": list(CENTRES), "credit": CREDIT, "hours": int(time.size)}
    found |= {"from": str(time[0])[:16], "to": str(time[-1])[:16]} | compare(one, other)
    RESULTS.write_text(json.dumps(found, indent=1) + "\n")
    print({key: value for key, value in found.items() if key != "cells"})


if __name__ == "__main__":
    main()
