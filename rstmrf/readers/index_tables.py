"""The text forms in which Kp and F10.7 are published or kept: GFZ, CelesTrak, and a CSV of own values.

Each reader gives a table: a Dataset with `kp(interval)` [1] by the start of the interval and observed `f107_sfu(day)`
[1e-22 W m⁻² Hz⁻¹], NaN where missing, and the attributes `file`, `credit`, `step_hours` (length of an interval) and
`predicted_from` (first predicted day, or empty). InputError: a line not as its form demands, a value out of range, or
days out of order.
"""

from datetime import UTC, datetime
from typing import NamedTuple

import numpy as np
import pandas as pd
import xarray as xr

from rstmrf import files
from rstmrf.errors import InputError, quoted

F107_RANGE_SFU = (40.0, 1500.0)
GFZ_CREDIT = "Kp and F10.7 table of GFZ Potsdam (CC BY 4.0), doi:10.5880/Kp.0001"
CELESTRAK_CREDIT = "Space weather data of CelesTrak, celestrak.org"
CELESTRAK_FORMAT = "FORMAT(I4,I3,I3,I5,I3,8I3,I4,8I4,I4,F4.1,I2,I4,F6.1,I2,5F6.1)"
CELESTRAK_GROUPS = ["Adj", "Adj", "Adj", "Obs", "Obs", "Obs"]
CELESTRAK_OBSERVED_F107 = slice(112, 118)
CSV_HEADER = "time,kp,f107"
ACCEPTED = "a text table of Kp and F10.7"
#: Kp since 1932 day by day is 6 MB; hourly rows of 40 years are 350,000
LARGEST_MB, MOST_LINES = 24, 400_000
FIRST_YEAR, LAST_YEAR = 1932, 2100
HOUR = np.timedelta64(1, "h")
DAY = np.timedelta64(1, "D")


class _Row(NamedTuple):
    """One day of a table: where it stands, its date, eight Kp, observed F10.7 [sfu]; NaN is missing."""

    where: str
    day: np.datetime64
    kp: list[float]
    f107_sfu: float


def read_gfz(path) -> xr.Dataset:
    """Table of GFZ's `Kp_ap_Ap_SN_F107_since_1932.txt`: `kp(interval)` every 3 h and observed `f107_sfu(day)`."""
    lines = enumerate(text_lines(path), start=1)
    rows = [_gfz_row(line, f"{path}, line {n}") for n, line in lines if line.strip() and not line.startswith("#")]
    return _daily_table(rows, path, GFZ_CREDIT)


def _gfz_row(line, where):
    cells = line.split()
    if len(cells) != 28:
        raise InputError(f"{where}: {len(cells)} columns found, accepted are the 28 of GFZ's Kp_ap_Ap_SN_F107 files")
    values = [_number(cell, where) for cell in [*cells[7:15], cells[25]]]
    *kp, f107_sfu = (np.nan if value == -1 else value for value in values)
    check_ranges(kp, [f107_sfu], where)
    between = [value for value in kp if abs(3 * value % 1 - 0.5) < 0.49]
    if between:
        raise InputError(
            f"{where}: Kp is {between[0]:g}, accepted in GFZ's table are thirds: 0.000, 0.333, 0.667, 1.000, …"
        )
    return _Row(where, _day(cells[:3], where), kp, f107_sfu)


def read_celestrak(path, allow_predicted=False) -> xr.Dataset:
    """Table of CelesTrak's `SW-All.txt` or `SW-Last5Years.txt`, as `read_gfz` gives it.

    Daily predictions follow the observed days only if allowed; their Kp is taken to the nearest third.
    """
    lines = text_lines(path)
    _check_celestrak_layout(lines, path)
    rows = _celestrak_section(lines, "OBSERVED", path)
    attrs = {"predicted_from": ""}
    if allow_predicted and rows:
        last = rows[-1].day
        predicted = [row for row in _celestrak_section(lines, "DAILY_PREDICTED", path) if row.day > last]
        attrs["predicted_from"] = str(predicted[0].day) if predicted else ""
        rows += predicted
    return _daily_table(rows, path, CELESTRAK_CREDIT).assign_attrs(attrs)


def _check_celestrak_layout(lines, path):
    formats = [line.strip("# \r") for line in lines if line.startswith("# FORMAT")]
    if formats != [CELESTRAK_FORMAT]:
        found = quoted(formats or "not stated")
        raise InputError(f"{path}: column layout is {found}, accepted is '# {CELESTRAK_FORMAT}'")
    if not any(line.strip("# \r").split() == CELESTRAK_GROUPS for line in lines if line.startswith("#")):
        raise InputError(f"{path}: no heading line '# {' '.join(CELESTRAK_GROUPS)}', accepted are tables with it")


def _celestrak_section(lines, name, path):
    marks = [f"BEGIN {name}", f"END {name}"]
    stripped = [line.strip() for line in lines]
    if any(mark not in stripped for mark in marks):
        raise InputError(
            f"{path}: the lines '{marks[0]}' and '{marks[1]}' are not both there; a whole file is accepted"
        )
    first, last = (stripped.index(mark) for mark in marks)
    numbered = [(n + 1, lines[n]) for n in range(first + 1, last) if stripped[n]]
    return [_celestrak_row(line, f"{path}, line {n}", name == "OBSERVED") for n, line in numbered]


def _celestrak_row(line, where, observed):
    if len(line.rstrip()) != 130:
        raise InputError(
            f"{where}: {len(line.rstrip())} characters found, accepted are the 130 of the stated column layout"
        )
    codes = [_number(line[at : at + 3], where) for at in range(18, 42, 3)]
    wrong = [code for code in codes if code < 0 or code > 90 or (observed and code % 10 in (1, 2, 4, 5, 6, 8, 9))]
    if wrong:
        raise InputError(
            f"{where}: Kp×10 is {wrong[0]:g}, accepted is 0 to 90, where observed in thirds: 0, 3, 7, 10, 13, …"
        )
    f107_sfu = _number(line[CELESTRAK_OBSERVED_F107], where) or np.nan
    check_ranges([], [f107_sfu], where)
    return _Row(where, _day(line[:10].split(), where), [code / 10 for code in codes], f107_sfu)


def read_csv(path) -> xr.Dataset:
    """Table of a CSV with the header `time,kp,f107`: ISO times (UTC) 1 h or 3 h apart, one F10.7 [sfu] per UTC day."""
    lines = [(n, line) for n, line in enumerate(text_lines(path), start=1) if line.strip() and line[0] != "#"]
    rows = [_csv_row(line, f"{path}, line {n}") for n, line in lines[1:]]
    if not rows:
        raise InputError(f"{path}: no row under the header '{CSV_HEADER}', accepted is at least one")
    where, time, kp, f107_sfu = (np.array(column) for column in zip(*rows, strict=True))
    time = time.astype("datetime64[ns]")
    steps_h = np.diff(time) / HOUR if time.size > 1 else np.ones(1)
    wrong = np.flatnonzero((steps_h != steps_h[0]) | ~np.isin(steps_h, [1, 3]))
    if wrong.size:
        raise InputError(
            f"{where[wrong[0] + 1]}: {steps_h[wrong[0]]:g} h after the row before, accepted is 1 h or 3 h throughout"
        )
    by_day = pd.Series(f107_sfu).groupby(time.astype("datetime64[D]"))
    if np.any(by_day.nunique() > 1):
        day = by_day.nunique().gt(1).idxmax()
        raise InputError(f"{path}: several values of F10.7 on {day:%Y-%m-%d}, accepted is one per UTC day")
    days = by_day.first()
    return _table(time, kp, days.index.to_numpy(), days.to_numpy(), path, "values given by the user", int(steps_h[0]))


def _csv_row(line, where):
    cells = [cell.strip() for cell in line.split(",")]
    if len(cells) != 3:
        raise InputError(f"{where}: {len(cells)} cells found, accepted are three: {CSV_HEADER}")
    try:
        time = datetime.fromisoformat(cells[0])
        time = time.astimezone(UTC).replace(tzinfo=None) if time.tzinfo else time
        if not FIRST_YEAR <= time.year <= LAST_YEAR:
            raise ValueError
    except (ValueError, OverflowError):
        raise InputError(f"{where}: time is '{quoted(cells[0])}', accepted is ISO form, as 2024-02-04T03:00") from None
    time = np.datetime64(time, "ns")
    kp, f107_sfu = (np.nan if value == -1 else value for value in (_number(cell, where) for cell in cells[1:]))
    check_ranges([kp], [f107_sfu], where)
    return where, time, kp, f107_sfu


def text_lines(path) -> list[str]:
    """Lines of a text file; InputError where it cannot be read."""
    return files.text_lines(files.read_bytes(path, ACCEPTED, LARGEST_MB), path, limit=MOST_LINES)


def _number(cell, where):
    try:
        value = float(cell) if cell.strip() else np.nan
        if np.isinf(value):
            raise ValueError
        return value
    except ValueError:
        raise InputError(f"{where}: '{quoted(cell)}' found where a number is accepted") from None


def _day(cells, where):
    try:
        day = datetime(*map(int, cells[:3]))
        if not FIRST_YEAR <= day.year <= LAST_YEAR:
            raise ValueError
        return np.datetime64(day, "D")
    except (ValueError, TypeError, OverflowError):
        raise InputError(f"{where}: the date is '{quoted(' '.join(cells))}', accepted is year, month and day") from None


def _to_thirds(kp):
    return np.round(np.round(kp * 3) / 3, 3)


def check_ranges(kp, f107_sfu, where):
    """Raise InputError at the first Kp outside 0 to 9 or F10.7 [sfu] beyond what was ever measured; NaN passes."""
    wrong = [value for value in kp if value < 0 or value > 9]
    if wrong:
        hint = "; it looks like Kp×10, divide by 10" if 9 < wrong[0] <= 90 else ""
        raise InputError(f"{where}: Kp is {wrong[0]:g}, accepted is 0 to 9{hint}")
    low, high = F107_RANGE_SFU
    wrong = [value for value in f107_sfu if value < low or value > high]
    if wrong:
        raise InputError(
            f"{where}: F10.7 is {wrong[0]:g}, accepted is {low:g} to {high:g} sfu (1 sfu = 1e-22 W m⁻² Hz⁻¹)"
        )


def _daily_table(rows, path, credit):
    """Table from one row per day, in order; days left out of the file become missing values."""
    if not rows:
        raise InputError(f"{path}: no day found, accepted is a table of at least one")
    day = np.array([row.day for row in rows])
    backward = np.flatnonzero(np.diff(day) < DAY)
    if backward.size:
        at = backward[0] + 1
        raise InputError(f"{rows[at].where}: {day[at]} follows {day[at - 1]}, accepted are days in order, each once")
    place = (day - day[0]) // DAY
    kp, f107_sfu = np.full((place[-1] + 1, 8), np.nan), np.full(place[-1] + 1, np.nan)
    kp[place], f107_sfu[place] = _to_thirds(np.array([row.kp for row in rows])), [row.f107_sfu for row in rows]
    days = day[0] + np.arange(f107_sfu.size) * DAY
    intervals = (days[:, None] + np.arange(0, 24, 3) * HOUR).ravel()
    return _table(intervals, kp.ravel(), days, f107_sfu, path, credit, step_hours=3)


def _table(interval, kp, day, f107_sfu, path, credit, step_hours):
    return xr.Dataset(
        {"kp": ("interval", kp), "f107_sfu": ("day", f107_sfu)},
        coords={"interval": interval.astype("datetime64[ns]"), "day": day.astype("datetime64[ns]")},
        attrs={"file": str(path), "credit": credit, "step_hours": step_hours, "predicted_from": ""},
    )
