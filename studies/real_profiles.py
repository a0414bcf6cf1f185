"""Skill on genuine profiles of four days, 2015-01-01 to 04: `python -m studies.real_profiles FOLDER [--explore ...]`.

FOLDER holds a tar of ionPrf files of those days (CDAAC) and, for transfer, an EISCAT file and a digisonde's text.
Days 1 to 3 train and develop; of their profiles a fifth is held out, and day 4 is locked. `--explore CHANGES` trains on
days 1 and 2 and scores day 3 and development profiles; it never reads what is held out. There are no TEC maps of
these days, so nothing here has a direction loss. Only aggregates are stored: no profile's values, and no weights.
"""

import argparse
import json
import tempfile
import time
import warnings
from pathlib import Path

import numpy as np
import torch

from rstmrf.config import RunConfig
from rstmrf.data.run_data import RunData
from rstmrf.data.splits import DEVELOPMENT, GAP, TEST_PROFILES, TEST_TIMES, TRAIN, Split, named_split
from rstmrf.metrics.moments import profile_weights
from rstmrf.predict import Predictor
from rstmrf.readers.indices import read_indices
from rstmrf.readers.observations import read_observations
from rstmrf.runtime import keep_freed_memory
from rstmrf.training.loop import history, train

RESULTS = Path(__file__).parent / "results" / "real_profiles.json"
EXPLORED = RESULTS.with_name("real_profiles_explored.json")
FIRST_DAY, LOCKED_DAY = np.datetime64("2015-01-01"), np.datetime64("2015-01-04")
ALT_RANGE_KM, PEAK_KM, PEAK_NE_M3 = (120.0, 500.0), (150.0, 490.0), (1e10, 1e14)
EVERY_LEVEL = 2  # of an ionPrf's levels, some 2 km apart, one in two is taken
BASE = {"split": "hours", "split_seed": 0, "w_tec_direction": 0.0, "collocation_points": 0}


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


def load(folder: Path, changes: dict, explore=False, progress=False) -> RunData:
    """A run's data with its settings and the split of this study."""
    config = RunConfig.preset("month", **{**BASE, **changes})
    found = observations(folder, locked=not explore, progress=progress)
    data = RunData(found, no_tec(found), indices_of(found), config)
    if config.split != "random":
        data.split = split(data, explore)
    return data


def indices_of(points):
    """Hourly Kp and F10.7 of the days of some points and of the day before them."""
    first, last = (f(points["time"].values).astype("datetime64[D]") for f in (np.min, np.max))
    return read_indices("", first - np.timedelta64(1, "D"), last + np.timedelta64(23, "h"))


def trained(data: RunData, row: dict):
    """Train one model; notes its seconds and its development curve."""
    with tempfile.TemporaryDirectory() as scratch:
        started = time.perf_counter()
        model = train(data, Path(scratch) / "run")
        row["seconds"] = round(time.perf_counter() - started)
        row["development"] = history(Path(scratch) / "run")["dev_rmse_dex"].round(4).tolist()
    return model
