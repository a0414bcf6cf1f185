"""When a profile was measured: from the attributes of its file, GPS seconds, or its name."""

import re
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from rstmrf.errors import InputError, quoted

GPS_EPOCH = np.datetime64("1980-01-06T00:00:00", "ns")
LAST_GPS_SECONDS = 4e9
NAME_TIME = re.compile(r"(?<!\d)(\d{4})(\d{2})(\d{2})_(\d{2})(\d{2})(?!\d)")


def epoch_of(path: Path, attrs: Mapping) -> np.datetime64:
    """Epoch [datetime64[ns]] of a netCDF profile from its attributes, `edmaxtime` or its name."""
    year, doy, month, day = (attribute_number(attrs, *names) for names in (("year",), ("doy",), ("month",), ("day",)))
    hour, minute, second = (
        attribute_number(attrs, *names) for names in (("hour",), ("minute", "min"), ("second", "sec"))
    )
    if None not in (year, hour, minute) and (doy is not None or None not in (month, day)):
        found = f"year {year:g}, month {month}, day {day}, doy {doy}, {hour:g} h {minute:g} min"
        return calendar_time(path, found, year, month, day, hour, minute, second or 0.0, doy)
    if (gps_seconds := attribute_number(attrs, "edmaxtime")) is not None and 0 < gps_seconds < LAST_GPS_SECONDS:
        return GPS_EPOCH + np.timedelta64(round(gps_seconds * 1e3), "ms")
    if (time := time_from_name(path)) is not None:
        return time
    raise InputError(
        f"{path}: no epoch; accepted are Year, Month and Day or Doy, Hour, Minute, or a name YYYYMMDD_HHMM."
    )


def time_from_name(path: Path) -> np.datetime64 | None:
    """Epoch [datetime64[ns]] in a name YYYYMMDD_HHMM; None where it holds none."""
    match = NAME_TIME.search(path.name)
    return calendar_time(path, f"{match[0]} in the name", *map(float, match.groups())) if match else None


def calendar_time(path, found: str, year, month, day, hour, minute, second=0.0, doy=None) -> np.datetime64:
    """Epoch [datetime64[ns]] of a date, by month and day or by the day of the year; `found` is what an error quotes."""
    ranges = ((year, 1957, 2100), (hour, 0, 24), (minute, 0, 60), (second, 0, 60.999))
    try:
        if not all(low <= value <= high for value, low, high in ranges):
            raise ValueError
        if month is not None and day is not None:
            date = np.datetime64(f"{int(year):04d}-{int(month):02d}-{int(day):02d}")
        elif doy is not None and 1 <= doy <= 366:
            date = np.datetime64(f"{int(year):04d}-01-01") + np.timedelta64(int(doy) - 1, "D")
        else:
            raise ValueError
    except (ValueError, OverflowError) as error:
        raise InputError(f"{path}: the epoch ({quoted(found)}) is no date and time of the calendar.") from error
    milliseconds = round(((hour * 60 + minute) * 60 + second) * 1e3)
    return date.astype("datetime64[ns]") + np.timedelta64(milliseconds, "ms")


def attribute_number(attrs: Mapping, *names: str) -> float | None:
    """A global attribute as a number, be it written as a number, an array of one, bytes or text."""
    for name in names:
        value = attrs.get(name)
        try:
            value = value.decode() if isinstance(value, bytes) else value
            return float(np.asarray(value).ravel()[0])
        except (TypeError, ValueError, IndexError):
            continue
    return None
