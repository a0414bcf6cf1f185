"""Global TEC maps on any grid: one order, poles, the 1° grid, fewer nodes."""

import numpy as np
import xarray as xr

from rstmrf.errors import InputError
from rstmrf.readers.plausible import END_TIME, FIRST_TIME
from rstmrf.units import wrap_longitude

VARIABLES = {
    "vtec_tecu": {"units": "TECU", "long_name": "vertical TEC"},  # CF has no standard name of it
    "rms_tecu": {"units": "TECU", "long_name": "RMS error of vertical TEC"},
}
LAT_ATTRS = {"units": "degrees_north", "standard_name": "latitude", "long_name": "geographic latitude"}
LON_ATTRS = {"units": "degrees_east", "standard_name": "longitude", "long_name": "geographic longitude"}
GLOBAL_LAT, GLOBAL_LON = np.arange(-90.0, 91.0), np.arange(-180.0, 181.0)
FARTHEST_RING_DEG = 10.0


def tec_dataset(time, lat, lon, maps, attrs) -> xr.Dataset:
    """Bring maps {name: [time, lat, lon], TECU} to the order every reader returns; copies only what has to move.

    Time ascending and unique (of two maps of one epoch the later in order stays), latitude ascending, longitude
    ascending in [-180, 180), the repeated column of the seam merged.
    """
    time, lat, lon = np.asarray(time, "datetime64[ns]"), np.asarray(lat, float), np.asarray(lon, float)
    # np.unique returns first places: reversed, they are the last ones
    keep = len(time) - 1 - np.unique(time[::-1], return_index=True)[1]
    seam_twice = np.isclose(abs(lon[-1] - lon[0]), 360.0)
    lon = np.round(wrap_longitude(lon[:-1] if seam_twice else lon), 6)
    rows, columns, seam_difference = np.argsort(lat), np.argsort(lon), 0.0
    variables = {}
    for name, values in maps.items():
        values = np.asarray(values, np.float32)
        if seam_twice:
            values, difference = _merge_seam(values)
            seam_difference = difference if name == "vtec_tecu" else seam_difference
        for axis, order in enumerate((keep, rows, columns)):
            if not np.array_equal(order, np.arange(values.shape[axis])):
                values = np.take(values, order, axis)
        variables[name] = (("time", "lat", "lon"), values, dict(VARIABLES[name]))
    coords = {
        "time": ("time", time[keep], {"standard_name": "time", "long_name": "epoch of the map, UT"}),
        "lat": ("lat", lat[rows], dict(LAT_ATTRS)),
        "lon": ("lon", lon[columns], dict(LON_ATTRS)),
    }
    extra = {"seam_difference_tecu": seam_difference} if seam_difference else {}
    return xr.Dataset(variables, coords, {**attrs, **extra})


def fill_poles(ds) -> xr.Dataset:
    """Extend latitude to ±90: TEC of a pole is the mean of the outermost ring, the same at all longitudes.

    Raises InputError where the outermost ring is more than 10° from the pole.
    """
    lat = ds.lat.values
    edges = [(row, lat[row], pole) for row, pole in ((0, -90.0), (-1, 90.0)) if not np.isclose(lat[row], pole)]
    if not edges:
        return ds
    maps = {name: ds[name].values for name in ds.data_vars}
    for row, last, pole in edges:
        if abs(last - pole) > FARTHEST_RING_DEG:
            raise InputError(f"latitudes end at {last:g}, too far from the pole at {pole:g}; 80 or beyond is needed.")
        lat = np.append(lat, pole)
        for name in maps:
            ring = ds[name].isel(lat=[row]).astype(float)
            cap = ring.mean("lon").broadcast_like(ring).transpose(*ring.dims).values.astype(np.float32)
            maps[name] = np.concatenate([maps[name], cap], axis=1)
    return tec_dataset(ds.time.values, lat, ds.lon.values, maps, ds.attrs)


def to_global_grid(ds) -> xr.Dataset:
    """Bring `vtec_tecu` to 181 x 361 nodes: latitude -90 to 90, longitude -180 to 180 with the seam column repeated.

    Bilinear, periodic in longitude. Missing cells are first filled along their circle of latitude, a circle without
    any value from its neighbours; their number is in the attribute `filled_cells`. RMS maps stay behind.

    Raises InputError: the poles are left out, longitudes do not go round the globe, a map without any value.
    """
    lat, lon, maps = ds.lat.values, ds.lon.values, ds.vtec_tecu.values
    if not np.allclose(lat[[0, -1]], (-90.0, 90.0)):
        raise InputError(f"latitudes go from {lat[0]:g} to {lat[-1]:g}; -90 to 90 is needed, see fill_poles.")
    columns = columns_round_the_globe(lon)
    lon = lon[:columns]
    to_rows = _linear_weights(GLOBAL_LAT, lat)
    around = _linear_weights(lon[0] + (GLOBAL_LON - lon[0]) % 360.0, np.append(lon, lon[0] + 360.0))
    around[:, 0] += around[:, -1]
    to_columns = around[:, :-1].T
    on_grid = np.array_equal(lat, GLOBAL_LAT) and np.array_equal(lon, GLOBAL_LON[:-1])
    out, filled = np.empty((len(maps), GLOBAL_LAT.size, GLOBAL_LON.size), np.float32), 0
    for k, epoch in enumerate(ds.time.values):
        values, n_missing = _fill_missing(maps[k, :, :columns], lat, lon, epoch)
        filled += n_missing
        if on_grid:
            out[k, :, :-1], out[k, :, -1] = values, values[:, 0]
        else:
            out[k] = to_rows @ values @ to_columns
    return maps_like(ds, out, lat=GLOBAL_LAT, lon=GLOBAL_LON, filled_cells=filled)


def downsample(ds, factor: int) -> xr.Dataset:
    """Keep every `factor`-th node of the 181 x 361 grid, both ends included: 4 gives 46 x 91, 6 gives 31 x 61.

    Maps that were thinned by this factor before stay as they are.
    Raises InputError: another grid, or a factor that does not divide 180.
    """
    accepted = [n for n in range(1, 181) if 180 % n == 0]
    if isinstance(factor, bool) or not isinstance(factor, int | np.integer) or factor not in accepted:
        raise InputError(f"factor is {factor!r}; accepted are {', '.join(map(str, accepted))}.")
    shape = (ds.sizes.get("lat"), ds.sizes.get("lon"))
    if factor > 1 and shape == (180 // factor + 1, 360 // factor + 1):
        return ds
    if shape != (GLOBAL_LAT.size, GLOBAL_LON.size):
        raise InputError(f"maps of {shape[0]} x {shape[1]} nodes cannot be thinned; 181 x 361 is needed.")
    return ds.isel(lat=slice(None, None, int(factor)), lon=slice(None, None, int(factor)))


def _merge_seam(values):
    """Drop the last column, the first one over again; where the two differ, the first becomes their mean."""
    first, last = values[..., 0], values[..., -1]
    if np.array_equal(first, last, equal_nan=True):
        return values[..., :-1], 0.0
    merged = values[..., :-1].copy()
    merged[..., 0] = np.where(np.isnan(first), last, np.where(np.isnan(last), first, (first + last) / 2))
    difference = np.abs(first - last)
    return merged, float(difference[np.isfinite(difference)].max(initial=0.0))


def maps_like(ds, vtec_tecu, time=None, lat=None, lon=None, **attrs):
    """The dataset `ds` with other maps, the coordinates that changed, and further attributes."""
    given = {"time": time, "lat": lat, "lon": lon}
    coords = {dim: ds[dim] if values is None else (dim, values, ds[dim].attrs) for dim, values in given.items()}
    return xr.Dataset({"vtec_tecu": (tuple(given), vtec_tecu, ds.vtec_tecu.attrs)}, coords, {**ds.attrs, **attrs})


def parse_date(value, name) -> np.datetime64:
    """A date or time of day; InputError names `name` where it is none."""
    try:
        # in microseconds first: far years wrap round in nanoseconds
        date = np.datetime64(value, "us")
    except (ValueError, TypeError, OverflowError):
        date = np.datetime64("NaT")
    if not FIRST_TIME <= date < END_TIME:
        raise InputError(
            f"{name} is {value!r}; a date such as 2020-01-08 or 2020-01-08T06:00 (UT), 1957 to 2100, is needed."
        )
    return date.astype("datetime64[ns]")


def minute(time) -> str:
    """A time as text, to the minute."""
    return str(time.astype("M8[m]"))


def columns_round_the_globe(lon) -> int:
    """How many columns make 360°, the repeated one of the seam not counted."""
    step = (lon[-1] - lon[0]) / max(len(lon) - 1, 1) or np.inf
    columns = round(360.0 / step)
    if (
        not np.allclose(np.diff(lon), step)
        or columns not in (len(lon), len(lon) - 1)
        or abs(columns * step - 360) > 0.01
    ):
        raise InputError(
            f"longitudes from {lon[0]:g} to {lon[-1]:g} in {len(lon)} columns do not go round the globe evenly."
        )
    return columns


def _linear_weights(target, nodes):
    """Matrix [target, nodes] float32 that interpolates linearly between ascending nodes."""
    left = np.clip(np.searchsorted(nodes, target, side="right") - 1, 0, len(nodes) - 2)
    part = (target - nodes[left]) / (nodes[left + 1] - nodes[left])
    weights = np.zeros((len(target), len(nodes)), np.float32)
    at = np.arange(len(target))
    weights[at, left], weights[at, left + 1] = 1 - part, part
    return weights


def _fill_missing(values, lat, lon, epoch):
    """The map [lat, lon] with no cell missing, and how many were."""
    good = np.isfinite(values)
    if good.all():
        return values, 0
    if not good.any():
        raise InputError(f"the TEC map of {minute(epoch)} has no value at all; leave it out or replace its file.")
    values = np.where(good, values, np.nan)
    for row in np.flatnonzero(good.any(axis=1) & ~good.all(axis=1)):
        at = good[row]
        values[row, ~at] = np.interp(lon[~at], lon[at], values[row, at], period=360.0)
    whole = good.any(axis=1)
    for column in range(values.shape[1]):
        values[~whole, column] = np.interp(lat[~whole], lat[whole], values[whole, column])
    return values, int((~good).sum())
