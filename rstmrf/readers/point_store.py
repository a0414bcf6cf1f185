"""Observations in a Zarr store, written piece by piece: millions of points need not be in memory to be made."""

import shutil
from collections import Counter
from pathlib import Path

import xarray as xr
import zarr

from rstmrf.errors import InputError
from rstmrf.readers.point_tables import COLUMN_TYPES

CHUNK_POINTS = 1 << 18
NEEDED = ("lat", "lon", "alt_km", "time", "log10_ne_m3", "profile")
EPOCH = "1970-01-01"


def write_point_store(path, pieces) -> Path:
    """Write Datasets of `point`, in the form of `read_observations`, one behind another; returns the path.

    What stands at `path` is replaced. Attributes are those of the first piece, whole numbers added up. Raises
    InputError: a name that does not end in .zarr, or no piece at all.
    """
    path = Path(path)
    if path.suffix != ".zarr":
        raise InputError(f"{path}: the name of a store of points must end in .zarr")
    shutil.rmtree(path, ignore_errors=True)
    first, counts = True, Counter()
    for piece in pieces:
        piece = piece.reset_coords()
        counts.update({name: value for name, value in piece.attrs.items() if type(value) is int})
        if first:
            encoding = {name: {"chunks": (CHUNK_POINTS,)} for name in piece.data_vars}
            encoding["time"] |= {"units": f"milliseconds since {EPOCH}", "dtype": "int64"}
            piece.to_zarr(path, mode="w", encoding=encoding, consolidated=False, zarr_format=3)
        else:
            piece.to_zarr(path, append_dim="point", consolidated=False)
        first = False
    if first:
        raise InputError(f"{path}: there is no piece to write; give at least one Dataset of points")
    zarr.open_group(path, mode="r+").attrs.update(counts)
    return path


def read_point_store(path) -> xr.Dataset:
    """Read what `write_point_store` wrote, whole, with the coordinates and types of `read_observations`.

    Raises InputError: no store, or one without the variables of observations.
    """
    try:
        ds = xr.open_zarr(path, consolidated=False, chunks=None)
    except (OSError, ValueError, KeyError) as error:
        raise InputError(f"{path}: cannot be read as a Zarr store ({error})") from error
    with ds:
        if missing := [name for name in NEEDED if name not in ds]:
            raise InputError(f"{path}: the store lacks {', '.join(missing)}; it needs {', '.join(NEEDED)}")
        ds = ds.load()
    for name, kind in COLUMN_TYPES.items():
        ds[name] = ds[name].astype(kind, copy=False)
    ds.attrs.setdefault("title", f"Points of the store {Path(path).name}")
    return ds.set_coords(["lat", "lon", "alt_km", "time", "profile"])


def is_point_store(path) -> bool:
    """Whether a path names a store of points."""
    return isinstance(path, str | Path) and Path(path).suffix == ".zarr" and Path(path).is_dir()
