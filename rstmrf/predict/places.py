"""From what a user has, a Dataset, a DataFrame or arrays, to points; and what of it a model can be asked about."""

from typing import NamedTuple

import numpy as np
import pandas as pd
import torch
import xarray as xr
from jaxtyping import Float, Int

from rstmrf.background.iri import ALT_RANGE_KM
from rstmrf.errors import InputError
from rstmrf.model.coordinates import TRAINED_KM
from rstmrf.predict.cf import COVERAGE, place_coordinate, time_coordinate
from rstmrf.predict.field import DensityField
from rstmrf.units import hours_since

NAMES = ("time", "lat", "lon", "alt_km")
_EXTRAPOLATED, _BEYOND_IRI, _NO_WINDOW, _NO_DAY, _INVALID = COVERAGE
_REMEDY = {
    _INVALID: "latitudes of -90 to 90, finite longitudes and altitudes, and whole times are accepted",
    _BEYOND_IRI: f"altitudes from {ALT_RANGE_KM[0]:g} to {ALT_RANGE_KM[1]:g} km are accepted",
    _NO_DAY: "the background is given for {days}; give maps and indices "
    "of other days (--tec and --drivers, or tec= and indices= of rstmrf.load)",
    _NO_WINDOW: "there is no whole window of TEC maps and indices; give maps and indices of the hours before it",
}


class Places(NamedTuple):
    """Points in one row, `[P]`, and the dimensions and coordinates that a product gives back."""

    time: np.ndarray
    lat: np.ndarray
    lon: np.ndarray
    alt_km: np.ndarray
    sizes: dict[str, int]
    coords: dict

    def shaped(self, values: np.ndarray) -> tuple[tuple[str, ...], np.ndarray]:
        """Dimensions and values `[P]` in the shape that was given."""
        return tuple(self.sizes), values.reshape(tuple(self.sizes.values()))


def read_places(given, **arrays) -> Places:
    """Points of a Dataset of any dimensions, of a DataFrame, of a mapping, or of arrays, broadcast to each other.

    Raises:
        InputError: one of `time`, `lat`, `lon`, `alt_km` is missing, or shapes do not fit.
    """
    named = {name: values for name, values in arrays.items() if values is not None}
    if given is not None and named:
        raise InputError(f"points are given as a whole and as {', '.join(named)}; give one or the other")
    source = named if given is None else given
    missing = [name for name in NAMES if name not in source]
    if missing:
        raise InputError(f"{', '.join(missing)} of the points is missing; time, lat, lon and alt_km are needed")
    if isinstance(source, xr.Dataset):
        whole = xr.broadcast(*(source[name].reset_coords(drop=True) for name in NAMES))
        sizes = dict(zip(whole[0].dims, whole[0].shape, strict=True))
        coords = {name: source[name].variable for name in source.coords if set(source[name].dims) <= set(sizes)}
        coords |= {name: _as_given(name, source[name].dims, source[name]) for name in NAMES}
        return Places(*(_values(n, x.values).ravel() for n, x in zip(NAMES, whole, strict=True)), sizes, coords)
    columns = {name: _values(name, source[name]) for name in NAMES}
    try:
        whole = [np.atleast_1d(x) for x in np.broadcast_arrays(*columns.values())]
    except ValueError:
        shapes = ", ".join(f"{name} {list(x.shape)}" for name, x in columns.items())
        raise InputError(f"points do not fit together: {shapes}; give one value or as many of each") from None
    if whole[0].ndim > 1:
        raise InputError(f"points have shape {list(whole[0].shape)}; give rows of points, or a Dataset")
    sizes = {"point": len(whole[0])}
    coords = {name: _as_given(name, ("point",), x) for name, x in zip(NAMES, whole, strict=True)}
    if isinstance(source, pd.DataFrame) and not isinstance(source.index, pd.RangeIndex | pd.MultiIndex):
        coords["point"] = ("point", source.index.to_numpy())
    return Places(*whole, sizes, coords)


def _values(name, values) -> np.ndarray:
    try:
        if name != "time":
            return np.asarray(values, float)
        if isinstance(values, pd.Series | pd.DatetimeIndex) and getattr(values.dtype, "tz", None):
            values = pd.DatetimeIndex(values).tz_convert("UTC").tz_localize(None)
        return np.asarray(values).astype("datetime64[ns]")
    except (TypeError, ValueError):
        wanted = "datetime64 or ISO text (UT)" if name == "time" else "numbers"
        raise InputError(f"{name} of the points cannot be read as {wanted}") from None


def _as_given(name, dims, values):
    if name == "time":
        return time_coordinate(tuple(dims), values)
    return place_coordinate(name, tuple(dims), values, getattr(values, "attrs", None))


def coverage(
    field: DensityField, time, lat, lon, alt_km=None
) -> tuple[Int[np.ndarray, " p"], Float[torch.Tensor, " p"]]:
    """Flags (`COVERAGE`) of points `[P]`, and their hours since the field's start."""
    hours = torch.from_numpy(np.atleast_1d(hours_since(time, field.processor.start)).astype(float))
    flags = np.zeros(len(hours), np.int8)
    valid = (np.abs(lat) <= 90) & np.isfinite(lon) & torch.isfinite(hours).numpy() & ~np.isnat(time)
    if alt_km is not None:
        valid &= np.isfinite(alt_km)
        flags[(alt_km < TRAINED_KM[0]) | (alt_km > TRAINED_KM[1])] |= _EXTRAPOLATED
        flags[(alt_km < ALT_RANGE_KM[0]) | (alt_km > ALT_RANGE_KM[1])] |= _BEYOND_IRI
    window, day = field.covered(torch.nan_to_num(hours, nan=-1e9))
    flags[~window.numpy()] |= _NO_WINDOW
    flags[~day.numpy()] |= _NO_DAY
    flags[~valid] = _INVALID
    return flags, hours


def refuse_uncovered(flags, field: DensityField, time, lat, lon, alt_km=None) -> None:
    """InputError for the first point that cannot be answered; altitudes beyond training can be."""
    wrong = np.flatnonzero(flags & ~_EXTRAPOLATED)
    if not len(wrong):
        return
    row = wrong[0]
    flag = next(bit for bit in _REMEDY if flags[row] & bit)
    place = {"time": str(np.atleast_1d(time)[row])[:16], "lat": lat[row], "lon": lon[row]}
    subject = f"time {place['time']}"
    if flag == _BEYOND_IRI and alt_km is not None:
        subject = f"alt_km[{row}] is {alt_km[row]:g}"
    elif flag == _INVALID:
        subject = f"point {row} has time {place['time']}, lat {place['lat']:g}, lon {place['lon']:g}"
        subject += "" if alt_km is None else f", alt_km {alt_km[row]:g}"
    first = np.datetime64(field.iri.start.isoformat(), "D")
    days = f"{first} to {first + field.iri.n_days - 1}"
    raise InputError(f"{subject}: {_REMEDY[flag].format(days=days)}")


def covered_hours(field: DensityField, time, lat, lon, alt_km=None) -> Float[np.ndarray, " t"]:
    """Hours since start of times, all of which can be answered at some places of a grid or along columns.

    Raises:
        InputError: one that cannot, or a place that does not exist.
    """
    n = max(np.size(x) for x in (time, lat, lon, alt_km))
    given = [np.resize(np.asarray(x, float), n) for x in ((lat, lon) if alt_km is None else (lat, lon, alt_km))]
    every = np.resize(np.asarray(time, "datetime64[ns]"), n)
    flags, hours = coverage(field, every, *given)
    refuse_uncovered(flags, field, every, *given)
    return hours.numpy()[: np.size(time)]


def answered(flags) -> np.ndarray:
    """Which points have a value."""
    return (flags & ~_EXTRAPOLATED) == 0
