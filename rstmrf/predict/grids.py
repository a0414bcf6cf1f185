"""Grids as lazy Datasets: each block is a task of Dask, computed by whatever scheduler the user has."""

from collections.abc import Sequence
from functools import partial
from itertools import product
from typing import NamedTuple

import dask.array as da
import dask.base
import numpy as np
import xarray as xr
from dask.delayed import delayed

from rstmrf.errors import InputError
from rstmrf.model.coordinates import TRAINED_KM
from rstmrf.predict import cf
from rstmrf.predict.field import DensityField, Shipped
from rstmrf.predict.layers import check_m3000, check_tec_altitudes, layer_values
from rstmrf.predict.places import covered_hours
from rstmrf.predict.points import density_values, layer_notes
from rstmrf.units import hours_since

#: points of a block where the user names no chunks: some 100 MB of work
BLOCK_POINTS = 1 << 20
DIMS = ("time", "alt_km", "lat", "lon")


class GridRequest(NamedTuple):
    """What of a grid is wanted: its axes, its variables, and how blocks are cut."""

    time: np.ndarray
    alt_km: np.ndarray
    lat: np.ndarray
    lon: np.ndarray
    names: tuple[str, ...]
    vtec_km: tuple[float, float]
    m3000: str
    lat_chunk: int

    def dims(self, name: str) -> tuple[str, ...]:
        """Dimensions of a variable: one that is read off a profile has no altitude."""
        return ("time", "lat", "lon") if name in cf.LAYERS else DIMS

    def sizes(self) -> dict[str, int]:
        return {dim: len(getattr(self, dim)) for dim in DIMS}

    def blocks(self) -> list[tuple[int, slice]]:
        """Number of the time and rows of latitude of each block."""
        rows = [slice(i, min(i + self.lat_chunk, len(self.lat))) for i in range(0, len(self.lat), self.lat_chunk)]
        return list(product(range(len(self.time)), rows))


def grid_request(
    field: DensityField, time, lat, lon, alt_km, chunks=None, *, variables=None, gradients=False,
    vtec_km=TRAINED_KM, m3000="iri",
) -> GridRequest:  # fmt: skip
    """A request whose every part is accepted; arguments as in `Predictor.grid`.

    Raises:
        InputError: an unknown variable, an altitude that is missing or beyond IRI's, axes that go to and fro or are
            empty, a time without its window.
    """
    axes = [_axis(name, x) for name, x in (("alt_km", alt_km), ("lat", lat), ("lon", lon))]
    time = np.atleast_1d(np.asarray(time).astype("datetime64[ns]"))
    different = len(np.unique(time))
    if different != len(time):
        raise InputError(f"time of the grid has {len(time)} values, {different} of them different; each counts once")
    check_m3000(m3000)
    check_tec_altitudes(vtec_km)
    of_density = [*cf.DENSITY, *(cf.INTERVAL if field.states_sigma else ())]
    possible = [*of_density, *cf.SLOPES, *cf.LAYERS]
    usual = [*of_density, *(cf.SLOPES if gradients else ()), *cf.LAYERS]
    names = tuple(usual if variables is None else variables)
    unknown = [name for name in names if name not in possible]
    if unknown or not names:
        raise InputError(f"variables={list(names)}: {unknown or 'nothing'} cannot be given; accepted are {possible}")
    if not len(axes[0]):
        if variables is not None and any(name not in cf.LAYERS for name in names):
            raise InputError("alt_km of the grid is empty; give altitudes, or ask for variables of whole profiles only")
        names = tuple(name for name in names if name in cf.LAYERS)
    covered_hours(field, time, axes[1], axes[2], axes[0] if len(axes[0]) else None)
    rows = (chunks or {}).get("lat") or max(1, BLOCK_POINTS // max(1, len(axes[2]) * max(len(axes[0]), 32)))
    return GridRequest(time, *axes, names, tuple(map(float, vtec_km)), m3000, int(min(rows, len(axes[1]))))


def _axis(name, values) -> np.ndarray:
    axis = np.atleast_1d(np.asarray([] if values is None else values))
    if axis.ndim != 1 or (not len(axis) and name != "alt_km"):
        raise InputError(f"{name} of the grid has shape {list(axis.shape)}; an axis of one value or more is needed")
    if not (np.issubdtype(axis.dtype, np.number) and np.isfinite(axis.astype(float)).all()):
        raise InputError(f"{name} of the grid holds what is no finite number")
    if len(axis) > 1 and not ((np.diff(axis) > 0).all() or (np.diff(axis) < 0).all()):
        raise InputError(f"{name} of the grid goes to and fro; an axis that ascends or descends is needed")
    return axis


def grid_block(shipped: Shipped, hour: float, lat, lon, alt_km, names: Sequence[str], vtec_km, m3000) -> dict:
    """Variables of one time by name: of densities `[Z, Y, X]`, of whole profiles `[Y, X]`."""
    field = shipped.unpacked()
    lat_at, lon_at = (a.ravel() for a in np.meshgrid(lat, lon, indexing="ij"))
    found = {}
    wanted = set(names)
    if wanted - set(cf.LAYERS):
        way = field.columns
        if wanted & set(cf.SLOPES):
            way = partial(field.columns_by_points, slopes=True)
        values = way(lat_at, lon_at, alt_km, hour, sigma=bool(wanted & set(cf.INTERVAL)))
        shape = (len(lat), len(lon), len(alt_km))
        of_density = density_values(values)
        found |= {k: np.moveaxis(v.reshape(shape), 2, 0) for k, v in of_density.items() if k in wanted}
    if wanted & set(cf.LAYERS):
        of_profiles = layer_values(field, lat_at, lon_at, hour, vtec_km, m3000)
        found |= {k: v.reshape(len(lat), len(lon)) for k, v in of_profiles.items() if k in wanted}
    return {name: np.ascontiguousarray(values, np.float32) for name, values in found.items()}


def lazy_dataset(field: DensityField, request: GridRequest, about) -> xr.Dataset:
    """The grid as Dask arrays, a chunk for each time and some rows of latitude; nothing is computed yet."""
    shipped = Shipped(field)
    token = dask.base.tokenize(shipped.digest, *request)
    # One task holds the field: a cluster sends it once to each worker, whatever the number of blocks.
    once = delayed(shipped, name=f"field-{token}", traverse=False)
    compute = delayed(grid_block, pure=True, traverse=False)
    hours = hours_since(request.time, field.processor.start)
    pieces = {name: [] for name in request.names}
    for number, rows in request.blocks():
        lat = request.lat[rows]
        block = compute(
            once, float(hours[number]), lat, request.lon, request.alt_km, request.names, request.vtec_km,
            request.m3000, dask_key_name=f"block-{token}-{number}-{rows.start}",
        )  # fmt: skip
        for name in request.names:
            levels = () if name in cf.LAYERS else (len(request.alt_km),)
            shape = (*levels, len(lat), len(request.lon))
            pieces[name].append(
                da.from_delayed(block[name], shape, np.float32, name=f"{name}-{token}-{number}-{rows.start}")
            )
    per_time = len(request.blocks()) // len(request.time)
    variables = {}
    for name, parts in pieces.items():
        times = [da.concatenate(parts[i : i + per_time], axis=-2) for i in range(0, len(parts), per_time)]
        variables[name] = (request.dims(name), da.stack(times))
    coords = {dim: cf.place_coordinate(dim, (dim,), getattr(request, dim)) for dim in ("lat", "lon")}
    if len(request.alt_km):
        coords["alt_km"] = cf.place_coordinate("alt_km", ("alt_km",), request.alt_km)
    coords["time"] = cf.time_coordinate(("time",), request.time)
    return cf.dataset(variables, coords, about, layer_notes(request.vtec_km, request.m3000))
