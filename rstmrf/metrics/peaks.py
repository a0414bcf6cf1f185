"""The F2 peak of profiles: NmF2, hmF2 and foF2, where the observation resolves it, and the errors of predictions."""

import numpy as np
import pandas as pd

from rstmrf.metrics.tables import MIN_PROFILES
from rstmrf.units import critical_frequency_mhz

LOWEST_PEAK_KM, HALF_WIDTH_KM, MIN_LEVELS = 180.0, 50.0, 5


def peaks(alt_km, log10_ne, profile) -> pd.DataFrame:
    """Peak of each profile, a row by its number: `nm_f2_m3`, `hm_f2_km`, `fo_f2_mhz`, and whether it is `resolved`.

    A parabola is laid through log10 Ne within 50 km of the highest density above 180 km, which noise of single levels
    moves little. A peak is not resolved, and NaN, where fewer than five levels lie there, where the highest density is
    that of the lowest or the highest level, or where the parabola's own peak lies outside.
    """
    frame = pd.DataFrame({"alt": alt_km, "ne": log10_ne, "profile": profile}).astype({"alt": float, "ne": float})
    found = {number: _peak(one["alt"].to_numpy(), one["ne"].to_numpy()) for number, one in frame.groupby("profile")}
    table = pd.DataFrame.from_dict(found, orient="index", columns=["log10_nm_f2", "hm_f2_km"])
    table["nm_f2_m3"] = 10.0 ** table["log10_nm_f2"]
    table["fo_f2_mhz"] = critical_frequency_mhz(table["nm_f2_m3"])
    table["resolved"] = table["hm_f2_km"].notna()
    return table


def peak_errors(predicted: dict[str, np.ndarray], observed, alt_km, profile) -> pd.DataFrame:
    """Errors of the peak by prediction: RMSE and mean of NmF2 [%], foF2 [MHz] and hmF2 [km].

    The observation alone decides which profiles count. `profiles` is their number, `not_resolved` that of the others,
    `prediction_not_resolved` how many of those that count have no peak in the prediction, and enter no error.
    """
    of_observed = peaks(alt_km, observed, profile)
    everywhere = np.ones(len(of_observed), bool)
    rows = {name: _errors(peaks(alt_km, x, profile), of_observed, everywhere) for name, x in predicted.items()}
    return pd.DataFrame.from_dict(rows, orient="index")


def peak_errors_by_cell(
    predicted: dict[str, np.ndarray], observed, alt_km, profile, strata, min_profiles=MIN_PROFILES
) -> pd.DataFrame:
    """`peak_errors` in each cell of some strata: columns `stratum`, `cell`, `prediction`, `estimable`, and the errors.

    Args:
        strata: label of each point by kind of stratum; a profile lies where its highest observed density lies.
        min_profiles: resolved ones that a cell needs; one with fewer is not `estimable`, and its errors are NaN.
    """
    of_observed = peaks(alt_km, observed, profile)
    of_models = {name: peaks(alt_km, values, profile) for name, values in predicted.items()}
    top = pd.Series(np.asarray(observed, float)).groupby(np.asarray(profile)).idxmax().to_numpy()
    rows = []
    for kind, labels in strata.items():
        of_profile = np.asarray(labels)[top]
        for cell in np.unique(of_profile):
            inside = of_profile == cell
            for name, of_model in of_models.items():
                found = _errors(of_model, of_observed, inside, min_profiles)
                estimable = found["profiles"] >= min_profiles
                rows.append({"stratum": kind, "cell": cell, "prediction": name, "estimable": estimable} | found)
    return pd.DataFrame(rows)


def _errors(of_model, of_observed, inside, min_profiles=1):
    """Counts and errors over the profiles of a mask."""
    counted = inside & of_observed["resolved"].to_numpy()
    both = counted & of_model["resolved"].to_numpy()
    found = {
        "profiles": int(counted.sum()),
        "not_resolved": int((inside & ~counted).sum()),
        "prediction_not_resolved": int((counted & ~both).sum()),
    }
    nm = 100 * (of_model["nm_f2_m3"] / of_observed["nm_f2_m3"] - 1)[both]
    fo, hm = ((of_model[key] - of_observed[key])[both] for key in ("fo_f2_mhz", "hm_f2_km"))
    for key, error in (("nm_f2_percent", nm), ("fo_f2_mhz", fo), ("hm_f2_km", hm)):
        enough = counted.sum() >= min_profiles and len(error)
        found[f"{key}_rmse"] = float(np.sqrt(np.mean(error**2))) if enough else float("nan")
        found[f"{key}_bias"] = float(error.mean()) if enough else float("nan")
    return found


def _peak(alt_km, log10_ne):
    order = np.argsort(alt_km)
    alt_km, log10_ne = alt_km[order], log10_ne[order]
    high = np.flatnonzero(alt_km >= LOWEST_PEAK_KM)
    if len(high) < MIN_LEVELS:
        return np.nan, np.nan
    top = high[np.argmax(log10_ne[high])]
    if top in (high[0], high[-1]):
        return np.nan, np.nan
    near = np.flatnonzero(np.abs(alt_km - alt_km[top]) <= HALF_WIDTH_KM)
    if len(near) < MIN_LEVELS:
        return np.nan, np.nan
    x = (alt_km[near] - alt_km[top]) / HALF_WIDTH_KM
    curve, slope, level = np.polyfit(x, log10_ne[near], 2)
    at = -slope / (2 * curve) if curve < 0 else np.inf
    if not x[0] < at < x[-1]:
        return np.nan, np.nan
    return level + slope * at / 2, alt_km[top] + HALF_WIDTH_KM * at
