"""Grids in Zarr stores, written chunk by chunk; what is finished is noted, so that a stopped one goes on."""

import json
import os
import shutil
from pathlib import Path

import dask
import dask.array as da
import numpy as np
import xarray as xr

from rstmrf.files import writing
from rstmrf.predict import cf
from rstmrf.predict.grids import GridRequest


def write_blocks(path: Path, ds: xr.Dataset, request: GridRequest, digest: str, resume: bool) -> None:
    """Compute and write the blocks of a lazy grid that are not in the store yet, on the user's scheduler.

    Beside an unfinished store lies a file of notes: what was asked for, then a line for each variable of a block.
    """
    notes = path.with_suffix(".zarr.unfinished")
    asked = json.dumps({"request": dask.base.tokenize(*request, digest), "variables": request.names})
    with writing(path, "free space there, and go on with the same call, or give another place"):
        _write_blocks(path, notes, ds, request, asked, resume)


def _write_blocks(path, notes, ds, request, asked, resume):
    finished = _finished(notes, asked) if resume and path.exists() else None
    if finished is None:
        _begin(path, notes, ds, asked)
        finished = set()
    sources, targets, regions = [], [], []
    for name in request.names:
        for block, (number, rows) in enumerate(request.blocks()):
            if f"{name} {block}" in finished:
                continue
            part = ds[name].isel(time=[number], lat=rows)
            sources.append(part.data)
            targets.append(_Noted(path, name, notes, block))
            regions.append((slice(number, number + 1), *(slice(None),) * (part.ndim - 3), rows, slice(None)))
    if sources:
        da.store(sources, targets, regions=regions, lock=False, compute=True, return_stored=False)
    notes.unlink()


class _Noted:
    """A variable of the store, as a target of Dask; opened where it is written, for stores do not travel."""

    def __init__(self, path: Path, name: str, notes: Path, block: int):
        self.path, self.name, self.notes, self.block = path, name, notes, block

    def __setitem__(self, region, values):
        import zarr

        zarr.open_array(self.path / self.name, mode="r+", zarr_format=3)[region] = np.asarray(values)
        # One short write at a file's end is whole, whichever worker makes it.
        line = os.open(self.notes, os.O_WRONLY | os.O_APPEND)
        try:
            os.write(line, f"{self.name} {self.block}\n".encode())
        finally:
            os.close(line)


def _finished(notes: Path, asked: str) -> set[str] | None:
    """Blocks that an earlier call for the same grid wrote; None where there was none."""
    if not notes.exists():
        return None
    first, *lines = notes.read_text().splitlines() or [""]
    return set(lines) if first == asked else None


def _begin(path: Path, notes: Path, ds: xr.Dataset, asked: str) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    encoding = {name: {"chunks": tuple(c[0] for c in variable.chunks or ())} for name, variable in ds.data_vars.items()}
    encoding["time"] = {**cf.TIME_ENCODING, **ds["time"].encoding, "chunks": (1024,)}
    ds.to_zarr(path, mode="w", encoding=encoding, consolidated=False, zarr_format=3, compute=False)
    notes.write_text(asked + "\n")
