"""TEC maps from any source, brought to hourly maps on the global 1° grid.

`load_tec` is the whole way; its steps are public, so that a chapter can show each of them.
"""

import glob
import re
from pathlib import Path

import numpy as np
import xarray as xr

from rstmrf.errors import InputError
from rstmrf.readers.ionex import read_ionex
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
TEC_FILE = re.compile(r".*(\.nc|\.npy|(\.\d\di|\.inx|\.ionex)(\.gz|\.z)?)", re.IGNORECASE)


def load_tec(path, *, start=None, step_hours=1.0, frame="sun-fixed", gaps="error") -> xr.Dataset:
    """Read TEC maps and return `vtec_tecu` (time, lat 181, lon 361) float32 [TECU], every whole hour of the files.

    Arguments as in `read_tec`, `frame` and `gaps` as in `hourly`. Raises InputError as `read_tec`, `fill_poles`,
    `hourly` and `to_global_grid` do.
    """
    maps = read_tec(path, start=start, step_hours=step_hours)[["vtec_tecu"]]
    return to_global_grid(hourly(fill_poles(maps), frame=frame, gaps=gaps))


def read_tec(path, *, start=None, step_hours=1.0) -> xr.Dataset:
    """Read TEC maps on their own grid, in the order of `tec_dataset`; several files are joined in time.

    `path` is a file, a folder, a glob pattern, or a list of these. IONEX and netCDF (`.nc`) carry their epochs. A
    `.npy` holds [time, lat, lon] in TECU, latitude from -90 to 90, longitude from -180 on: an even number of columns
    ends a step before 180, an odd number ends at 180. Its first map is of `start` (UT), the next ones `step_hours`
    [h] apart, and a second `.npy` goes on where the first ends. It stays on disk, memory-mapped, if
    it is float32 and the two columns of its seam are equal.

    Where two files hold the same epoch, as at midnight, the map of the file that starts later stays. RMS maps are
    kept if every file has them. Raises InputError: nothing found, an unreadable file, files of different centres or
    grids, a unit that is absent or unknown, no `start` for a `.npy`.
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
    if Path(path).is_dir():
        files = sorted(file for file in Path(path).iterdir() if TEC_FILE.fullmatch(file.name))
        if not files:
            raise InputError(
                f"no TEC file is in the folder {path}; IONEX (.inx, .20i, also .Z, .gz), .nc and .npy are."
            )
        return files
    if not Path(path).exists():
        files = sorted(Path(file) for file in glob.glob(str(path), recursive=True))
        if not files:
            raise InputError(f"nothing matches {path}; a TEC file, a folder or a pattern of files is needed.")
        return files
    return [Path(path)]


def _step(step_hours) -> np.timedelta64:
    if not (np.isfinite(step_hours) and step_hours > 0):
        raise InputError(f"step_hours is {step_hours}; a positive number of hours is needed.")
    return np.timedelta64(round(step_hours * 3600), "s")


def _read_npy(file: Path, start, step_hours) -> xr.Dataset:
    try:
        maps = np.load(file, mmap_mode="r")
    except (OSError, ValueError, EOFError) as error:
        raise InputError(f"{file.name} is not a .npy file of plain numbers; numpy.save writes one.") from error
    if maps.ndim != 3 or maps.dtype.kind != "f" or min(maps.shape) < 1 or min(maps.shape[1:]) < 3:
        found = f"{maps.dtype} {list(maps.shape)}"
        raise InputError(f"{file.name} holds {found}; floats [time, lat, lon] in TECU are needed, 3 x 3 nodes or more.")
    if start is None:
        raise InputError(f"{file.name} has no epochs of its own: give start, the UT of its first map.")
    n_times, n_lat, n_lon = maps.shape
    time = parse_date(start, "start") + np.arange(n_times) * _step(step_hours)
    lon = np.linspace(-180.0, 180.0, n_lon, endpoint=n_lon % 2 == 1)
    attrs = {"source_centre": "unnamed", "file_name": file.name}
    return tec_dataset(time, np.linspace(-90.0, 90.0, n_lat), lon, {"vtec_tecu": maps}, attrs)


def _read_netcdf(file: Path) -> xr.Dataset:
    try:
        ds = xr.open_dataset(file)
    except (OSError, ValueError) as error:
        raise InputError(f"{file.name} cannot be read as netCDF ({error}).") from error
    with ds:
        ds = ds.rename({old: new for old, new in (("latitude", "lat"), ("longitude", "lon")) if old in ds.variables})
        name = next((name for name in NETCDF_NAMES if name in ds), None)
        usable = name is not None and set(ds[name].dims) == {"time", "lat", "lon"} and min(ds[name].shape) > 0
        if not usable or ds.time.dtype.kind != "M":
            names = ", ".join(NETCDF_NAMES)
            raise InputError(
                f"{file.name} has no variable of (time, lat, lon) with dates that is named one of {names}."
            )
        units = ds[name].attrs.get("units")
        if units not in TECU_PER_UNIT:
            found = "no units" if units is None else f"the units '{units}'"
            raise InputError(f"{file.name}: {name} has {found}; accepted are {', '.join(TECU_PER_UNIT)}.")
        maps = ds[name].transpose("time", "lat", "lon").values * TECU_PER_UNIT[units]
        attrs = {**ds.attrs, "file_name": file.name}
        attrs.setdefault("source_centre", ds.attrs.get("institution", "unnamed"))
        return tec_dataset(ds.time.values, ds.lat.values, ds.lon.values, {"vtec_tecu": maps}, attrs)


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
    if seams := [part.seam_difference_tecu for part in parts if "seam_difference_tecu" in part.attrs]:
        attrs["seam_difference_tecu"] = max(seams)
    return tec_dataset(time, first.lat.values, first.lon.values, maps, attrs)
