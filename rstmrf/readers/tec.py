"""TEC maps from any source, brought to hourly maps on the global 1° grid.

`load_tec` is the whole way; its steps are public, so that a chapter can show each of them.
"""

import glob
import re
from pathlib import Path

import numpy as np
import xarray as xr

from rstmrf.errors import InputError, quoted
from rstmrf.files import given_path, open_npy
from rstmrf.readers import plausible
from rstmrf.readers.ionex import read_ionex
from rstmrf.readers.netcdf import numbers, open_netcdf
from rstmrf.readers.tec_hours import hourly
from rstmrf.readers.tec_maps import (
    GLOBAL_LAT,
    GLOBAL_LON,
    downsample,
    fill_poles,
    parse_date,
    tec_dataset,
    to_global_grid,
)

__all__ = [
    "GLOBAL_LAT",
    "GLOBAL_LON",
    "downsample",
    "fill_poles",
    "hourly",
    "load_tec",
    "read_tec",
    "tec_dataset",
    "to_global_grid",
]

TECU_PER_UNIT = {"TECU": 1.0, "1e16 m-2": 1.0, "m-2": 1e-16}
NETCDF_NAMES = ("vtec_tecu", "vtec", "tec", "TEC")
ACCEPTED = "IONEX (.inx, .20i, also .Z, .gz), .nc or .npy"
LARGEST_NPY_MB, MOST_HOURS_A_FILE, FEWEST_NODES = 1024, 2200, 3
HOUR, MOST_SECONDS = np.timedelta64(1, "h"), 50 * 366 * 86400
TEC_FILE = re.compile(r".*(\.nc|\.npy|(\.\d\di|\.inx|\.ionex)(\.gz|\.z)?)", re.IGNORECASE)


def load_tec(path, *, start=None, step_hours=1.0, frame="sun-fixed", gaps="error") -> xr.Dataset:
    """Read TEC maps and return `vtec_tecu` (time, lat 181, lon 361) float32 [TECU], every whole hour of the files.

    Arguments as in `read_tec`, `frame` and `gaps` as in `hourly`. Raises InputError as `read_tec`, `fill_poles`,
    `hourly` and `to_global_grid` do, and for more than 2,200 hours from one file: on the 1° grid these take 0.6 GB.
    """
    files = find_files(path)
    maps = read_tec(files, start=start, step_hours=step_hours)[["vtec_tecu"]]
    hours = min((maps.time.values[-1] - maps.time.values[0]) / HOUR, 4 * maps.sizes["time"])
    if hours > MOST_HOURS_A_FILE * len(files):
        raise InputError(
            f"{quoted(maps.attrs['file_name'])}: holds {hours:,.0f} hours, accepted are up to {MOST_HOURS_A_FILE:,} "
            "from one file; give several shorter ones."
        )
    return to_global_grid(hourly(fill_poles(maps), frame=frame, gaps=gaps))


def read_tec(path, *, start=None, step_hours=1.0) -> xr.Dataset:
    """Read TEC maps on their own grid, in the order of `tec_dataset`; several files are joined in time.

    `path` is a file, a folder, a glob pattern, or a list of these. IONEX and netCDF (`.nc`) carry their epochs. A
    `.npy` holds [time, lat, lon] in TECU, latitude from -90 to 90, longitude from -180 on: an even number of columns
    ends a step before 180, an odd number ends at 180. Its first map is of `start` (UT), the next ones `step_hours`
    [h] apart, and a second `.npy` goes on where the first ends. It stays on disk, memory-mapped, if
    it is float32 and the two columns of its seam are equal.

    Where two files hold the same epoch, as at midnight, the map of the file that starts later stays. RMS maps are
    kept if every file has them. Values beyond −5 to 500 TECU are missing, with a warning and their number in the
    attribute `implausible_cells`. Raises InputError: nothing found, an unreadable file, files of different centres or
    grids, a unit that is absent or unknown, no `start` for a `.npy`, maps of zeros or implausible throughout.
    """
    parts = []
    for file in find_files(path):
        suffix = file.suffix.lower()
        if suffix == ".npy":
            parts.append(_read_npy(file, start, step_hours))
            start = parts[-1].time.values[-1] + _step(step_hours)
        else:
            parts.append(_read_netcdf(file) if suffix == ".nc" else read_ionex(file))
    return _join(parts)


def find_files(path) -> list[Path]:
    if isinstance(path, list | tuple):
        if not path:
            raise InputError("the list of TEC files is empty; at least one is needed.")
        return [file for one in path for file in find_files(one)]
    if given_path(path, ACCEPTED).is_dir():
        files = sorted(file for file in Path(path).iterdir() if TEC_FILE.fullmatch(file.name))
        if not files:
            raise InputError(f"no TEC file is in the folder {path}; accepted are {ACCEPTED}.")
        return files
    if not Path(path).exists():
        files = sorted(Path(file) for file in glob.glob(str(path), recursive=True))
        if not files:
            raise InputError(f"nothing matches {path}; a TEC file, a folder or a pattern of files is needed.")
        return files
    return [Path(path)]


def _step(step_hours) -> np.timedelta64:
    if not 0 < step_hours <= 8784:
        raise InputError(f"step_hours is {step_hours}; a positive number of hours, up to a year, is needed.")
    return np.timedelta64(round(step_hours * 3600), "s")


def _read_npy(file: Path, start, step_hours) -> xr.Dataset:
    maps = open_npy(file, "TEC maps as numpy.save writes plain numbers", LARGEST_NPY_MB)
    if maps.ndim != 3 or maps.dtype.kind != "f" or min(maps.shape) < 1 or min(maps.shape[1:]) < FEWEST_NODES:
        found = quoted(f"{maps.dtype} {list(maps.shape)}")
        raise InputError(f"{file.name} holds {found}; floats [time, lat, lon] in TECU are needed, 3 x 3 nodes or more.")
    if start is None:
        raise InputError(f"{file.name} has no epochs of its own: give start, the UT of its first map.")
    n_times, n_lat, n_lon = maps.shape
    first, step = parse_date(start, "start"), _step(step_hours)
    if n_times * step.astype(float) > MOST_SECONDS:
        raise InputError(f"{file.name} holds {n_times} maps, {step_hours:g} h apart; accepted are up to 50 years.")
    time = first + np.arange(n_times) * step
    plausible.check_time(time[[0, -1]], file.name)
    maps, implausible = plausible.plausible_tec(maps, file.name)
    lon = np.linspace(-180.0, 180.0, n_lon, endpoint=n_lon % 2 == 1)
    attrs = {"source_centre": "unnamed", "file_name": file.name, **_counted(implausible)}
    return tec_dataset(time, np.linspace(-90.0, 90.0, n_lat), lon, {"vtec_tecu": maps}, attrs)


def _read_netcdf(file: Path) -> xr.Dataset:
    with open_netcdf(file, "netCDF of TEC maps") as ds:
        ds = ds.rename({old: new for old, new in (("latitude", "lat"), ("longitude", "lon")) if old in ds.variables})
        name = next((name for name in NETCDF_NAMES if name in ds), None)
        usable = name is not None and set(ds[name].dims) == {"time", "lat", "lon"} and min(ds[name].shape) > 0
        if not usable or any(axis not in ds.variables for axis in ds[name].dims) or ds.time.dtype.kind != "M":
            names = ", ".join(NETCDF_NAMES)
            raise InputError(
                f"{file.name} has no variable of (time, lat, lon) with dates that is named one of {names}."
            )
        units = ds[name].attrs.get("units")
        if not isinstance(units, str) or units not in TECU_PER_UNIT:
            found = "no units" if units is None else f"the units '{quoted(units)}'"
            raise InputError(f"{file.name}: {name} has {found}; accepted are {', '.join(TECU_PER_UNIT)}.")
        plausible.check_time(ds.time.values, file.name)
        plausible.check_axis(ds.lat.values, -90.0, 90.0, "latitudes", file.name)
        plausible.check_axis(ds.lon.values, -360.0, 360.0, "longitudes", file.name)
        variable = ds[name].transpose("time", "lat", "lon")
        maps = np.empty(variable.shape, np.float32)
        for first in range(0, len(maps), plausible.MAPS_AT_ONCE):  # float64 of all maps at once would be much
            part = slice(first, first + plausible.MAPS_AT_ONCE)
            with np.errstate(over="ignore"):
                maps[part] = numbers(variable[part].values) * TECU_PER_UNIT[units]
        maps, implausible = plausible.plausible_tec(maps, file.name)
        attrs = {**ds.attrs, "file_name": file.name, **_counted(implausible)}
        attrs["source_centre"] = quoted(ds.attrs.get("source_centre", ds.attrs.get("institution", "unnamed")))
        return tec_dataset(ds.time.values, ds.lat.values, ds.lon.values, {"vtec_tecu": maps}, attrs)


def _counted(implausible: int) -> dict:
    return {"implausible_cells": implausible} if implausible else {}


def _join(parts) -> xr.Dataset:
    parts = sorted(parts, key=lambda part: part.time.values[0])
    first = parts[0]
    if len(parts) == 1:
        return first
    for part in parts[1:]:
        one, other = (f"{p.file_name} ({p.source_centre}, {p.lat.size} x {p.lon.size} nodes)" for p in (first, part))
        same_grid = np.array_equal(first.lat, part.lat) and np.array_equal(first.lon, part.lon)
        if not same_grid or first.source_centre != part.source_centre:
            raise InputError(f"{one} and {other} do not go together; files of one centre and one grid are needed.")
    shared = [name for name in first.data_vars if all(name in part for part in parts)]
    maps = {name: np.concatenate([part[name].values for part in parts]) for name in shared}
    time = np.concatenate([part.time.values for part in parts])
    attrs = {**first.attrs, "file_name": ", ".join(part.file_name for part in parts)}
    if implausible := sum(part.attrs.get("implausible_cells", 0) for part in parts):
        attrs |= _counted(implausible)
    if seams := [part.seam_difference_tecu for part in parts if "seam_difference_tecu" in part.attrs]:
        attrs["seam_difference_tecu"] = max(seams)
    return tec_dataset(time, first.lat.values, first.lon.values, maps, attrs)
