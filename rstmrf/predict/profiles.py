"""Vertical profiles of one place and time, or of many: their coordinates, and what each whole profile says."""

import numpy as np
import xarray as xr

from rstmrf.predict import cf
from rstmrf.predict.field import DensityField
from rstmrf.predict.layers import layer_values
from rstmrf.predict.points import layer_notes
from rstmrf.units import hours_since


def profile_coordinates(lat, lon, time, alt_km) -> tuple[dict[str, xr.Variable], tuple[str, ...]]:
    """Coordinates of profiles, and the dimension that counts them: none where a single place and time are given."""
    dims = ("profile",) if any(np.ndim(x) for x in (lat, lon, time)) else ()
    lat, lon, time = np.broadcast_arrays(lat, lon, np.asarray(time, "datetime64[ns]"))
    coords = {name: cf.place_coordinate(name, dims, x) for name, x in (("lat", lat), ("lon", lon))}
    coords |= {"time": cf.time_coordinate(dims, time), "alt_km": cf.place_coordinate("alt_km", ("alt_km",), alt_km)}
    return coords, dims


def layers_of_profiles(field: DensityField, ds: xr.Dataset, dims, vtec_km, m3000: str) -> dict[str, xr.DataArray]:
    """Peak, MUF and TEC of the profiles of a Dataset that are counted by `dims`, all of them covered."""
    lat, lon, time = (np.atleast_1d(ds[name].values) for name in ("lat", "lon", "time"))
    hours, shape = hours_since(time, field.processor.start), ds["lat"].shape
    layers = {name: np.empty(len(hours), np.float32) for name in cf.LAYERS}
    for hour in np.unique(hours):
        rows = hours == hour
        for name, values in layer_values(field, lat[rows], lon[rows], float(hour), vtec_km, m3000).items():
            layers[name][rows] = values
    variables = {name: (dims, values.reshape(shape)) for name, values in layers.items()}
    found = cf.dataset(variables, {}, {}, layer_notes(vtec_km, m3000))
    return {str(name): values for name, values in found.data_vars.items()}
