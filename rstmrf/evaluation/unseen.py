"""A run judged by profiles of other files than its own: another month, another mission, another instrument."""

from pathlib import Path

import numpy as np
import pandas as pd
import xarray as xr

from rstmrf.background.dip import dip_latitude
from rstmrf.errors import InputError
from rstmrf.metrics import score_table, strata_of
from rstmrf.metrics.moments import profile_days
from rstmrf.model.weights import load_model
from rstmrf.predict import Predictor
from rstmrf.predict.load import load, members_of
from rstmrf.predict.places import answered
from rstmrf.readers.indices import read_indices
from rstmrf.readers.tec import load_tec
from rstmrf.units import hours_since, local_time_hours


def predictor_at(run_dir, observations: xr.Dataset, tec_path=None, drivers_path=None, start=None) -> Predictor:
    """The predictor of a run in the hours of observations: by maps and indices of other files, or by its own.

    Args:
        tec_path, drivers_path, start: as of `load_inputs`; indices of the observations' days need no maps.

    Raises:
        InputError: as `load`, and as the readers.
    """
    members, _ = members_of(Path(run_dir))
    config = load_model(members[0]).config
    gaps = "leave-out" if config.missing_hours == "mask" else "error"
    tec = load_tec(tec_path, start=start, gaps=gaps) if tec_path else None
    if not drivers_path:
        return load(run_dir, tec)
    time = observations["time"].values
    first, last = time.min().astype("datetime64[D]"), time.max().astype("datetime64[D]") + np.timedelta64(23, "h")
    before_hours = max(config.seq_len + config.lead_hours, config.driver_hours or 0)
    return load(run_dir, tec, read_indices(drivers_path, first, last, before_hours=before_hours, gaps=gaps))


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
