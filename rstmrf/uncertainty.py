"""Stated uncertainty: recalibrated on the development part, and from several models trained apart."""

from pathlib import Path

from jaxtyping import Float
from torch import Tensor

from rstmrf.data.batch import PointSet
from rstmrf.data.run_data import RunData
from rstmrf.data.saved_run import save_run
from rstmrf.data.splits import DEVELOPMENT
from rstmrf.metrics import recalibration_factor
from rstmrf.model.ensemble import Models, save_ensemble
from rstmrf.model.whole import RSTMRF
from rstmrf.predict import Predictor
from rstmrf.training.loop import train


def stated_sigma(model: RSTMRF, data: RunData, points: PointSet) -> Float[Tensor, " p"]:
    """σ of log10 Ne [dex] at points, in their order.

    Raises:
        InputError: a model that was trained without a σ.
    """
    return Predictor(model, data.iri, data.processor).sigma(points)


def recalibrate(model: RSTMRF, data: RunData) -> float:
    """Scale σ so that 90 % of the development part's errors lie where a Gaussian has them; returns the factor.

    The development part chose the epoch, so its errors are a little too small; the locked parts say by how much.
    """
    points = data.part(DEVELOPMENT)
    model_error = _error(Predictor(model, data.iri, data.processor).residual(points), points)
    factor = recalibration_factor(model_error, stated_sigma(model, data, points).numpy(), points.profile.numpy())
    model.spread.scale.mul_(factor)  # pyright: ignore[reportOptionalMemberAccess]
    return factor


class Ensemble(Models):
    """Models that differ in their seed alone. Their mean predicts; their disagreement adds to the σ they state."""

    __slots__ = ()

    @classmethod
    def train(cls, data: RunData, run_dir, seeds, **options) -> "Ensemble":
        """Train a model for each seed on the same split, recalibrated together; options as in `train`."""
        folder, seeds = Path(run_dir), list(seeds)
        models = [train(data.with_seed(seed), folder / f"seed-{seed}", **options) for seed in seeds]
        return cls(models).recalibrated(data).saved(run_dir, data, seeds)

    def saved(self, run_dir, data: RunData, seeds) -> "Ensemble":
        """Write each model into its folder within `run_dir`, and what joins them beside, for `rstmrf.load`."""
        members = [f"seed-{seed}" for seed in seeds]
        for model, name, seed in zip(self.models, members, seeds, strict=True):
            save_run(Path(run_dir) / name, model, data.with_seed(seed))
        save_ensemble(run_dir, members, self.scale)
        return self

    def recalibrated(self, data: RunData) -> "Ensemble":
        """The same models with their σ scaled on the development part, as by `recalibrate`."""
        points = data.part(DEVELOPMENT)
        error = _error(self.residual(data, points), points)
        factor = recalibration_factor(error, self.sigma(data, points).numpy(), points.profile.numpy())
        return self._replace(scale=self.scale * factor)

    def residual(self, data: RunData, points: PointSet) -> Float[Tensor, " p"]:
        """Mean residual of log10 Ne."""
        return Predictor(self, data.iri, data.processor).residual(points)

    def sigma(self, data: RunData, points: PointSet) -> Float[Tensor, " p"]:
        """σ [dex]: what the models state, on average of its square, and the spread of their means."""
        return Predictor(self, data.iri, data.processor).sigma(points)


def _error(residual, points: PointSet):
    return (points.log10_ne_m3 - points.background[:, 0] - residual).numpy()
