"""Stated uncertainty: recalibrated on the development part, and from several models trained apart."""

from pathlib import Path
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from rstmrf.data.batch import PointSet
from rstmrf.data.run_data import RunData
from rstmrf.data.splits import DEVELOPMENT
from rstmrf.errors import InputError
from rstmrf.metrics import recalibration_factor
from rstmrf.model.whole import RSTMRF
from rstmrf.predict import Predictor
from rstmrf.training.loop import train

_CHUNK = 16384


def stated_sigma(model: RSTMRF, data: RunData, points: PointSet) -> Float[Tensor, " p"]:
    """σ of log10 Ne [dex] at points, in their order.

    Raises:
        InputError: a model that was trained without a σ.
    """
    if model.spread is None:
        raise InputError("this model states no uncertainty; train it with w_sigma above 0, such as 1")
    out = torch.empty(len(points))
    with torch.no_grad():
        for rows in torch.argsort(points.coords[:, 3], stable=True).split(_CHUNK):
            batch = data.processor(points.select(rows))
            out[rows] = model.spread.sigma(batch.coords, batch.unique_sw_seq, batch.tec_indices)
    return out


def recalibrate(model: RSTMRF, data: RunData) -> float:
    """Scale σ so that 90 % of the development part's errors lie where a Gaussian has them; returns the factor.

    The development part chose the epoch, so its errors are a little too small; the locked parts say by how much.
    """
    points = data.part(DEVELOPMENT)
    model_error = _error(Predictor(model, data.iri, data.processor).residual(points), points)
    factor = recalibration_factor(model_error, stated_sigma(model, data, points).numpy(), points.profile.numpy())
    model.spread.scale.mul_(factor)
    return factor


class Ensemble(NamedTuple):
    """Models that differ in their seed alone. Their mean predicts; their disagreement adds to the σ they state."""

    models: list[RSTMRF]
    scale: float = 1.0

    @classmethod
    def train(cls, data: RunData, run_dir, seeds, **options) -> "Ensemble":
        """Train a model for each seed on the same split, recalibrated together; options as in `train`."""
        folder = Path(run_dir)
        models = [train(data.with_seed(seed), folder / f"seed-{seed}", **options) for seed in seeds]
        return cls(models).recalibrated(data)

    def recalibrated(self, data: RunData) -> "Ensemble":
        """The same models with their σ scaled on the development part, as by `recalibrate`."""
        points = data.part(DEVELOPMENT)
        error = _error(self.residual(data, points), points)
        factor = recalibration_factor(error, self.sigma(data, points).numpy(), points.profile.numpy())
        return self._replace(scale=self.scale * factor)

    def residual(self, data: RunData, points: PointSet) -> Float[Tensor, " p"]:
        """Mean residual of log10 Ne."""
        return self._residuals(data, points).mean(0)

    def sigma(self, data: RunData, points: PointSet) -> Float[Tensor, " p"]:
        """σ [dex]: what the models state, on average of its square, and the spread of their means."""
        variance = self._residuals(data, points).var(0, correction=0)
        if self.models[0].spread is not None:
            variance += torch.stack([stated_sigma(m, data, points) ** 2 for m in self.models]).mean(0)
        return self.scale * variance.sqrt()

    def _residuals(self, data, points):
        return torch.stack([Predictor(m, data.iri, data.processor).residual(points) for m in self.models])


def _error(residual, points: PointSet):
    return (points.log10_ne_m3 - points.background[:, 0] - residual).numpy()
