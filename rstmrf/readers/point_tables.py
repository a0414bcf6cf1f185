"""Tables of checked observation points, and the `.npy` form `[N, 5]` or `[N, 6]`: all profiles in one array."""

import re
import warnings
from collections import Counter
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pandas as pd
import xarray as xr
from jaxtyping import Bool, Float

from rstmrf.errors import InputError, quoted
from rstmrf.files import open_npy
from rstmrf.readers import plausible
from rstmrf.units import hours_since, wrap_longitude

FORM = "lat, lon, alt km, hours since start, log10 Ne (m-3)"
N_NEEDED, N_WITH_AZIMUTH = 5, 6
#: rows held in float64 at a time, so that memory stays modest at millions of points
BLOCK_ROWS = 1 << 18
COLUMN_TYPES = {
    "lat": np.float32,
    "lon": np.float32,
    "alt_km": np.float32,
    "time": "datetime64[ns]",
    "log10_ne_m3": np.float32,
    "profile": np.int32,
}
#: what a file may give beside them, NaN where a point lacks it
OPTIONAL_TYPES = dict.fromkeys(("sigma_log10_ne", "azimuth_deg", "slant_tecu"), np.float32)
#: a new profile begins where two neighbouring rows lie farther apart than any of these
GAP_SECONDS, GAP_DEGREES, GAP_KM = 60.0, 3.0, 120.0
SHUFFLED_BELOW_POINTS = 5.0
LARGEST_MB = 1 << 14
ISO_DATE = re.compile(r"\d{4}-\d\d-\d\d")


@dataclass(frozen=True)
class Limits:
    """What quality control accepts: altitudes [km], points left in a profile, and the density of its peak [m⁻³]."""

    alt_range_km: tuple[float, float] = (80.0, 1000.0)
    min_points: int = 10
    peak_ne_m3: tuple[float, float] = (1e8, 1e14)

    def __post_init__(self):
        for name in ("alt_range_km", "peak_ne_m3"):
            low, high = getattr(self, name)
            if not low < high:
                raise InputError(f"{name} is ({low:g}, {high:g}); the first number must be below the second.")


@dataclass
class PointTable:
    """Points that passed, one array [n] per name in COLUMN_TYPES; what did not pass, counted and explained."""

    columns: dict[str, np.ndarray]
    kind: str
    counts: Counter = field(default_factory=Counter)
    rejected: list[dict] = field(default_factory=list)
    inferred: str | None = None


def read_npy(path: Path, start, shift: float = 0.0, limits: Limits | None = None) -> PointTable:
    """Read `.npy [N, 5]` (lat [deg], lon [deg], alt [km], hours since `start`, log10 Ne [m⁻³]), memory-mapped.

    A sixth column is the azimuth of the ray [deg east of north], NaN where it is unknown. Rows that are not finite in
    the first five are dropped and counted; `shift` is added to column 5. Profiles are inferred: a new one
    begins where neighbours differ by more than 60 s, 3° or 120 km. Below five points a profile on average the rows
    were shuffled: this warns, and checks of whole profiles are left out. Times are rounded to milliseconds.

    Raises InputError for a missing `start`, another shape or type, and columns that cannot be what they should be.
    """
    limits, start = limits or Limits(), parse_start(start, path)
    rows, width = _open(path).shape
    types = COLUMN_TYPES | ({"azimuth_deg": OPTIONAL_TYPES["azimuth_deg"]} if width == N_WITH_AZIMUTH else {})
    table = PointTable({name: np.empty(rows, dtype) for name, dtype in types.items()}, f"npy [N, {width}]")
    kept, last, profile, highest = 0, None, -1, -np.inf
    for first in range(0, rows, BLOCK_ROWS):
        # opened anew for each block: pages of a closed map no longer count as this process's memory
        raw = _open(path)[first : first + BLOCK_ROWS].astype(np.float64)
        finite = np.isfinite(raw[:, :N_NEEDED]).all(axis=1)
        block = raw[finite]
        table.counts.update(qc_points_read=len(raw), qc_points_fill=len(raw) - len(block))
        if not len(block):
            continue
        plausible.check_columns(block, first + np.flatnonzero(finite), path)
        plausible.check_clock(block, path)
        ids = profile + np.cumsum(_profile_begins(block, last))
        last, profile, highest = block[-1], int(ids[-1]), max(highest, block[:, 4].max())
        inside = (block[:, 2] >= limits.alt_range_km[0]) & (block[:, 2] <= limits.alt_range_km[1])
        resolved = ~(block[:, 4] + shift < np.log10(plausible.LOWEST_NE_M3))
        table.counts["qc_points_outside_altitude"] += int((~inside).sum())
        table.counts["qc_points_implausible"] += int((inside & ~resolved).sum())
        inside &= resolved
        kept = _store(table.columns, kept, block[inside], ids[inside], start, shift)
    if profile < 0:
        raise InputError(f"{path}: none of its {rows} rows is finite; accepted are rows of {FORM}.")
    table.columns = {name: values[:kept] for name, values in table.columns.items()}
    plausible.check_time(table.columns["time"], path)
    plausible.check_peak(highest + shift, path)
    _judge_profiles(path, table, profile + 1, limits)
    return table


def write_npy(ds: xr.Dataset, path, start, dtype="float64") -> Path:
    """Write observations [point] as `.npy [N, 5]`, the inverse of `read_npy`; returns the path.

    Where the Dataset has `azimuth_deg`, it is the sixth column.
    float64 keeps times to the millisecond; float32 halves the file but keeps them to about a second in a month.
    Raises InputError if the name does not end in .npy, `start` is no date, or the Dataset lacks a variable.
    """
    path, needed = Path(path), ("lat", "lon", "alt_km", "time", "log10_ne_m3")
    if path.suffix != ".npy":
        raise InputError(f"{path}: the name of a file to write must end in .npy.")
    if missing := [name for name in needed if name not in ds]:
        raise InputError(f"{path}: the Dataset lacks {', '.join(missing)}; it needs {', '.join(needed)}.")
    names = (*needed, "azimuth_deg") if "azimuth_deg" in ds else needed
    table = np.lib.format.open_memmap(path, mode="w+", dtype=np.dtype(dtype), shape=(ds.sizes["point"], len(names)))
    for column, name in enumerate(names):
        values = ds[name].values
        table[:, column] = hours_since(values, parse_start(start, path)) if name == "time" else values
    table.flush()
    return path


def parse_start(start, path) -> np.datetime64:
    """`start` as datetime64[ns] in UTC; raises InputError where it is absent or no date."""
    if start is None:
        raise InputError(f"{path}: column 4 holds hours since a start; name it, as in start='2020-01-08'.")
    iso = not isinstance(start, str) or ISO_DATE.match(start.strip())  # others read 05.04. as the 4th of May
    try:
        time = pd.Timestamp(start) if iso else pd.NaT
        time = time.tz_convert(None) if time.tzinfo else time
    except (TypeError, ValueError):
        time = pd.NaT
    if time is pd.NaT or not 1957 <= time.year <= 2100:
        raise InputError(
            f"start is {start!r}; accepted is a date, year first, such as '2020-01-08' or '2020-01-08T06:00'."
        )
    return time.to_datetime64().astype("datetime64[ns]")


def _open(path: Path) -> np.ndarray:
    array = open_npy(path, f"[N, 5] with columns {FORM}", LARGEST_MB)
    if array.ndim != 2 or array.shape[1] not in (N_NEEDED, N_WITH_AZIMUTH) or not len(array):
        raise InputError(
            f"{path}: its shape is {list(array.shape)}; accepted is [N, 5] with columns {FORM}, or a sixth of azimuths."
        )
    if array.dtype.kind != "f" or array.dtype.itemsize < 4:
        raise InputError(
            f"{path}: its type is {quoted(array.dtype)}; accepted are float32 and float64, columns {FORM}."
        )
    return array


def _profile_begins(
    block: Float[np.ndarray, "row column"], last: Float[np.ndarray, " column"] | None
) -> Bool[np.ndarray, " row"]:
    """True at rows that begin a profile; `last` is the row before the block."""
    rows = np.vstack([block[:1] if last is None else last, block])
    step = np.abs(np.diff(rows, axis=0))
    lat, dlon = np.radians(rows[:, 0]), np.radians(step[:, 1])
    hav = np.sin(np.radians(step[:, 0]) / 2) ** 2 + np.cos(lat[1:]) * np.cos(lat[:-1]) * np.sin(dlon / 2) ** 2
    far = hav > np.sin(np.radians(GAP_DEGREES) / 2) ** 2  # great circle, without the arc sine
    begins = far | (step[:, 3] * 3600.0 > GAP_SECONDS) | (step[:, 2] > GAP_KM)
    begins[0] |= last is None
    return begins


def _store(columns: dict, kept: int, block: Float[np.ndarray, "row column"], ids, start, shift: float) -> int:
    """Put the rows behind those already `kept`; returns how many are kept now."""
    here = slice(kept, kept + len(block))
    lon = wrap_longitude(block[:, 1]).astype(np.float32)
    columns["lat"][here], columns["alt_km"][here] = block[:, 0], block[:, 2]
    columns["lon"][here] = np.where(lon >= 180.0, -180.0, lon)  # 179.9999999 rounds up in float32
    columns["time"][here] = start + np.rint(block[:, 3] * 3.6e6).astype("timedelta64[ms]")
    columns["log10_ne_m3"][here], columns["profile"][here] = block[:, 4] + shift, ids
    if "azimuth_deg" in columns:
        columns["azimuth_deg"][here] = wrap_longitude(block[:, N_NEEDED])
    return here.stop


def _judge_profiles(path: Path, table: PointTable, n_profiles: int, limits: Limits) -> None:
    """Drop profiles with too few points or an impossible peak, and number the others 0, 1, 2, …"""
    finite = table.counts["qc_points_read"] - table.counts["qc_points_fill"]
    shuffled = finite < SHUFFLED_BELOW_POINTS * n_profiles
    table.inferred = "shuffled" if shuffled else "inferred from gaps"
    if shuffled:
        mean = finite / n_profiles
        reason = f"the profiles inferred hold {mean:.1f} points on average, so the rows look shuffled"
        warnings.warn(f"{path}: {reason}; do not split training and test by 'profile'.", stacklevel=4)
        limits = replace(limits, min_points=1, peak_ne_m3=(0.0, np.inf))
    ids, log10_ne, alt_km = (table.columns[name] for name in ("profile", "log10_ne_m3", "alt_km"))
    size, peak = np.bincount(ids, minlength=n_profiles), np.full(n_profiles, -np.inf)
    span_km = np.full(n_profiles, np.inf)
    if len(ids):
        begins = np.flatnonzero(np.diff(ids, prepend=-1))
        peak[size > 0] = np.maximum.reduceat(log10_ne, begins)
        if not shuffled:
            span_km[size > 0] = np.maximum.reduceat(alt_km, begins) - np.minimum.reduceat(alt_km, begins)
    few, low_high = size < limits.min_points, "{:g} to {:g} m-3".format(*limits.peak_ne_m3)
    low, high = np.log10(np.maximum(limits.peak_ne_m3, 1e-300))
    flat = ~few & (span_km < plausible.SHORTEST_PROFILE_KM)
    odd = ~few & ~flat & ~((peak >= low) & (peak <= high))
    good = ~(few | flat | odd)
    table.counts.update(qc_profiles_read=n_profiles, qc_profiles_rejected=int((~good).sum()))
    for bad, reason in (
        (few, f"fewer than {limits.min_points} points left"),
        (flat, "all their points at one altitude"),
        (odd, f"a peak density outside {low_high}"),
    ):
        if bad.any():
            table.rejected.append(
                {"file": str(path), "reason": f"{path}: {int(bad.sum())} of its profiles have {reason}."}
            )
    _keep_profiles(table, good)


def _keep_profiles(table: PointTable, good: Bool[np.ndarray, " profile"]) -> None:
    keep = good[table.columns["profile"]]
    table.counts["qc_points_in_rejected_profiles"] += int(len(keep) - keep.sum())
    if not keep.all():
        for name in table.columns:  # one at a time: only one column is held twice
            table.columns[name] = table.columns[name][keep]
    if not good.all():
        number = (np.cumsum(good) - 1).astype(np.int32)
        table.columns["profile"] = number[table.columns["profile"]]
