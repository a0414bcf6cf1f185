"""Observations in a Zarr store, written piece by piece: millions of points need not be in memory to be made."""

import errno
import hashlib
import json
import os
import shutil
from collections import Counter
from pathlib import Path

import numpy as np
import xarray as xr
import zarr

from rstmrf.errors import InputError, quoted
from rstmrf.files import MB, ZSTD, given_path, refusing_damage, regular_file, zstd_size
from rstmrf.hashes import digest_of
from rstmrf.readers import plausible
from rstmrf.readers.point_tables import COLUMN_TYPES
from rstmrf.units import wrap_longitude

CHUNK_POINTS = 1 << 18
NEEDED = ("lat", "lon", "alt_km", "time", "log10_ne_m3", "profile")
EPOCH = "1970-01-01"
#: 67 million points; pieces of 4 million; and what a chunk may unpack to
MOST_POINTS, LARGEST_CHUNK_MB, LARGEST_METADATA_MB = 1 << 26, 64, 4
CODECS = ("bytes", "zstd")
DIGEST = "content_sha256"


def write_point_store(path, pieces) -> Path:
    """Write Datasets of `point`, in the form of `read_observations`, one behind another; returns the path.

    What stands at `path` is replaced when the last piece is written. Attributes are those of the first piece, whole
    numbers added up, and a digest of all that was written. Raises InputError: a name that does not end in .zarr, no
    piece at all, or another process that writes the same store.
    """
    path = Path(path)
    if path.suffix != ".zarr":
        raise InputError(f"{path}: the name of a store of points must end in .zarr")
    unfinished = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        _write(unfinished, pieces, path)
        shutil.rmtree(path, ignore_errors=True)
        unfinished.rename(path)
    except OSError as error:
        if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
            raise
        raise InputError(f"{path}: another process wrote this store at the same time; write it once") from None
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)
    return path


def _write(path: Path, pieces, called: Path) -> None:
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
        raise InputError(f"{called}: there is no piece to write; give at least one Dataset of points")
    group = zarr.open_group(path, mode="r+")
    group.attrs.update(counts)
    group.attrs[DIGEST] = _digest(group, path)


def read_point_store(path) -> xr.Dataset:
    """Read what `write_point_store` wrote, whole, with the coordinates and types of `read_observations`.

    Points are taken as they are, so they must have passed quality control: a stated σ that is not positive is NaN,
    counted in the attribute `qc_points_sigma_dropped`, and anything else implausible is refused.

    Raises InputError: no store, one without the variables of observations, damaged or packed otherwise than this
    library packs, or not what `write_point_store` left there, more than 67 million points, values that no observation
    has.
    """
    path = given_path(path, "a folder .zarr of points")
    with refusing_damage(f"{path}: cannot be read as a Zarr store ({{}})"):
        _look_through(path)
        with xr.open_zarr(path, consolidated=False, chunks=None) as ds:
            if missing := [name for name in NEEDED if name not in ds]:
                raise InputError(f"{path}: the store lacks {', '.join(missing)}; it needs {', '.join(NEEDED)}")
            ds = ds.load()
        ds.attrs.pop(DIGEST, None)  # it tells of the store
        ds = _checked(ds, path)
    ds.attrs.setdefault("title", f"Points of the store {path.name}")
    return ds.set_coords(["lat", "lon", "alt_km", "time", "profile"])


def _look_through(path: Path) -> None:
    """Refuse what is no regular file, and arrays that claim, or unpack to, more than they should."""
    for file in (file for file in path.rglob("*") if not file.is_dir()):
        limit = LARGEST_METADATA_MB if file.name == "zarr.json" else LARGEST_CHUNK_MB
        with open(regular_file(file, "a file of a Zarr store", limit), "rb") as opened:
            head = opened.read(16)
        if head.startswith(ZSTD) and zstd_size(head) > LARGEST_CHUNK_MB * MB:
            raise ValueError(f"the chunk {file.name} unpacks to more than {LARGEST_CHUNK_MB} MB")
    group = zarr.open_group(path, mode="r", zarr_format=3)
    for name, array in group.arrays():
        codecs = [codec.to_dict()["name"] for codec in array.metadata.codecs]
        if array.ndim != 1 or array.size > MOST_POINTS or not set(codecs) <= set(CODECS):
            raise ValueError(f"'{quoted(name)}' has shape {array.shape} and is packed by {codecs}")
        if array.chunks[0] * array.dtype.itemsize > LARGEST_CHUNK_MB * MB:
            raise ValueError(f"'{quoted(name)}' has chunks of {array.chunks[0]:,} values")
    if group.attrs.get(DIGEST, (found := _digest(group, path))) != found:
        raise InputError(
            f"{path}: was changed or damaged since it was written; make it again, or take the attribute {DIGEST} from "
            "its zarr.json if the change was meant"
        )


def _digest(group: zarr.Group, path: Path) -> str:
    """SHA-256 of the attributes of a store and of the files of its arrays, names and bytes."""
    attributes = {name: value for name, value in group.attrs.items() if name != DIGEST}
    total = hashlib.sha256(json.dumps(attributes, sort_keys=True).encode())
    for file in sorted(path.glob("*/**/*")):
        if file.is_file() and not file.name.startswith("."):  # hidden ones are a file manager's
            total.update(f"{file.relative_to(path).as_posix()} {digest_of(file)}".encode())
    return total.hexdigest()


def _checked(ds: xr.Dataset, path: Path) -> xr.Dataset:
    if set(ds.sizes) != {"point"} or not ds.sizes["point"]:
        raise InputError(f"{path}: its dimensions are {dict(ds.sizes)}; accepted is 'point', with one at least")
    if ds["time"].dtype.kind != "M":
        raise InputError(f"{path}: its times are of type {ds['time'].dtype}; accepted are milliseconds since a date")
    plausible.check_time(ds["time"].values, path)
    lowest, highest = np.log10([plausible.LOWEST_NE_M3, plausible.HIGHEST_NE_M3])
    ranges = {"lat": (-90, 90), "lon": (-360, 360), "alt_km": (0, 40000), "log10_ne_m3": (lowest, highest)}
    for name, (low, high) in {**ranges, "profile": (0, np.iinfo(np.int32).max)}.items():
        values = ds[name].values
        wrong = np.flatnonzero(~((values >= low) & (values <= high)))
        if wrong.size:
            found = f"{name} is {values[wrong[0]]:g} at point {wrong[0]}"
            raise InputError(f"{path}: {found}, {wrong.size} in all; accepted is {low:g} to {high:g}")
    profile = ds["profile"].values
    if (np.diff(profile) < 0).any() or (profile != np.floor(profile)).any():
        raise InputError(f"{path}: its numbers of profiles do not ascend; accepted are whole numbers in order")
    for name, kind in {**COLUMN_TYPES, "sigma_log10_ne": np.float32}.items():
        if name in ds:
            ds[name] = ds[name].astype(kind, copy=False)
    ds["lon"] = ds["lon"].copy(data=wrap_longitude(ds["lon"].values)) if abs(ds["lon"]).max() > 180 else ds["lon"]
    if "sigma_log10_ne" in ds and (dropped := plausible.drop_sigma(ds["sigma_log10_ne"].values)):
        ds.attrs["qc_points_sigma_dropped"] = dropped
    return ds


def is_point_store(path) -> bool:
    """Whether a path names a store of points."""
    return isinstance(path, str | Path) and Path(path).suffix == ".zarr" and Path(path).is_dir()
