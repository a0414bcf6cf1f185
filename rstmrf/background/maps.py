"""PyIRI's monthly parameter maps as spline coefficients, made once and cached on disk.

PyIRI builds a day from the maps of two mid-months, each at two levels of solar activity, all linear. So the maps are
made once a month, not once a day, and any day and any driver value is a weighted sum of four of them.
"""

import contextlib
import hashlib
import io
import os
import tempfile
import warnings
from datetime import date, timedelta
from pathlib import Path

import numpy as np
from scipy.ndimage import spline_filter1d

from rstmrf.errors import InputError
from rstmrf.files import read_bytes

PARAMETERS = ("foF2", "hmF2", "B0", "B1", "M3000")
GRID_STEP_DEG = 3.75  # at 5° the errors of foF2 and hmF2 are three times larger
UT_STEP_HOURS = 0.5  # hourly, the errors of foF2 and B0 are twice as large
N_UT = 48
N_LON = 96
N_LAT = 49
#: rows from pole to pole, with two more beyond each pole for the four taps of a cubic spline
N_LAT_PADDED = N_LAT + 4
LAT_FIRST_ROW_DEG = -90.0 - 2 * GRID_STEP_DEG
_DIGEST_BYTES, _LARGEST_MB = 32, 16
_VERSION = "pyiri-0.1-sh-ursi-shu2015-3.75deg-30min-v1"


def cache_folder() -> Path:
    """Folder of cached maps: `$RSTMRF_CACHE`, or `rstmrf` in the user's cache folder."""
    if given := os.environ.get("RSTMRF_CACHE"):
        return Path(given)
    base = os.environ.get("XDG_CACHE_HOME") or os.environ.get("LOCALAPPDATA") or Path.home() / ".cache"
    return Path(base) / "rstmrf"


def monthly_coefficients(year: int, month: int) -> np.ndarray:
    """Spline coefficients of a month's maps, float32 `[2, 48, 53, 96, 5]`.

    Axes: solar activity (index 0 and index 100), UT, latitude row, longitude, parameter (`PARAMETERS`: foF2 [MHz],
    hmF2 [km], B0 [km], B1, M(3000)F2). Read from the cache where it is what was written there, to the last bit, else
    made by PyIRI (some ten seconds).
    """
    path = cache_folder() / f"{_VERSION}-{year:04d}-{month:02d}.npy"
    coefficients = _cached(path)
    if coefficients is None:
        coefficients = _spline_coefficients(_pyiri_maps(year, month))
        _save(path, coefficients)
    return coefficients


def _cached(path: Path) -> np.ndarray | None:
    """The array of a cached file, None where it is missing, cut, changed, or of another name."""
    with contextlib.suppress(InputError):
        content = read_bytes(path, "cached maps", _LARGEST_MB)
        array, digest = content[:-_DIGEST_BYTES], content[-_DIGEST_BYTES:]
        if digest == _digest(path, array):
            return np.load(io.BytesIO(array), allow_pickle=False)
    return None


def _digest(path: Path, array: bytes) -> bytes:
    """SHA-256 of a file's name and array; it stands behind the array, where NumPy does not look."""
    return hashlib.sha256(path.name.encode() + array).digest()


def mid_months(day: date) -> tuple[tuple[date, date], float]:
    """The mid-months around a day and the weight of the later one, as in PyIRI (whose import takes seconds)."""
    middle = day.replace(day=15)
    other = (middle + timedelta(days=30 if day.day >= 15 else -30)).replace(day=15)
    before, after = sorted((middle, other))
    return (before, after), (day - before).days / (after - before).days


def _pyiri_maps(year: int, month: int) -> np.ndarray:
    """PyIRI's maps of a mid-month on the grid: `[2, 48, 49, 96, 5]`."""
    import PyIRI.sh_library as pyiri_sh

    lat, lon = np.meshgrid(np.arange(-90, 91, GRID_STEP_DEG), np.arange(-180, 180, GRID_STEP_DEG), indexing="ij")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        maps = pyiri_sh.IRI_sh_params(year, month, np.arange(N_UT) * UT_STEP_HOURS, lon.ravel(), lat.ravel())
    fo_f2, hm_f2, b0, b1, m3000, _ = maps
    stacked = np.stack([fo_f2, hm_f2, b0, b1, m3000])  # [5, 48, place, 2]
    return stacked.transpose(3, 1, 2, 0).reshape(2, N_UT, *lat.shape, len(PARAMETERS))


def _spline_coefficients(maps: np.ndarray) -> np.ndarray:
    """Cubic B-spline coefficients, periodic in UT and longitude, and carried across the poles."""
    # A meridian and the one opposite form a closed circle of 96 nodes: no edge is left to invent values for.
    beyond = np.roll(maps[:, :, -2:0:-1], N_LON // 2, axis=3)
    circle = np.concatenate([maps, beyond], axis=2)
    for axis in (1, 2, 3):
        circle = spline_filter1d(circle, order=3, axis=axis, mode="grid-wrap")
    rows = np.arange(-2, N_LAT + 2) % (2 * N_LAT - 2)  # the length of the circle
    return np.ascontiguousarray(circle[:, :, rows], dtype=np.float32)


def _save(path: Path, coefficients: np.ndarray) -> None:
    """Write whole or not at all: another process may read at the same time; a read-only disk is no error."""
    np.save(array := io.BytesIO(), coefficients)
    content = array.getvalue()
    with contextlib.suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=path.parent, suffix=".tmp", delete=False) as partial:
            place = Path(partial.name)
        try:  # a name of its own for each process
            place.write_bytes(content + _digest(path, content))
            place.replace(path)
        finally:
            place.unlink(missing_ok=True)
