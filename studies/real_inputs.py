"""What `studies.real_profiles` reads: profiles of four days and their split, and the surroundings of other days."""

from functools import cache
from pathlib import Path

import numpy as np

from rstmrf.background import IriBackground
from rstmrf.background.drivers import ionosphere_drivers
from rstmrf.config import RunConfig
from rstmrf.data.run_data import RunData
from rstmrf.data.splits import DEVELOPMENT, GAP, TEST_PROFILES, TEST_TIMES, TRAIN, Split, named_split
from rstmrf.data.windows import SlidingWindowBatchProcessor
from rstmrf.readers.indices import read_indices
from rstmrf.readers.observations import read_observations

LOCKED_DAY = np.datetime64("2015-01-04")
ALT_RANGE_KM, PEAK_KM, PEAK_NE_M3 = (120.0, 500.0), (150.0, 490.0), (1e10, 1e14)
EVERY_LEVEL = 2  # of an ionPrf's levels, some 2 km apart, one in two is taken


def observations(folder: Path, locked: bool, progress=False):
    """Profiles of days 1 to 3, and of day 4 if `locked`, that have a plausible F2 peak; every second level."""
    files = sorted(path for path in folder.iterdir() if "ionPrf" in path.name and ".tar" in path.name)
    found = read_observations(files, alt_range_km=ALT_RANGE_KM, peak_ne_m3=PEAK_NE_M3, progress=progress)
    if not locked:
        found = found.isel(point=found["time"].values < LOCKED_DAY)
    ne, alt_km, profile = (found[name].values for name in ("log10_ne_m3", "alt_km", "profile"))
    top = np.lexsort((ne, profile))
    top = top[np.append(np.flatnonzero(np.diff(profile[top])), len(top) - 1)]
    plausible = (alt_km[top] > PEAK_KM[0]) & (alt_km[top] < PEAK_KM[1])
    kept = np.isin(profile, profile[top][plausible])
    return found.isel(point=np.flatnonzero(kept)[::EVERY_LEVEL])


def split(data: RunData, explore: bool, seed=0) -> Split:
    """Days 1 to 3: a tenth of the profiles for development, a fifth held out, the rest to train; day 4 held out.

    To explore, what is held out of days 1 to 3 is left aside, and day 3 takes the place of day 4.
    """
    profile = data.points.profile.numpy()
    numbers, first, of_point = np.unique(profile, return_index=True, return_inverse=True)
    draw = np.random.default_rng(seed).random(numbers.max() + 1)[numbers]
    day = data.points.coords[:, 3].numpy()[first] // 24
    part = np.select([draw < 0.1, draw < 0.3], [DEVELOPMENT, TEST_PROFILES], TRAIN)
    if explore:
        part[part == TEST_PROFILES] = GAP
        part[(day == 2) & (part != GAP)] = TEST_TIMES
    part[day == 3] = TEST_TIMES
    return named_split(part[of_point])


def run_data(points, config: RunConfig) -> RunData:
    """Points without TEC maps, with Kp and F10.7 of their days and of the day before them."""
    return RunData(points, None, indices_of(days_of(points)), config)


def surroundings(points, config: RunConfig) -> tuple[IriBackground, SlidingWindowBatchProcessor]:
    """IRI and windows of Kp and F10.7 for the days of some points."""
    days = days_of(points)
    sizes = {key: getattr(config, key) for key in ("seq_len", "driver_hours")}
    return iri_of(*days[[0, -1]]), SlidingWindowBatchProcessor(None, indices_of(days), start=days[0], **sizes)


@cache
def iri_of(first, last) -> IriBackground:
    """IRI of some days, made once: of a fortnight it takes a while."""
    days = np.arange(first, last + 1)
    drivers = ionosphere_drivers(indices_of(days), days)
    return IriBackground(first, drivers["ig12"], drivers["f107_81d_sfu"])


def days_of(points) -> np.ndarray:
    """All days from the first point's to the last one's."""
    first, last = (f(points["time"].values).astype("datetime64[D]") for f in (np.min, np.max))
    return np.arange(first, last + 1)


def indices_of(days):
    """Hourly Kp and F10.7 of some days and of the day before them."""
    return read_indices("", days[0] - np.timedelta64(1, "D"), days[-1] + np.timedelta64(23, "h"))
