"""What a run's data say before any model: the parts of the split, what a leak would gain, the baselines' answers.

Each is computed once and kept as long as the data live, because many models are scored on the same.
"""

from copy import deepcopy
from functools import wraps
from weakref import WeakKeyDictionary

import numpy as np
import pandas as pd

from rstmrf.data.batch import PointSet
from rstmrf.data.run_data import RunData
from rstmrf.data.splits import GAP, NAMES, TEST_PROFILES, TEST_TIMES, TRAIN, split_points
from rstmrf.evaluation.baselines import MeanResidualTable, Persistence, nearest_residual
from rstmrf.metrics import rmse, skill
from rstmrf.metrics.moments import profile_days

LEAK_POINTS = 40_000
_FOUND: WeakKeyDictionary = WeakKeyDictionary()  # by a run's data


def _once(compute):
    @wraps(compute)
    def kept(data, *args, **kwargs):
        found = _FOUND.setdefault(data, {})
        corrected = None if data.targets is None else data.targets.double().sum().item()  # training may change them
        asked = compute.__name__, args, tuple(sorted(kwargs.items())), corrected
        if asked not in found:
            found[asked] = compute(data, *args, **kwargs)
        return deepcopy(found[asked])  # the caller may change it

    return kept


@_once
def baseline_residuals(data: RunData, part: int) -> dict:
    """Residuals [dex] by baseline at the points of one part: their mean, the table of means, and persistence.

    They are taken from the targets on which the run's model was trained, corrected or not.
    """
    train, points = data.fitted().select(data.split.rows(TRAIN)), data.part(part)
    return {
        "IRI + mean": float((train.log10_ne_m3 - train.background[:, 0]).mean()),
        "mean residuals": MeanResidualTable.fit(train).predict(points),
        "persistence": Persistence.fit(train).predict(points),
    }


@_once
def split_table(data: RunData) -> pd.DataFrame:
    """Points, profiles and days (UTC) of each part of a run's split."""
    rows = {}
    for name, number in {**dict(zip(NAMES, range(len(NAMES)), strict=True)), "gap, not used": GAP}.items():
        points = data.part(number)
        days = _days(points)
        dates = (data.points.start.astype("datetime64[D]") + days).astype(str)
        rows[name] = {
            "points": len(points),
            "profiles": len(points.profile.unique()),
            "days": len(days),
            "dates": ", ".join(dates) if len(dates) <= 10 else f"{dates[0]} … {dates[-1]}",
        }
    return pd.DataFrame.from_dict(rows, orient="index")


def _days(points: PointSet):
    if not len(points):
        return np.array([], int)
    return np.unique(profile_days(points.coords[:, 3].numpy(), points.profile.numpy()))


@_once
def leak_table(data: RunData, n_points=LEAK_POINTS, seed=0) -> pd.DataFrame:
    """RMSE [dex] of IRI and of the nearest training point, under a split of random points and under the run's own.

    The nearest point has learned nothing; what it seems to gain in a random split is the leak.
    """
    random = split_points(data.points.coords[:, 3], data.points.profile, mode="random", seed=seed)
    held = {"points at random": (random, (TEST_PROFILES,)), "the run's split": (data.split, (TEST_TIMES,))}
    rows = {}
    for name, (split, parts) in held.items():
        rows_held = split.rows(*parts)
        rng = np.random.default_rng(seed)
        chosen = rows_held if len(rows_held) <= n_points else np.sort(rng.choice(rows_held, n_points, replace=False))
        points = data.points.select(chosen)
        error = (points.background[:, 0] - points.log10_ne_m3).numpy()
        nearest = nearest_residual(data.points.select(split.rows(TRAIN)), points)
        rows[name] = {"IRI": rmse(error), "nearest training point": rmse(error + nearest), "points": len(points)}
        rows[name]["apparent_skill"] = skill(rows[name]["nearest training point"], rows[name]["IRI"])
    return pd.DataFrame.from_dict(rows, orient="index")
