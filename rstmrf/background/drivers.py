"""Solar-cycle drivers of the IRI background: the monthly ionosonde index IG12, sunspot number Rz12, and 81-day F10.7.

IG12, a twelve-month running mean found from ionosondes, rules foF2 and hmF2; the 81-day F10.7 rules the rest.
The monthly values are those of IRI's own `ig_rz.dat`; months later than its update date hold predictions.
"""

import warnings
from functools import cache
from importlib.resources import files

import numpy as np
import pandas as pd

from rstmrf.errors import InputError

DAY = np.timedelta64(1, "D")
#: F10.7 of a day is measured about local noon at Penticton
F107_MEASURED = np.timedelta64(20, "h")


def ig12(dates) -> np.ndarray:
    """IG12 at `dates` (datetime64 or ISO text, any shape), linear in days between mid-months, constant over a UTC day.

    Mid-month is the 15th, in February the 14th, as in IRI. InputError: a date outside the table.
    """
    return _between_mid_months("ig12", dates)


def rz12(dates) -> np.ndarray:
    """Rz12 at `dates`, as `ig12` gives IG12."""
    return _between_mid_months("rz12", dates)


def ionosphere_drivers(indices, dates, known_until=None) -> pd.DataFrame:
    """The two drivers of IRI for each UTC day of `dates`: `ig12` (for foF2 and hmF2) and `f107_81d_sfu` (for the rest).

    `indices` is the hourly Dataset of `rstmrf.readers.indices`. After the end of the IG12 table, IG12 comes from the
    81-day F10.7 by IRI's conversion (PyIRI); a warning and the column `ig12_source` (`table` or `f107_81d`) say so.

    With `known_until` [datetime, UTC] nothing later than it is used: a forecast. The centred mean of F10.7 needs 40
    days to come, so the trailing mean stands for it, held from the last day whose F10.7 was measured by then (20 UT).
    IG12 of a month needs the six months after it, so on any day it is known for a month at least six back; converting
    the trailing mean comes nearer to the IG12 found later than holding that value does (13 against 19 units of IG12,
    1965 to 2024: `tests/background/test_drivers.py`). So IG12 is converted on all days (`f107_81d_trailing`), those
    before `known_until` too: a model learns its residual from the background that it will be added to.

    InputError: a day that `indices` does not hold, or one before the table.
    """
    day = np.unique(_days(dates))
    if known_until is not None:
        return _known_drivers(indices, day, known_until)
    f107_81d_sfu = _of_days(indices, day, "f107_81d_sfu")
    covered = day <= _days(_read_table().index[-1])
    values = np.full(day.size, np.nan)
    values[covered] = ig12(day[covered])
    if not covered.all():
        values[~covered] = _ig12_from_f107(f107_81d_sfu[~covered], day[~covered])
    return _table_of(day, values, f107_81d_sfu, np.where(covered, "table", "f107_81d"))


def _known_drivers(indices, day, known_until):
    from PyIRI.main_library import F107_2_IG12

    moment = np.asarray(known_until).astype("datetime64[s]")
    if np.isnat(moment):
        raise InputError("known_until is missing (NaT), accepted is a date and time in ISO form, as 2024-02-04T06:00")
    last = (moment - F107_MEASURED).astype("datetime64[D]")
    f107_81d_sfu = _of_days(indices, np.minimum(day, last), "f107_81d_trailing_sfu")
    return _table_of(day, F107_2_IG12(f107_81d_sfu), f107_81d_sfu, np.full(day.size, "f107_81d_trailing"))


def _table_of(day, values, f107_81d_sfu, source):
    columns = {"ig12": values, "f107_81d_sfu": f107_81d_sfu, "ig12_source": source}
    return pd.DataFrame(columns, index=pd.Index(day.astype("datetime64[ns]"), name="day"))


def _of_days(indices, day, name):
    """81-day F10.7 [sfu] of each day, which is the same at all its hours; days without any hour lie between others."""
    if name not in indices:
        raise InputError(f"the indices hold no {name}; read_indices and given_indices give it")
    hourly = indices[name].to_series()
    held_days = hourly.groupby(hourly.index.floor("D")).first()
    at, held_at = day.astype(int), held_days.index.to_numpy().astype("datetime64[D]").astype(int)
    missing = day[(at < held_at.min(initial=at.max() + 1)) | (at > held_at.max(initial=at.min() - 1))]
    if missing.size:
        held = f"{indices.time.values[0]:.13} to {indices.time.values[-1]:.13}" if indices.time.size else "nothing"
        raise InputError(f"F10.7 is not given for {missing[0]}; the indices hold {held}, accepted are days within")
    return np.interp(at, held_at, held_days.to_numpy())


def _ig12_from_f107(f107_81d_sfu, day):
    from PyIRI.main_library import F107_2_IG12

    last = _days(_read_table().index[-1])
    warnings.warn(
        f"IG12 for {day[0]} to {day[-1]} is converted from the 81-day F10.7: the IG12 table ends {last}", stacklevel=3
    )
    return F107_2_IG12(f107_81d_sfu)


def _between_mid_months(name, dates):
    day, table = _days(dates), _read_table()
    first, last = _days(table.index[[0, -1]])
    outside = day[(day < first) | (day > last)]
    if outside.size:
        raise InputError(
            f"{name.upper()} is not known for {outside.flat[0]}, accepted are dates from {first} to {last}"
        )
    return np.interp((day - first) / DAY, (_days(table.index) - first) / DAY, table[name].to_numpy())


def _days(dates):
    try:
        day = np.asarray(dates).astype("datetime64[D]")
    except ValueError:
        raise InputError(f"dates are '{dates}', accepted are dates in ISO form, as 2024-02-04") from None
    if np.isnat(day).any():
        raise InputError("a date is missing (NaT), accepted are dates in ISO form, as 2024-02-04")
    return day


@cache
def _read_table():
    """Monthly `ig12` and `rz12` [1] by mid-month."""
    with (files("rstmrf.background") / "tables" / "ig12_rz12.csv").open(encoding="utf-8") as file:
        table = pd.read_csv(file, comment="#")
    mid = table.month.map(lambda month: 14 if month == 2 else 15)
    return table.set_index(pd.to_datetime({"year": table.year, "month": table.month, "day": mid}))[["ig12", "rz12"]]
