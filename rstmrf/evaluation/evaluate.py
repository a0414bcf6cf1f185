"""A trained model against baselines, on what was held out."""

from typing import NamedTuple

import numpy as np
import pandas as pd
import torch
import xarray as xr

from rstmrf.background.dip import dip_latitude
from rstmrf.data.batch import PointSet
from rstmrf.data.run_data import RunData
from rstmrf.data.splits import DEVELOPMENT, NAMES, TEST_PROFILES, TEST_TIMES, TRAIN
from rstmrf.errors import InputError
from rstmrf.evaluation.baselines import MeanResidualTable, tec_scaled_residual
from rstmrf.evaluation.run_tables import baseline_residuals, leak_table, split_table
from rstmrf.metrics import (
    calibration_table,
    peak_errors,
    peak_errors_by_cell,
    rmse_by_altitude,
    score_table,
    skill,
    strata_of,
)
from rstmrf.metrics.moments import profile_days
from rstmrf.predict import Predictor
from rstmrf.uncertainty import Ensemble
from rstmrf.units import local_time_hours

PARTS = dict(zip(NAMES[1:], (DEVELOPMENT, TEST_PROFILES, TEST_TIMES), strict=True))


class Evaluation(NamedTuple):
    """RMSE [dex] by altitude band of IRI, the table of mean residuals and the model, for each held-out part."""

    tables: dict[str, pd.DataFrame]

    @property
    def overall(self) -> pd.Series:
        """RMSE [dex] over all that was held out."""
        return self.tables["held out"].loc["all"]

    @property
    def skill(self) -> float:
        """Share by which the model's RMSE lies below IRI's."""
        return skill(self.overall["R-STMRF"], self.overall["IRI"])

    def as_dict(self) -> dict:
        """Plain numbers for `metrics.json`."""
        return {
            "unit": "dex, RMSE of log10 Ne",
            "skill_against_iri": self.skill,
            "rmse": {part: table.to_dict("index") for part, table in self.tables.items()},
        }


class Validation(NamedTuple):
    """All that `validate` found: tidy tables by name, and the facts that say what was scored."""

    tables: dict[str, pd.DataFrame]
    facts: dict

    def overall(self, score="rmse") -> pd.Series:
        """One score over all points, by prediction."""
        table = self.tables["scores"]
        return table[table["stratum"] == "all"].set_index("prediction")[score]  # pyright: ignore[reportReturnType]

    def as_dict(self) -> dict:
        """Plain numbers for a JSON file; what is not estimable is null."""
        tables = {
            name: table.reset_index().astype(object).where(table.reset_index().notna(), None).to_dict("records")
            for name, table in self.tables.items()
        }
        return {"unit": "dex, log10 Ne, each profile counting once", **self.facts, "tables": tables}


def evaluate(model, data: RunData) -> Evaluation:
    """Score a model on the held-out profiles and the held-out times of its run."""
    predictor = Predictor(model, data.iri, data.processor)
    table = MeanResidualTable.fit(data.fitted().select(data.split.rows(TRAIN)))
    parts = {"held-out profiles": (TEST_PROFILES,), "held-out times": (TEST_TIMES,)}
    parts["held out"] = (TEST_PROFILES, TEST_TIMES)
    tables = {name: _score(predictor, table, data.part(*which)) for name, which in parts.items()}
    return Evaluation({name: scores for name, scores in tables.items() if scores is not None})


def validate(
    models, data: RunData, *, part="development", tec: xr.Dataset | None = None, truth=None, sigma=None, **limits
) -> Validation:
    """Score models and every baseline on one part of a run, in one report.

    Args:
        models: `RSTMRF` or `Ensemble` by name, or one, which is named "R-STMRF"; empty: baselines alone.
        data: the run's data.
        part: "development", on which choices are made; "held-out profiles" and "held-out times", which are locked.
        tec: maps for the baseline that scales IRI by TEC, full resolution; None: that baseline is left out.
        truth: what to score against instead of the observations, log10 Ne at `data.points`; of simulated data alone.
        sigma: stated uncertainty [dex] of the first model at the points of the part, for calibration.
        limits: `n_bootstrap`, `min_profiles`, `min_days` of `metrics.score_table`.

    Returns:
        tables "scores", "peaks", "peaks by cell", "split", "leak" and, with `sigma`, "calibration".

    Raises:
        InputError: an unknown part, or one without points.
    """
    if part not in PARTS:
        raise InputError(f"part={part!r} is not accepted; give one of {', '.join(PARTS)}")
    rows = data.split.rows(PARTS[part])
    if not len(rows):
        raise InputError(f"part={part!r} holds no points in the split {data.split.digest}; give another part")
    points = data.points.select(rows)
    observed = (points.log10_ne_m3 if truth is None else torch.as_tensor(truth)[rows]).double().numpy()
    models = models if isinstance(models, dict) else {"R-STMRF": models}
    predicted = _predictions(models, data, PARTS[part], points, tec)
    alt_km, hours = points.coords[:, 2].numpy(), points.coords[:, 3].numpy()
    strata = _strata(data, points)
    profile = points.profile.numpy()
    horizontal = {kind: labels for kind, labels in strata.items() if kind != "altitude"}
    enough = {"min_profiles": limits["min_profiles"]} if "min_profiles" in limits else {}
    tables = {
        "scores": score_table(predicted, observed, profile, profile_days(hours, profile), strata, **limits),
        "peaks": peak_errors(predicted, observed, alt_km, profile),
        "peaks by cell": peak_errors_by_cell(predicted, observed, alt_km, profile, horizontal, **enough),
        "split": split_table(data),
        "leak": leak_table(data),
    }
    if sigma is not None:
        error = observed - predicted[next(iter(models))]
        tables["calibration"] = calibration_table(error, sigma, profile, strata, **enough)
    facts = {
        "part": part,
        "mode": data.config.mode,
        "split": data.split.digest,
        "data": data.fingerprint(),
        "scored_against": "observations" if truth is None else "simulated truth",
    }
    return Validation(tables, facts)


def _predictions(models, data, part, points: PointSet, tec):
    """Log10 Ne at points by name; IRI and the other baselines first."""
    iri = points.background[:, 0].double().numpy()
    residuals = {"IRI": 0.0} | baseline_residuals(data, part)
    if tec is not None:
        residuals["IRI scaled by TEC"] = tec_scaled_residual(points, data.iri, tec)
    for name, model in models.items():
        own = isinstance(model, Ensemble)
        found = model.residual(data, points) if own else Predictor(model, data.iri, data.processor).residual(points)
        residuals[name] = found.double().numpy()
    return {name: iri + residual for name, residual in residuals.items()}


def _strata(data, points: PointSet):
    lat, lon, alt_km, hours = points.coords.numpy().T
    # Not the processor's: in a forecast that holds Kp at its last known value.
    kp_of_hour = data.indices["kp"].to_series()
    kp = kp_of_hour.reindex(points.start + np.floor(hours).astype("m8[h]")).to_numpy()
    dip = dip_latitude(lat, lon, int(str(points.start)[:4]))
    return strata_of(alt_km, local_time_hours(hours, lon), dip, kp)


def _score(predictor, table, points: PointSet):
    if not len(points):
        return None
    error = (points.background[:, 0] - points.log10_ne_m3).numpy()
    errors = {
        "IRI": error,
        "mean residuals": error + table.predict(points),
        "R-STMRF": error + predictor.residual(points).numpy(),
    }
    return rmse_by_altitude(errors, points.coords[:, 2].numpy())
