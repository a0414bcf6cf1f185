"""Whether a stated Gaussian uncertainty is true: CRPS, coverage and PIT, weighted by profile."""

import numpy as np
import pandas as pd
from jaxtyping import Float
from scipy.special import ndtr, ndtri

from rstmrf.metrics.moments import profile_weights
from rstmrf.metrics.tables import MIN_PROFILES

SHARES = (0.5, 0.9)
#: what coverage of the 90 % interval is accepted over all points, and in each band of altitude
ACCEPTED_90, ACCEPTED_90_BAND = (0.87, 0.93), (0.80, 0.97)


def crps_gaussian(error, sigma) -> Float[np.ndarray, " n"]:
    """Continuous ranked probability score [dex] of Gaussian predictions; 0 is perfect.

    `error` is observed − predicted mean. Source: Gneiting et al. 2005, doi:10.1175/MWR2904.1, equation 5.
    """
    sigma = np.asarray(sigma, float)
    z = np.asarray(error, float) / sigma
    density = np.exp(-(z**2) / 2) / np.sqrt(2 * np.pi)
    return sigma * (z * (2 * ndtr(z) - 1) + 2 * density - 1 / np.sqrt(np.pi))


def pit_gaussian(error, sigma) -> Float[np.ndarray, " n"]:
    """Probability integral transform: uniform between 0 and 1 where the uncertainty is true."""
    return ndtr(np.asarray(error, float) / np.asarray(sigma, float))


def calibration_table(error, sigma, profile, strata=None, min_profiles=MIN_PROFILES) -> pd.DataFrame:
    """CRPS, coverage and PIT over all points and by stratum, each profile counting once.

    Columns: counts, `crps` [dex] and `crps_constant`, that of the best single σ for the cell; `coverage_50` and
    `coverage_90`; `pit_distance`, the largest difference between the PIT's distribution and the uniform one;
    `sigma_mean` [dex] and `rmse` [dex], which a true uncertainty makes equal. NaN in cells with too few profiles.
    """
    error, sigma, profile = (np.asarray(x) for x in (error, sigma, profile))
    rows = []
    for kind, labels in ({"all": np.full(len(error), "all")} | (strata or {})).items():
        for cell in dict.fromkeys(labels.tolist()):
            at = labels == cell
            n_profiles = len(np.unique(profile[at]))
            counts = {"points": int(at.sum()), "profiles": n_profiles, "estimable": n_profiles >= min_profiles}
            scores = _scores(error[at], sigma[at], profile_weights(profile[at]))
            scores = {key: value if counts["estimable"] else np.nan for key, value in scores.items()}
            rows.append({"stratum": kind, "cell": cell} | counts | scores)
    return pd.DataFrame(rows).sort_values(["stratum", "cell"], kind="stable", ignore_index=True)


def calibration_verdict(table: pd.DataFrame) -> dict[str, bool]:
    """What a true and useful uncertainty must pass, from `calibration_table` with the stratum "altitude".

    An untrained σ fails the coverage; a constant one, however well chosen, tells no place from another and fails the
    last: its CRPS is no better than that of the best single σ.
    """
    whole, bands = (
        table[table["stratum"] == "all"].iloc[0],
        table[(table["stratum"] == "altitude") & table["estimable"]],
    )
    return {
        "coverage_90": bool(ACCEPTED_90[0] <= whole["coverage_90"] <= ACCEPTED_90[1]),
        "coverage_90_by_altitude": bool(bands["coverage_90"].between(*ACCEPTED_90_BAND).all()),
        "tells_places_apart": bool(whole["crps"] < 0.995 * whole["crps_constant"]),
    }


def recalibration_factor(error, sigma, profile, share=0.9) -> float:
    """What σ is to be multiplied by so that the central `share` of a Gaussian holds that share of the errors."""
    ratio, weight = np.abs(np.asarray(error) / np.asarray(sigma)), profile_weights(np.asarray(profile))
    order = np.argsort(ratio)
    cumulative = np.cumsum(weight[order]) / weight.sum()
    return float(ratio[order][np.searchsorted(cumulative, share)] / ndtri((1 + share) / 2))


def _scores(error, sigma, weight):
    weight = weight / weight.sum()
    mean_square = (weight * error**2).sum()
    grid = np.sqrt(mean_square) * np.linspace(0.5, 1.2, 36)
    pit = pit_gaussian(error, sigma)
    order = np.argsort(pit)
    reached = np.cumsum(weight[order])
    covered = {
        f"coverage_{100 * s:.0f}": float((weight * (np.abs(error) <= ndtri((1 + s) / 2) * sigma)).sum()) for s in SHARES
    }
    return {
        "crps": float((weight * crps_gaussian(error, sigma)).sum()),
        "crps_constant": min(float((weight * crps_gaussian(error, s)).sum()) for s in grid),
        **covered,
        "pit_distance": float(np.abs(reached - pit[order]).max()),
        "sigma_mean": float((weight * sigma).sum()),
        "rmse": float(np.sqrt(mean_square)),
    }
