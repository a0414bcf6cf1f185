"""A run against what measures the profile above one place: radars and digisondes."""

import numpy as np
import pandas as pd
import xarray as xr

from rstmrf.errors import InputError
from rstmrf.metrics import score_table, strata_of
from rstmrf.model.coordinates import TRAINED_KM
from rstmrf.units import local_time_hours

MAX_SIGMA_DEX = 0.3


def score_stations(runs, points: xr.Dataset, *, max_sigma_dex=MAX_SIGMA_DEX, min_profiles=10, **limits) -> pd.DataFrame:
    """Scores of runs and of IRI against a station's profiles, by altitude band and local time.

    Args:
        runs: an object with `at(time=, lat=, lon=, alt_km=)` that gives `log10_ne_m3` and IRI's `ne_iri_m3`, as
            `Predictor` has, or several by name; one alone is named "R-STMRF".
        points: from `read_madrigal`, `read_digisonde_text` or `read_sao`. Only what was measured between 120 and
            500 km is scored.
        max_sigma_dex: a point whose stated uncertainty is larger is left out; 0.3 is a factor of two.
        min_profiles, limits: as in `metrics.score_table`, whose rows are given: stratum "altitude, local time" holds
            cells such as "120–200 km, night 21–5 LT", and each profile counts once.

    Raises:
        InputError: nothing is left to score; or what `at` raises, such as a time without drivers.
    """
    runs = runs if isinstance(runs, dict) else {"R-STMRF": runs}
    alt_km = points["alt_km"].values
    used = points["measured"].values & (alt_km >= TRAINED_KM[0]) & (alt_km <= TRAINED_KM[1])
    if "sigma_log10_ne" in points:
        used &= ~(points["sigma_log10_ne"].values > max_sigma_dex)
    if not used.any():
        raise InputError(
            f"{points.attrs.get('source', 'points')}: none of {used.size} points was measured between 120 and 500 km "
            f"with an uncertainty of at most {max_sigma_dex:g} dex"
        )
    points = points.isel(point=used)
    lat, lon, alt_km, time = (points[name].values for name in ("lat", "lon", "alt_km", "time"))
    predicted = {}
    for name, run in runs.items():
        found = run.at(time=time, lat=lat, lon=lon, alt_km=alt_km)
        predicted["IRI"] = np.log10(np.asarray(found["ne_iri_m3"], float))
        predicted[name] = np.asarray(found["log10_ne_m3"], float)
    since_midnight = (time - time.astype("datetime64[D]")) / np.timedelta64(1, "h")
    nowhere = np.zeros(len(time))
    strata = strata_of(alt_km, local_time_hours(since_midnight, lon), nowhere, nowhere)
    strata = {kind: strata[kind] for kind in ("altitude", "local time")}
    pairs = zip(strata["altitude"], strata["local time"], strict=True)
    strata["altitude, local time"] = np.array([", ".join(pair) for pair in pairs])
    day = time.astype("datetime64[D]").astype(int)
    observed, profile = points["log10_ne_m3"].values, points["profile"].values
    return score_table(predicted, observed, profile, day, strata, min_profiles=min_profiles, **limits)
