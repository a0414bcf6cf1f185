"""Weighted sums from which every score follows, day by day, and scores of days drawn again and again.

Points of a profile are no independent witnesses, nor are profiles of a day: each profile counts once, whatever its
number of points, and intervals come from drawing whole days with replacement.
"""

import numpy as np
from jaxtyping import Float, Int

NAMES = ("weight", "error", "squared", "absolute", "reference_squared", "y", "y2", "p", "p2", "yp")
SCORES = ("rmse", "mae", "bias", "r2", "pearson", "skill")
N_BOOTSTRAP, INTERVAL = 1000, 0.95


def profile_weights(profile: Int[np.ndarray, " p"]) -> Float[np.ndarray, " p"]:
    """One over the number of points that share a point's profile."""
    _, of_point, counts = np.unique(profile, return_inverse=True, return_counts=True)
    return 1.0 / counts[of_point]


def profile_days(hours: Float[np.ndarray, " p"], profile: Int[np.ndarray, " p"]) -> Int[np.ndarray, " p"]:
    """Number of the day (24 h since start) on which a point's profile begins: never of two."""
    _, of_point = np.unique(profile, return_inverse=True)
    first = np.full(of_point.max() + 1, np.inf)
    np.minimum.at(first, of_point, np.asarray(hours, float))
    return np.floor(first / 24.0).astype(int)[of_point]


def daily_moments(predicted, observed, reference, weight, day) -> Float[np.ndarray, "d 10"]:
    """Sums (`NAMES`) over the points of each day that occurs, in order of days.

    Args:
        predicted, observed, reference: log10 Ne, each `[P]`; the reference is what skill is measured against.
        weight: of the points; day: number of each point's day, both `[P]`.
    """
    y, p = np.asarray(observed, float), np.asarray(predicted, float)
    error, ones = p - y, np.ones(len(y))
    rows = (ones, error, error**2, abs(error), (np.asarray(reference, float) - y) ** 2, y, y**2, p, p**2, y * p)
    _, of_point = np.unique(day, return_inverse=True)
    return np.stack([np.bincount(of_point, weight * row) for row in rows], axis=1)


def scores_of(moments: Float[np.ndarray, "*k 10"]) -> dict[str, np.ndarray]:
    """Scores (`SCORES`) from sums, any leading shape.

    RMSE, MAE and bias (predicted − observed) are in dex. R² is the share of the observed variance that is explained,
    and skill the share of the reference's RMSE that is gone: 0.1 means 10 % below it.
    """
    total, error, squared, absolute, reference, y, y2, p, p2, yp = np.moveaxis(moments, -1, 0)
    with np.errstate(invalid="ignore", divide="ignore"):
        error, squared, absolute, reference = (x / total for x in (error, squared, absolute, reference))
        y, y2, p, p2, yp = (x / total for x in (y, y2, p, p2, yp))
        variance, spread = y2 - y**2, p2 - p**2
        return {
            "rmse": np.sqrt(squared),
            "mae": absolute,
            "bias": error,
            "r2": 1 - squared / variance,
            "pearson": (yp - y * p) / np.sqrt(variance * spread),
            "skill": 1 - np.sqrt(squared / reference),
        }


def bootstrap(moments: Float[np.ndarray, "d 10"], n=N_BOOTSTRAP, seed=0, interval=INTERVAL) -> dict[str, np.ndarray]:
    """Lower and upper end `[2]` of each score's interval, from days drawn with replacement.

    All that is compared must be given the same seed and the same days: then the same draws are compared.
    NaN with fewer than three days, of which no spread can be told.
    """
    if len(moments) < 3:
        return {name: np.full(2, np.nan) for name in SCORES}
    draws = np.random.default_rng(seed).multinomial(len(moments), np.full(len(moments), 1 / len(moments)), size=n)
    ends = [(1 - interval) / 2, (1 + interval) / 2]
    return {name: np.quantile(values, ends) for name, values in scores_of(draws @ moments).items()}
