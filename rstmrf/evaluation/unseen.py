"""A run judged by profiles of other files than its own: another month, another mission, another instrument."""

import numpy as np
import pandas as pd
import xarray as xr

from rstmrf.background.dip import dip_latitude
from rstmrf.errors import InputError
from rstmrf.metrics import score_table, strata_of
from rstmrf.metrics.moments import profile_days
from rstmrf.predict import Predictor
from rstmrf.predict.places import answered
from rstmrf.units import hours_since, local_time_hours


def score_unseen(run: Predictor, observations: xr.Dataset, **limits) -> tuple[pd.DataFrame, int]:
    """Scores of IRI and of a run at observations, by altitude, local time and dip latitude.

    Whether the run saw them in training is for the caller to know: its folder keeps no observations.

    Args:
        run: of `rstmrf.load`, with maps and indices of the hours of the observations.
        observations: Dataset of `point`, from `read_observations`.
        limits: `n_bootstrap`, `min_profiles`, `min_days` of `metrics.score_table`.

    Returns:
        The table of `metrics.score_table`, each profile counting once, and how many points the run cannot answer.

    Raises:
        InputError: it can answer none of them.
    """
    found = run.at(observations, outside="flag")
    good = answered(found["coverage_flag"].values)
    if not good.any():
        hours = run.hours
        span = f"{hours[0]} to {hours[-1]} UT" if len(hours) else "no hour"
        raise InputError(
            f"none of {len(good)} observations can be answered by this run, which knows {span}; give the maps and "
            "indices of their hours (a run with time_mode='elapsed' knows its own days alone)"
        )
    found, seen = found.isel(point=good), observations.isel(point=good)
    lat, lon, alt_km, profile = (seen[name].values for name in ("lat", "lon", "alt_km", "profile"))
    start = seen["time"].values.min().astype("datetime64[D]")
    hours = hours_since(seen["time"].values, start)
    log10_ne = found["log10_ne_m3"].values.astype(float)
    predicted = {"IRI": log10_ne - found["residual_dex"].values, "R-STMRF": log10_ne}
    strata = strata_of(
        alt_km, local_time_hours(hours, lon), dip_latitude(lat, lon, int(str(start)[:4])), np.zeros(len(lat))
    )
    strata.pop("Kp")
    observed = seen["log10_ne_m3"].values.astype(float)
    table = score_table(predicted, observed, profile, profile_days(hours, profile), strata, **limits)
    return table, int((~good).sum())
