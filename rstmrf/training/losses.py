"""The terms of the loss, by name, and their weighted sum.

Each term is a weighted mean over points or cells of maps. It is kept as a sum and its weight, so that processes which
share a batch add up both and step as one process would.
"""

import torch
from jaxtyping import Float
from torch import Tensor

from rstmrf.config import RunConfig
from rstmrf.data.slant import slant_misfit_dex
from rstmrf.model import jets
from rstmrf.model.coordinates import ALT_HALF_RANGE_KM
from rstmrf.training.direction_losses import direction_terms, horizontal_gradient
from rstmrf.training.terms import Term, point_term


def loss_terms(batch, model, config: RunConfig, scale: float = 1.0) -> dict[str, Term]:
    """All terms of one step, by name: data, and chapman, tec_direction, head and sigma where they are asked for.

    Args:
        batch: a `Batch`; model: an `RSTMRF`.
        scale: by which the loss is multiplied under half precision before its gradient is taken, and divided after.
    """
    prediction = model(batch)
    terms = {"data": data_term(batch, prediction.residual, _at_rays(batch, model))}
    if prediction.log_sigma is not None:
        error = batch.target_ne - batch.background[:, 0] - prediction.residual[jets.VALUE].detach()
        terms["sigma"] = point_term(sigma_cost(error, prediction.log_sigma), batch.point_weight)
    if prediction.physics is None:
        return terms
    if config.w_chapman:
        terms["chapman"] = chapman_term(batch, prediction.physics, config)
    if config.uses_directions and batch.target_tec_map is not None:
        at, gradient = horizontal_gradient(batch.physics, prediction.physics)
        terms |= direction_terms(batch, at, model.direction_field, gradient, config, scale)
    return terms


def means(terms: dict[str, Term]) -> dict[str, Tensor]:
    """Each term's mean, by name."""
    return {name: term.mean for name, term in terms.items()}


def total_loss(terms: dict[str, Term], config: RunConfig) -> Float[Tensor, ""]:
    """Weighted sum of the terms' means: data has weight 1."""
    weights = loss_weights(config)
    return torch.stack([weights[name] * term.mean for name, term in terms.items()]).sum()


def loss_weights(config: RunConfig) -> dict[str, float]:
    """What each term's mean is multiplied by in the loss."""
    named = {"chapman": config.w_chapman, "tec_direction": config.w_tec_direction, "head": config.w_head}
    return {"data": 1.0, **named, "sigma": config.w_sigma}


def epoch_shares(epoch: int, config: RunConfig) -> dict[str, float]:
    """Which share of their weight terms have in an epoch (from 0 on); all others have the whole of it."""
    ramp = config.direction_ramp_epochs
    return {
        "sigma": float(epoch >= config.sigma_warmup_epochs),  # the first errors are not what is to be learned
        "tec_direction": min(1.0, epoch / ramp) if ramp else 1.0,
    }


def data_term(batch, residual: Float[Tensor, "k b"], at_rays: Float[Tensor, " n"] | None = None) -> Term:
    """Squared difference of log10 Ne [dex²] between the fused field and the observations.

    With the residual at the nodes of `batch.rays`, that of the logarithm of slant TEC where it is known.
    """
    error = batch.background[:, 0] + residual[jets.VALUE] - batch.target_ne
    if at_rays is not None:
        slant, known = slant_misfit_dex(batch.rays, at_rays)
        error = torch.where(known, slant, error)
    return point_term(error**2, batch.point_weight)


def _at_rays(batch, model) -> Tensor | None:
    return None if batch.rays is None else model.residual(batch, batch.rays)[jets.VALUE]


def chapman_term(batch, physics: Float[Tensor, "5 p"], config: RunConfig) -> Term:
    """`chapman_cost` of the residual, or with `chapman_target` "fused" of the whole field, at `batch.physics`."""
    curvature = physics[jets.ALT2]
    if config.chapman_target == "fused":
        curvature = curvature + batch.physics.background[:, jets.ALT2]
    return point_term(chapman_cost(curvature, config))


def chapman_cost(curvature: Float[Tensor, " b"], config: RunConfig) -> Float[Tensor, " b"]:
    """Squared vertical curvature of log10 Ne, made free of units.

    `curvature` is ∂²/∂h² in 1/km². "scale-height" multiplies it by H² (`scale_height_km`); "document" takes it in
    normalised altitude, the coordinate that the document's network sees.
    """
    length = config.scale_height_km if config.chapman_mode == "scale-height" else ALT_HALF_RANGE_KM
    return (length**2 * curvature) ** 2


def sigma_cost(error: Float[Tensor, " b"], log_sigma: Float[Tensor, " b"]) -> Float[Tensor, " b"]:
    """Negative log likelihood of errors [dex] under a Gaussian of this σ, but for a constant."""
    return log_sigma + 0.5 * (error * torch.exp(-log_sigma)) ** 2
