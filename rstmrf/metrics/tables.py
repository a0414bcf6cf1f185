"""Scores of several predictions as one tidy table, over all points and by stratum."""

import numpy as np
import pandas as pd

from rstmrf.metrics.moments import N_BOOTSTRAP, bootstrap, daily_moments, profile_weights, scores_of

MIN_PROFILES, MIN_DAYS = 100, 2
WITH_INTERVAL = ("rmse", "skill")


def score_table(
    predicted: dict[str, np.ndarray],
    observed,
    profile,
    day,
    strata: dict[str, np.ndarray] | None = None,
    reference="IRI",
    n_bootstrap=N_BOOTSTRAP,
    min_profiles=MIN_PROFILES,
    min_days=MIN_DAYS,
) -> pd.DataFrame:
    """One row for each cell and prediction: counts, scores [dex], and 95 % intervals from whole days.

    Args:
        predicted: log10 Ne `[P]` by name; `reference` is one of the names.
        observed: log10 Ne `[P]`; profile, day: numbers `[P]`.
        strata: labels `[P]` by kind, as `strata_of` gives them; all points together are a row always.
        min_profiles, min_days: a cell with fewer is not scored: `estimable` is False and its scores are NaN. Points of
            a single day are scored all the same, without intervals: the spread from day to day is then not known.
    """
    min_days = min(min_days, len(np.unique(day)))
    labels = {"all": np.full(len(np.asarray(observed)), "all")} | (strata or {})
    rows = []
    for kind, of_point in labels.items():
        for cell in dict.fromkeys(of_point.tolist()):
            inside = of_point == cell
            rows += _cell_rows(
                {name: np.asarray(values)[inside] for name, values in predicted.items()},
                *(np.asarray(x)[inside] for x in (observed, profile, day)),
                {"stratum": kind, "cell": cell},
                (reference, n_bootstrap, min_profiles, min_days),
            )
    table = pd.DataFrame(rows)
    return table.sort_values(["stratum", "cell"], kind="stable", ignore_index=True)


def _cell_rows(predicted, observed, profile, day, names, limits):
    reference, n_bootstrap, min_profiles, min_days = limits
    weight = profile_weights(profile)
    counts = {"points": len(observed), "profiles": len(np.unique(profile)), "days": len(np.unique(day))}
    estimable = counts["profiles"] >= min_profiles and counts["days"] >= min_days
    rows = []
    for name, values in predicted.items():
        row = names | {"prediction": name} | counts | {"estimable": estimable}
        moments = daily_moments(values, observed, predicted[reference], weight, day)
        scores, ends = scores_of(moments.sum(0)), bootstrap(moments, n_bootstrap)
        row |= {key: float(value) if estimable else np.nan for key, value in scores.items()}
        for key in WITH_INTERVAL:
            low, high = ends[key] if estimable else (np.nan, np.nan)
            row |= {f"{key}_low": float(low), f"{key}_high": float(high)}
        rows.append(row)
    return rows
