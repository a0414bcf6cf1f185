"""Stated uncertainty: recalibrated on the development part, and from several models trained apart."""

from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float
from scipy.special import ndtri
from torch import Tensor

from rstmrf.data.batch import PointSet
from rstmrf.data.curtains import residual_of
from rstmrf.data.inversion import Inversion
from rstmrf.data.night import dark_and_low
from rstmrf.data.run_data import RunData
from rstmrf.data.saved_run import save_run
from rstmrf.data.splits import DEVELOPMENT, TRAIN
from rstmrf.errors import InputError
from rstmrf.files import writing
from rstmrf.metrics.moments import profile_weights
from rstmrf.model.ensemble import Models, member_name, save_ensemble
from rstmrf.model.spread import N_WIDENING, widening_features
from rstmrf.model.whole import RSTMRF
from rstmrf.predict import Predictor
from rstmrf.training.loop import train as train_model
from rstmrf.training.run_folder import CONFIG, clear, held

#: how far the trust in the head's pattern, and each coefficient of the widening, is expected to lie from zero: a few
#: days of development, whose profiles share their weather, do not rule alone (tried on a simulated month)
TRUST_PRIOR, WIDENING_PRIOR = 0.1, 0.05
SHARE = 0.9


def train(data: RunData, run_dir, *, resume: bool = False, **options) -> "RSTMRF | Ensemble":
    """Train as the settings say and recalibrate the σ that is stated: one model, or an ensemble (`ensemble_size`).

    Args:
        data: the run's data; its `config` rules. An ensemble's models have the seeds from its `seed` on.
        run_dir: folder of the run; each model of an ensemble has a folder in it.
        resume: go on where a run in this folder was stopped; an ensemble with the model it was at.
        options: as in `training.loop.train`.
    """
    config = data.config
    if config.ensemble_size == 1:
        return _trained(data, run_dir, resume=resume, **options)
    seeds = range(config.seed, config.seed + config.ensemble_size)
    return Ensemble.train(data, run_dir, seeds, resume=resume, **options)


def _trained(data: RunData, run_dir, **options) -> RSTMRF:
    model = train_model(data, run_dir, **options)
    if model.spread is not None:
        recalibrate(model, data)
    return model


def stated_sigma(model: RSTMRF, data: RunData, points: PointSet) -> Float[Tensor, " p"]:
    """σ of the density, log10 Ne [dex], at points, in their order.

    Raises:
        InputError: a model that was trained without a σ.
    """
    return Predictor(model, data.iri, data.processor).sigma(points)


def error_sigma(model, data: RunData, points: PointSet) -> Float[Tensor, " p"]:
    """σ [dex] of observed less predicted at points: the density's, and the observations' own where it is known.

    Where the run corrects its observations (`observation` "inverted"), it is that of corrected ones.
    """
    sigma = Predictor(model, data.iri, data.processor).sigma(points)
    return torch.hypot(sigma, observation_sigma(model, points.coords))


def observation_sigma(model, coords: Float[Tensor, "p 4"]) -> Float[Tensor, " p"]:
    """σ [dex] of the observations themselves; 0 where it is not known. Of an ensemble, that of its first model."""
    spread = getattr(model, "models", (model,))[0].spread
    return torch.zeros(len(coords)) if spread is None else spread.observation_sigma(coords).detach()


def observed_error(model, data: RunData, points: PointSet) -> Float[np.ndarray, " p"]:
    """Observed less predicted log10 Ne [dex], as the run compares them: observations "inverted" are corrected first."""
    predictor = Predictor(model, data.iri, data.processor)
    error = points.log10_ne_m3 - points.background[:, 0] - predictor.residual(points)
    if data.config.observation == "inverted":
        first = getattr(model, "models", (model,))[0]
        found = Inversion(points, data.iri).correction(
            residual_of(first, data.processor), data.config.inversion_limit_dex
        )
        error = error - found.dex
    return error.numpy()


class _Errors(NamedTuple):
    """What recalibration sees of the development part."""

    error: Float[Tensor, " p"]
    sigma: Float[Tensor, " p"]
    own: Float[Tensor, " p"]  # σ of the observations
    features: Float[Tensor, "p f"]
    weight: Float[Tensor, " p"]  # sums to the number of profiles

    def reshaped(self, found: Tensor) -> Float[Tensor, " p"]:
        """σ by the trust in its pattern, which is not negative, and the coefficients of the widening, `[1 + F]`."""
        return torch.exp(found[0].clamp(min=0.0) * self.sigma.log() + self.features @ found[1:])

    def scale(self) -> float:
        """What σ is to be multiplied by so that `SHARE` of the errors lie where a Gaussian has them, by bisection."""
        inside = ndtri((1 + SHARE) / 2)
        low, high = 1e-3, 1e3
        for _ in range(60):
            middle = (low * high) ** 0.5
            covered = self.error.abs() <= inside * torch.hypot(middle * self.sigma, self.own)
            low, high = (low, middle) if (self.weight * covered).sum() >= SHARE * self.weight.sum() else (middle, high)
        return high


def recalibrate(model: RSTMRF, data: RunData, widening_prior: float = WIDENING_PRIOR) -> float:
    """Fit σ to what whole days of development show; returns the factor that all of it is multiplied by.

    The head learned from the errors of training points, which are smaller than those of days it has not seen, and
    smallest where the model fits best what it should not. So three things are fitted: how much of the head's pattern
    the development days confirm (`trust`, expected near 0), a smooth function of altitude, latitude and local time, by
    likelihood; then a factor, so that 90 % of the errors lie within the 90 % interval. The error of the observations is
    given in all, and an observation below 200 km in the dark counts as far as it is believed. Where no day is
    development's alone, the whole part is taken. The development part chose the epoch, so its errors are a little too
    small; the locked parts say by how much.

    Args:
        widening_prior: how far each coefficient of the smooth function is expected to lie from zero.
    """
    spread = model.spread
    assert spread is not None, "only a model that states a σ is recalibrated"
    spread.trust.fill_(1.0)
    spread.scale.fill_(1.0)
    spread.widening.zero_()
    seen = _development(model, data)
    found = _most_likely(seen, widening_prior)
    factor = seen._replace(sigma=seen.reshaped(found)).scale()
    spread.trust.fill_(max(0.0, float(found[0])))
    spread.widening.copy_(found[1:])
    spread.scale.fill_(factor)
    return factor


def _development(model, data: RunData) -> _Errors:
    points = data.points.select(torch.as_tensor(days_of_development(data)))
    sigma = Predictor(model, data.iri, data.processor).sigma(points)
    own = observation_sigma(model, points.coords)
    error = torch.from_numpy(observed_error(model, data, points))
    weight = torch.from_numpy(profile_weights(points.profile.numpy()))
    weight = weight * torch.where(dark_and_low(points, data.iri), data.config.night_low_weight, 1.0)
    n_profiles = len(points.profile.unique())
    seen = (error, sigma, own, widening_features(points.coords), weight * n_profiles / weight.sum())
    return _Errors(*(x.double() for x in seen))


def days_of_development(data: RunData) -> np.ndarray:
    """Development points on days that training has not seen; all of them, where there are none."""
    rows, day = data.split.rows(DEVELOPMENT), np.floor(data.points.coords[:, 3].numpy() / 24)
    alone = rows[~np.isin(day[rows], day[data.split.rows(TRAIN)])]
    return alone if len(alone) else rows


def _most_likely(seen: _Errors, widening_prior: float) -> Tensor:
    """Trust and widening, `[1 + F]`: the most likely ones, each with a Gaussian prior about zero."""
    found = torch.zeros(N_WIDENING + 2, dtype=torch.float64, requires_grad=True)  # the first: log of a factor
    prior = torch.tensor([TRUST_PRIOR, *[widening_prior] * N_WIDENING], dtype=torch.float64)
    optimizer = torch.optim.LBFGS([found], max_iter=100, line_search_fn="strong_wolfe")
    centred = seen._replace(sigma=seen.sigma / seen.sigma.log().mean().exp())
    with torch.no_grad():
        found[0] = seen.error.square().mean().sqrt().log()

    def cost():
        optimizer.zero_grad()
        sigma = torch.hypot(found[0].exp() * centred.reshaped(found[1:]), seen.own)
        likelihood = (seen.weight * (sigma.log() + 0.5 * (seen.error / sigma) ** 2)).sum()
        total = likelihood + 0.5 * (found[1:] / prior).square().sum()
        total.backward()
        return total

    optimizer.step(cost)
    return found.detach()[1:]


class Ensemble(Models):
    """Models that differ in their seed alone. Their mean predicts; their disagreement adds to the σ they state."""

    __slots__ = ()

    @classmethod
    def train(cls, data: RunData, run_dir, seeds, *, resume: bool = False, **options) -> "Ensemble":
        """Train a model for each seed on the same split, recalibrated together; options as in `train`."""
        folders = {seed: Path(run_dir) / member_name(seed) for seed in seeds}
        begun = {seed: resume and (folder / CONFIG).exists() for seed, folder in folders.items()}
        if resume and not any(begun.values()):
            raise InputError(f"resume: {run_dir} holds no run of an ensemble with seeds {list(folders)}; train first")
        copies = {seed: data.with_seed(seed) for seed in folders}
        with writing(run_dir, "free space there, or give another run_dir"):
            Path(run_dir).mkdir(parents=True, exist_ok=True)
            with held(Path(run_dir)):
                for folder in folders.values():
                    with held(folder):  # none of them may be in use, before anything is taken away
                        pass
                if not resume:
                    clear(Path(run_dir))
                models = [_trained(copies[s], folder, resume=begun[s], **options) for s, folder in folders.items()]
        first = copies[next(iter(folders))]
        data.targets, data.weights = first.targets, first.weights  # baselines are made of the same
        return cls(models).recalibrated(data).saved(run_dir, data, [folder.name for folder in folders.values()])

    def saved(self, run_dir, data: RunData, members: list[str]) -> "Ensemble":
        """Write each model into its folder within `run_dir`, and what joins them beside, for `rstmrf.load`."""
        for model, name in zip(self.models, members, strict=True):
            save_run(Path(run_dir) / name, model, data.with_seed(model.config.seed))
        save_ensemble(run_dir, members, self.scale)
        return self

    def recalibrated(self, data: RunData) -> "Ensemble":
        """The same models with their common σ scaled on the development part, as by the factor of `recalibrate`."""
        return self._replace(scale=_development(self._replace(scale=1.0), data).scale())

    def residual(self, data: RunData, points: PointSet) -> Float[Tensor, " p"]:
        """Mean residual of log10 Ne."""
        return Predictor(self, data.iri, data.processor).residual(points)

    def sigma(self, data: RunData, points: PointSet) -> Float[Tensor, " p"]:
        """σ [dex]: what the models state, on average of its square, and the spread of their means."""
        return Predictor(self, data.iri, data.processor).sigma(points)
