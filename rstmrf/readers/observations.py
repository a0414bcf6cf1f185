"""Observed electron density as one Dataset of points, from any accepted file, with quality control that is counted."""

import json
import warnings
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import xarray as xr
from tqdm import tqdm

from rstmrf.errors import InputError
from rstmrf.readers import plausible
from rstmrf.readers.archives import archive_members, is_archive
from rstmrf.readers.observation_files import list_files, profile_reader
from rstmrf.readers.occultations import Profile, ne_factor, read_netcdf_profile
from rstmrf.readers.point_store import is_point_store, read_point_store
from rstmrf.readers.point_tables import COLUMN_TYPES, OPTIONAL_TYPES, Limits, PointTable, read_npy, write_npy

__all__ = ["Limits", "describe_quality", "quality_control", "read_observations", "write_npy"]

REASONS_IN_WARNING = 3

QC_LABELS = {
    "qc_profiles_read": "profiles read",
    "qc_profiles_rejected": "profiles rejected",
    "qc_profiles_single_position": "profiles with one position for all their points",
    "qc_points_read": "points read",
    "qc_points_fill": "points missing or not finite",
    "qc_points_outside_altitude": "points outside the altitude range",
    "qc_points_non_positive": "points with zero or negative density",
    "qc_points_implausible": "points with a density below 1e4 m-3",
    "qc_points_sigma_dropped": "points whose stated standard deviation was no positive number and was left out",
    "qc_points_in_rejected_profiles": "points otherwise good, in rejected profiles",
}
VARIABLE_ATTRS = {
    "lat": {"standard_name": "latitude", "long_name": "geographic latitude", "units": "degrees_north"},
    "lon": {"standard_name": "longitude", "long_name": "geographic longitude", "units": "degrees_east"},
    "alt_km": {"standard_name": "altitude", "long_name": "altitude above sea level", "units": "km", "positive": "up"},
    "time": {"standard_name": "time", "long_name": "time of observation"},
    "log10_ne_m3": {"long_name": "decimal logarithm of electron density in m-3", "units": "1"},
    "profile": {"long_name": "number of the profile, in the order read", "units": "1"},
    "sigma_log10_ne": {"long_name": "standard deviation of the decimal logarithm of electron density", "units": "1"},
    "azimuth_deg": {"long_name": "azimuth of the ray at the tangent point, east of north", "units": "degrees"},
    "slant_tecu": {"long_name": "calibrated slant TEC of the ray below the receiver's orbit", "units": "TECU"},
}
COORDINATES = ("lat", "lon", "alt_km", "time", "profile")


def read_observations(
    path: str | Path | Sequence[str | Path],
    *,
    start=None,
    ne_unit: str | None = None,
    alt_range_km: tuple[float, float] = (80.0, 1000.0),
    min_points: int = 10,
    peak_ne_m3: tuple[float, float] = (1e8, 1e14),
    progress: bool = False,
) -> xr.Dataset:
    """Read electron density observations into one Dataset with dimension `point`.

    `path` is a file, a folder (searched through its subfolders), a glob pattern, or a list of these. Accepted are
    `.npy [N, 5]`, CDAAC ionPrf and FY-3 GNOS netCDF, and text profiles; the content decides, not the name alone. The
    netCDF members of an archive (.tar, .tar.gz, .tar.xz) are read as it stands, one after another in memory. A
    folder `.zarr` is read by `point_store.read_point_store` as it is, without quality control.
    `start` is the date from which column 4 of `.npy` counts hours; the other forms carry their time. `ne_unit`
    ('el/cm3', 'm-3') takes precedence over a file's own density unit; a netCDF file without either is refused.
    `alt_range_km` [km], `min_points` and `peak_ne_m3` [m⁻³] are the limits of `quality_control`. `progress` shows a
    bar that counts files and members of archives.

    Returns coordinates lat [deg north], lon [deg east, -180 to 180), alt_km [km], time, profile (0, 1, …), variables
    log10_ne_m3 and, if a file has them, sigma_log10_ne, azimuth_deg [deg east of north] and slant_tecu [TECU] of the
    ray at its tangent point; NaN where one is unknown. Attributes `qc_*` say what was dropped; see `describe_quality`.

    Raises InputError if a file given alone cannot be used, or no file among several can; when only some cannot,
    they are left out, with a warning that says which and why.
    """
    if is_point_store(path):
        return read_point_store(path)
    limits = Limits(tuple(alt_range_km), min_points, tuple(peak_ne_m3))
    shift = float(np.log10(ne_factor(ne_unit))) if ne_unit else 0.0
    tables, rejected, counts, n_files = [], [], Counter(dict.fromkeys(QC_LABELS, 0)), 0
    for file, content in tqdm(_sources(path), unit=" profiles", disable=not progress):
        n_files += 1
        try:
            table = _table(file, content, start, ne_unit, shift, limits)
        except InputError as error:
            counts.update(qc_profiles_read=1, qc_profiles_rejected=1)
            rejected.append({"file": str(file), "reason": str(error)})
            continue
        counts.update(table.counts)
        rejected += table.rejected
        if len(table.columns["lat"]):
            tables.append(table)
    _report(rejected, n_files, usable=bool(tables))
    return _dataset(tables, path, counts, rejected)


def _sources(path) -> Iterator[tuple[Path, bytes | InputError | None]]:
    """Each file, and in its place the members of one that is an archive, with their content."""
    for file in list_files(path):
        if is_archive(file):
            yield from archive_members(file)
        else:
            yield file, None


def _table(file: Path, content, start, ne_unit, shift, limits) -> PointTable:
    if isinstance(content, InputError):
        raise content
    if content is not None:
        return quality_control(read_netcdf_profile(file, ne_unit, content), limits)
    form = profile_reader(file)
    return read_npy(file, start, shift, limits) if form is None else quality_control(form(file, ne_unit), limits)


def quality_control(profile: Profile, limits: Limits | None = None) -> PointTable:
    """Drop the points of one profile that cannot be used, and the profile itself if too little or nonsense is left.

    In this order, each point counted once: missing or not finite; outside `limits.alt_range_km`; density not positive;
    density below 1e4 m⁻³. The profile is rejected with a reason if fewer than `limits.min_points` are left, if they
    lie at a single altitude, or if its peak density lies outside `limits.peak_ne_m3`, the mark of a wrong unit. A
    stated σ that is not positive, or above 3, is not known: NaN, counted.
    """
    limits = limits or Limits()
    coords = (profile.lat, profile.lon, profile.alt_km)
    finite = np.isfinite([*coords, profile.ne_m3]).all(axis=0)
    low, high = limits.alt_range_km
    outside = finite & ~((profile.alt_km >= low) & (profile.alt_km <= high))
    positive = profile.ne_m3 > 0
    resolved = ~(profile.ne_m3 < plausible.LOWEST_NE_M3)
    keep = finite & ~outside & positive & resolved
    table = PointTable({}, profile.kind)
    table.counts.update(
        qc_profiles_read=1,
        qc_profiles_single_position=int(profile.single_position),
        qc_points_read=keep.size,
        qc_points_fill=int((~finite).sum()),
        qc_points_outside_altitude=int(outside.sum()),
        qc_points_non_positive=int((finite & ~outside & ~positive).sum()),
        qc_points_implausible=int((finite & ~outside & positive & ~resolved).sum()),
    )
    if reason := _profile_fault(profile.ne_m3[keep], profile.alt_km[keep], limits):
        table.rejected.append({"file": str(profile.path), "reason": f"{profile.path}: {reason}."})
        table.counts.update(qc_profiles_rejected=1, qc_points_in_rejected_profiles=int(keep.sum()))
        keep = np.zeros_like(keep)
    table.columns = _columns(profile, keep)
    if "sigma_log10_ne" in table.columns:
        table.counts["qc_points_sigma_dropped"] += plausible.drop_sigma(table.columns["sigma_log10_ne"])
    return table


def describe_quality(ds: xr.Dataset) -> pd.DataFrame:
    """What quality control counted, as a table with one row per count and the column `count`."""
    rows = {label: ds.attrs.get(name, 0) for name, label in QC_LABELS.items()}
    rows |= {"profiles kept": int(np.unique(ds["profile"]).size), "points kept": int(ds.sizes["point"])}
    return pd.DataFrame({"count": rows})


def _profile_fault(ne_m3: np.ndarray, alt_km: np.ndarray, limits: Limits) -> str:
    if ne_m3.size < max(limits.min_points, 1):
        return f"{ne_m3.size} usable points are left; at least {max(limits.min_points, 1)} are needed"
    if np.ptp(alt_km) < plausible.SHORTEST_PROFILE_KM:
        return f"all its points lie at one altitude, {alt_km[0]:g} km; a profile is needed"
    low, high = limits.peak_ne_m3
    if not low <= ne_m3.max() <= high:
        return f"its peak density is {ne_m3.max():.3g} m-3, accepted is {low:g} to {high:g} (a wrong unit?)"
    return ""


def _columns(profile: Profile, keep: np.ndarray) -> dict[str, np.ndarray]:
    lon = profile.lon[keep].astype(np.float32)
    columns = {
        "lat": profile.lat[keep],
        "lon": np.where(lon >= 180.0, -180.0, lon),  # 179.9999999 rounds up in float32
        "alt_km": profile.alt_km[keep],
        "time": np.full(int(keep.sum()), profile.time),
        "log10_ne_m3": np.log10(profile.ne_m3[keep]),
        "profile": np.zeros(int(keep.sum())),
    }
    columns = {name: values.astype(COLUMN_TYPES[name]) for name, values in columns.items()}
    given = {name: getattr(profile, name) for name in OPTIONAL_TYPES}
    return columns | {n: values[keep].astype(OPTIONAL_TYPES[n]) for n, values in given.items() if values is not None}


BEYOND_A_POLE = ": latitude "  # of what `occultations` says of a place that is out of range


def _report(rejected: list[dict], n_files: int, usable: bool) -> None:
    """Raise if nothing is left, warn if something was left out."""
    if not rejected:
        return
    first = rejected[0]["reason"]
    if not usable:
        raise InputError(first if n_files == 1 else f"None of {n_files} files could be used; the first: {first}")
    beyond = [entry["reason"] for entry in rejected if BEYOND_A_POLE in entry["reason"]]
    if len(beyond) > max(1, n_files / 4):  # the others, whose longitudes happen to lie within 90°, would be taken
        raise InputError(
            f"{len(beyond)} of {n_files} files hold latitudes beyond 90 degrees, so that longitude and latitude may be "
            f"exchanged in all of them; text profiles begin with longitude. The first: {beyond[0]}"
        )
    shown = " ".join(entry["reason"] for entry in rejected[:REASONS_IN_WARNING])
    more = len(rejected) - REASONS_IN_WARNING
    tail = f" And {more} more, see attrs['qc_rejected']." if more > 0 else ""
    losers = len({entry["file"] for entry in rejected})
    warnings.warn(f"{losers} of {n_files} files lost profiles. {shown}{tail}", stacklevel=3)


def _dataset(tables: list[PointTable], path, counts: Counter, rejected: list[dict]) -> xr.Dataset:
    columns = _join([table.columns for table in tables])
    variables = {name: ("point", values, VARIABLE_ATTRS[name]) for name, values in columns.items()}
    coords = {name: variables.pop(name) for name in COORDINATES}
    kinds = ", ".join(dict.fromkeys(table.kind for table in tables))
    attrs = {
        "Conventions": "CF-1.11",
        "title": f"Observed electron density at points of radio occultation profiles ({kinds})",
        "source": str(path) if isinstance(path, str | Path) else ", ".join(map(str, path)),
        **{name: int(counts[name]) for name in QC_LABELS},
        "qc_rejected": json.dumps(rejected),
    }
    inferred = [table.inferred for table in tables if table.inferred]
    if inferred:
        attrs["profiles_inferred"] = "shuffled" if "shuffled" in inferred else inferred[0]
    return xr.Dataset(variables, coords, attrs)


def _join(parts: list[dict[str, np.ndarray]]) -> dict[str, np.ndarray]:
    """Columns one behind another, with profiles numbered on; what only some have is NaN in the others."""
    if len(parts) == 1:
        return parts[0]  # millions of points are not copied
    sizes = [int(part["profile"][-1]) + 1 if part["profile"].size else 0 for part in parts]
    offsets = np.cumsum([0, *sizes[:-1]]).astype(np.int32)
    parts = [{**part, "profile": part["profile"] + first} for part, first in zip(parts, offsets, strict=True)]
    names = dict.fromkeys(name for part in parts for name in part)
    empty = [np.full(part["lat"].size, np.nan, np.float32) for part in parts]
    return {name: np.concatenate([p.get(name, e) for p, e in zip(parts, empty, strict=True)]) for name in names}
