"""Incoherent scatter radar: the HDF5 tables of the Madrigal database (http://cedar.openmadrigal.org)."""

from pathlib import Path

import h5py
import numpy as np
import xarray as xr
from jaxtyping import Float

from rstmrf.errors import InputError
from rstmrf.readers.hdf5 import check_heaps
from rstmrf.readers.occultations import KM_UNITS, ne_factor
from rstmrf.readers.station_points import station_points
from rstmrf.units import EARTH_RADIUS_KM

TABLE, PARAMETERS, EXPERIMENT = "Data/Table Layout", "Metadata/Data Parameters", "Metadata/Experiment Parameters"
TIMES = ("ut1_unix", "ut2_unix")
SECONDS = ("s", "sec", "seconds")


def read_madrigal(path: str | Path, alt_range_km: tuple[float, float] = (80.0, 1000.0)) -> xr.Dataset:
    """Read a radar's electron densities from a Madrigal HDF5 table; names are matched without regard to case.

    Needed are `ut1_unix` [s], `gdalt` [km] and `ne` [m⁻³]; their units are checked where the file states them.
    `dne` [m⁻³] becomes sigma_log10_ne = dne / (ne ln 10). A point's time is the middle of `ut1_unix` and `ut2_unix`,
    its place `gdlat` and `glon`, or the radar's with azimuth, elevation and range, or the radar's own. Points that are
    not finite, not positive or outside `alt_range_km` are left out; one start of integration is one profile.

    Raises InputError if the file cannot be read, lacks a column, or states a unit that is not known.
    Source: Madrigal's "Hdf5 file format" and its list of parameters.
    """
    path = Path(path)
    table, units, experiment = _load(path)
    missing = [name for name in ("ut1_unix", "gdalt", "ne") if name not in table]
    if missing:
        raise InputError(f"{path}: its table has no {', '.join(missing)}; it needs ut1_unix, gdalt (km) and ne (m-3).")
    _check_seconds(path, units)
    alt_km = table["gdalt"] * _factor(path, "gdalt", units, "km", KM_UNITS.get)
    ne_m3 = table["ne"] * ne_factor(units.get("ne", "m-3"), f"{path}: the unit of ne")
    begin = table["ut1_unix"]
    middle = (begin + table.get("ut2_unix", begin)) / 2
    lat, lon = _places(path, table, experiment)
    with np.errstate(invalid="ignore", divide="ignore"):
        good = np.isfinite([lat, lon, alt_km, middle]).all(axis=0) & np.isfinite(ne_m3) & (ne_m3 > 0)
        good &= (alt_km >= alt_range_km[0]) & (alt_km <= alt_range_km[1])
        sigma = None
        if "dne" in table:
            error_m3 = table["dne"] * ne_factor(units.get("dne", "m-3"), f"{path}: the unit of dne")
            sigma = np.where(error_m3 > 0, error_m3 / (ne_m3 * np.log(10)), np.nan)[good]
    columns = {
        "lat": lat[good],
        "lon": lon[good],
        "alt_km": alt_km[good],
        "time": np.round(middle[good] * 1e3).astype("datetime64[ms]"),
        "log10_ne_m3": np.log10(ne_m3[good]),
        "profile": np.unique(begin[good], return_inverse=True)[1],
    }
    source = experiment.get("instrument", "incoherent scatter radar")
    return station_points(path, source, columns, np.ones(int(good.sum()), bool), sigma)


def _load(path: Path) -> tuple[dict[str, Float[np.ndarray, " n"]], dict[str, str], dict[str, str]]:
    """Columns of numbers and their units by lower-case name, and what is said of the experiment."""
    try:
        check_heaps(path)
        with h5py.File(path, "r") as file:
            rows = np.asarray(file[TABLE])
            names = rows.dtype.names or ()
            table = {name.lower(): rows[name].astype(float) for name in names if rows.dtype[name].kind in "iuf"}
            listed, said = ([*np.asarray(file[name])] if name in file else [] for name in (PARAMETERS, EXPERIMENT))
    except (OSError, KeyError, ValueError, AttributeError, RuntimeError) as error:
        raise InputError(f"{path}: cannot be read as a Madrigal HDF5 file with '{TABLE}' ({error}).") from error
    units = {_text(row[0]).lower(): _text(row[3]) for row in listed if len(row) > 3}
    return table, units, {_text(row[0]).lower(): _text(row[1]) for row in said if len(row) > 1}


def _text(value) -> str:
    return value.decode("utf-8", "replace").strip() if isinstance(value, bytes) else str(value).strip()


def _factor(path, name, units, usual, factor_of):
    unit = units.get(name, usual)
    factor = factor_of(unit.lower())
    if factor is None:
        raise InputError(f"{path}: the unit of {name} is {unit!r}; accepted are km and m.")
    return factor


def _check_seconds(path, units):
    for name in TIMES:
        if units.get(name, "s").lower() not in SECONDS:
            raise InputError(f"{path}: the unit of {name} is {units[name]!r}; accepted are seconds since 1970 (s).")


def _places(path, table, experiment):
    """Latitude and longitude [deg] of every point."""
    n = len(table["gdalt"])
    if {"gdlat", "glon"} <= table.keys():
        return table["gdlat"], table["glon"]
    try:
        lat, lon = (float(experiment[f"instrument {name}"]) for name in ("latitude", "longitude"))
    except (KeyError, ValueError):
        raise InputError(
            f"{path}: no place; accepted are columns gdlat and glon, or the instrument's position."
        ) from None
    if not {"azm", "elm", "range"} <= table.keys():
        return np.full(n, lat), np.full(n, lon)
    azimuth, elevation = np.deg2rad(table["azm"]), np.deg2rad(table["elm"])
    # the arc from the radar to the point below the beam, on a sphere
    out_km, up_km = table["range"] * np.cos(elevation), EARTH_RADIUS_KM + table["range"] * np.sin(elevation)
    arc, at = np.arctan2(out_km, up_km), np.deg2rad(lat)
    sine = np.sin(at) * np.cos(arc) + np.cos(at) * np.sin(arc) * np.cos(azimuth)
    east = np.arctan2(np.sin(azimuth) * np.sin(arc) * np.cos(at), np.cos(arc) - np.sin(at) * sine)
    return np.rad2deg(np.arcsin(sine)), lon + np.rad2deg(east)
