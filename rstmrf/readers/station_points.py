"""Profiles above a station, radar or digisonde, in the form that `read_observations` gives, with a flag `measured`."""

from pathlib import Path

import numpy as np
import xarray as xr

from rstmrf.errors import InputError
from rstmrf.readers.observations import VARIABLE_ATTRS
from rstmrf.readers.point_tables import COLUMN_TYPES
from rstmrf.units import wrap_longitude

_MEASURED = {"long_name": "whether the density was measured; else the instrument's own model gave it", "units": "1"}


def station_points(path: Path, source: str, columns: dict, measured, sigma_log10_ne=None, credit="") -> xr.Dataset:
    """Points of a station as a Dataset of `point`.

    Args:
        path: where they come from; source: kind of instrument and place.
        columns: lat [deg], lon [deg], alt_km [km], time [datetime64], log10_ne_m3 and profile, each `[P]`.
        measured: which densities were measured, `[P]`; sigma_log10_ne: their uncertainty [1], `[P]`.
        credit: what its provider asks to be said.

    Raises:
        InputError: no points, or a place that is none.
    """
    if not len(columns["lat"]):
        raise InputError(f"{path}: holds no usable density; each point needs a height, a positive density and a time.")
    lat = np.asarray(columns["lat"], float)
    if not (np.abs(lat) <= 90).all():
        raise InputError(
            f"{path}: the latitude {lat[np.argmax(np.abs(lat))]:g} is out of range; accepted is -90 to 90."
        )
    columns = columns | {"lon": wrap_longitude(np.asarray(columns["lon"], float))}
    found = {name: np.asarray(columns[name]).astype(kind) for name, kind in COLUMN_TYPES.items()}
    ds = xr.Dataset(
        {"log10_ne_m3": ("point", found.pop("log10_ne_m3"), VARIABLE_ATTRS["log10_ne_m3"])},
        {name: ("point", values, VARIABLE_ATTRS[name]) for name, values in found.items()},
        {"Conventions": "CF-1.11", "title": f"Electron density above a station ({source})", "source": str(path)},
    )
    ds["measured"] = ("point", np.asarray(measured, bool), _MEASURED)
    if sigma_log10_ne is not None:
        sigma = np.asarray(sigma_log10_ne, np.float32)
        ds["sigma_log10_ne"] = ("point", sigma, VARIABLE_ATTRS["sigma_log10_ne"])
    return ds.assign_attrs(credit=credit) if credit else ds


def station_place(lat, lon, path) -> tuple[float, float]:
    """A station's latitude and longitude [deg] as a user gives them; raises InputError where they are no place."""
    try:
        lat, lon = float(lat), float(lon)
    except (TypeError, ValueError):
        lat = lon = float("nan")
    if not (abs(lat) <= 90 and abs(lon) <= 360):
        raise InputError(f"{path}: it names no place; give the station's lat (-90 to 90) and lon (-180 to 360) [deg].")
    return lat, lon
