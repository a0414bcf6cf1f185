"""A trained model against baselines, on what was held out."""

from typing import NamedTuple

import numpy as np
import pandas as pd

from rstmrf.data.batch import PointSet
from rstmrf.data.splits import TEST_PROFILES, TEST_TIMES, TRAIN
from rstmrf.metrics import rmse_by_altitude, skill
from rstmrf.predict import Predictor
from rstmrf.training import RunData
from rstmrf.units import local_time_hours

#: edges of the table of mean residuals: 3 h of local time, 15° of latitude, 40 km of altitude
TABLE_STEPS = (3.0, 15.0, 40.0)


class MeanResidualTable(NamedTuple):
    """Mean of observed − IRI by local time, latitude and altitude: what no network is needed for."""

    cells: pd.Series
    overall: float

    @classmethod
    def fit(cls, points: PointSet) -> "MeanResidualTable":
        """From training points."""
        residual = (points.log10_ne_m3 - points.background[:, 0]).numpy()
        frame = pd.DataFrame(_cells(points), columns=["local_time", "lat", "alt"]).assign(residual=residual)
        return cls(frame.groupby(["local_time", "lat", "alt"])["residual"].mean(), float(residual.mean()))

    def predict(self, points: PointSet) -> np.ndarray:
        """Residual of log10 Ne at points `[P]`; the overall mean where training points left a cell empty."""
        index = pd.MultiIndex.from_frame(pd.DataFrame(_cells(points), columns=["local_time", "lat", "alt"]))
        return self.cells.reindex(index).fillna(self.overall).to_numpy()


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


def evaluate(model, data: RunData) -> Evaluation:
    """Score a model on the held-out profiles and the held-out times of its run."""
    predictor = Predictor(model, data.iri, data.processor)
    table = MeanResidualTable.fit(data.part(TRAIN))
    parts = {"held-out profiles": (TEST_PROFILES,), "held-out times": (TEST_TIMES,)}
    parts["held out"] = (TEST_PROFILES, TEST_TIMES)
    tables = {name: _score(predictor, table, data.part(*which)) for name, which in parts.items()}
    return Evaluation({name: scores for name, scores in tables.items() if scores is not None})


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


def _cells(points: PointSet) -> np.ndarray:
    lat, lon, alt_km, hours = points.coords.numpy().T
    return np.floor(np.stack([local_time_hours(hours, lon), lat, alt_km], axis=1) / TABLE_STEPS).astype(int)
