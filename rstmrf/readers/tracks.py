"""Places along a way: time, latitude, longitude and altitude, from CSV or netCDF, such as a satellite's orbit."""

from pathlib import Path

import numpy as np
import pandas as pd
import xarray as xr

from rstmrf.errors import InputError

#: accepted names, lower case, and the factor to the unit of the first one
NAMES = {
    "time": {"time": 1.0, "timestamp": 1.0, "epoch": 1.0, "datetime": 1.0, "date": 1.0},
    "lat": dict.fromkeys(("lat", "latitude", "lat_deg", "glat"), 1.0),
    "lon": dict.fromkeys(("lon", "long", "longitude", "lon_deg", "glon"), 1.0),
    "alt_km": {**dict.fromkeys(("alt_km", "altitude_km", "height_km"), 1.0), "alt_m": 1e-3, "altitude_m": 1e-3},
}


def read_track(path) -> xr.Dataset:
    """Read `time`, `lat`, `lon` and `alt_km` over `point` from a CSV with a header, or a netCDF file.

    Names are matched without regard to case, and others are accepted: timestamp, latitude, altitude_m …; times are UT.

    Raises:
        InputError: no such file, a column that is absent, a value that is no time, number or place.
    """
    path = Path(path)
    table = _netcdf(path) if path.suffix.lower() in (".nc", ".nc4", ".cdf") else _csv(path)
    table.columns = [str(name).strip().lower() for name in table.columns]
    found = {name: _column(table, name, accepted, path) for name, accepted in NAMES.items()}
    if not len(table):
        raise InputError(f"{path}: holds no line below its header")
    for name, low, high in (("lat", -90.0, 90.0), ("lon", -360.0, 360.0), ("alt_km", -10.0, 1e5)):
        wrong = np.flatnonzero(~((found[name] >= low) & (found[name] <= high)))
        if wrong.size:
            value = found[name][wrong[0]]
            raise InputError(f"{path}: {name} of row {wrong[0] + 1} is {value:g}; accepted is {low:g} to {high:g}")
    return xr.Dataset({name: ("point", values) for name, values in found.items()})


def _csv(path):
    try:
        return pd.read_csv(path, comment="#", skipinitialspace=True)
    except (OSError, UnicodeDecodeError, pd.errors.ParserError, pd.errors.EmptyDataError) as error:
        raise InputError(f"{path}: cannot be read as CSV ({str(error).splitlines()[0]})") from None


def _netcdf(path):
    try:
        with xr.open_dataset(path) as ds:
            return ds.reset_coords().to_dataframe().reset_index()
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: cannot be read as netCDF ({str(error).splitlines()[0]})") from None


def _column(table, name, accepted, path) -> np.ndarray:
    at = next((column for column in accepted if column in table), None)
    if at is None:
        raise InputError(
            f"{path}: has no column {name}; it has {', '.join(table.columns)}, accepted are {', '.join(accepted)}"
        )
    try:
        if name == "time":
            return pd.to_datetime(table[at], utc=True, format="ISO8601").dt.tz_localize(None).to_numpy("datetime64[ns]")
        return table[at].to_numpy(float) * accepted[at]
    except (ValueError, TypeError) as error:
        raise InputError(f"{path}: the column {at} cannot be read ({str(error).splitlines()[0]})") from None
