"""The terms of the loss, by name (S12, S13), and their weighted sum.

Each term takes plain tensors. Directions are compared by cosine: the magnitude of TEC never constrains Ne.
"""

import math

import torch
from jaxtyping import Float
from torch import Tensor

from rstmrf.config import RunConfig
from rstmrf.model import jets
from rstmrf.model.coordinates import ALT_HALF_RANGE_KM, metric
from rstmrf.model.direction import POLAR_LIMIT_DEG, grid_latitude, tec_gradient


def data_loss(log10_ne: Float[Tensor, " b"], target: Float[Tensor, " b"]) -> Float[Tensor, ""]:
    """Mean squared difference of log10 Ne [dex²]."""
    return torch.mean((log10_ne - target) ** 2)


def chapman_loss(curvature: Float[Tensor, " b"], config: RunConfig) -> Float[Tensor, ""]:
    """Mean squared vertical curvature of log10 Ne (S12), made free of units.

    `curvature` is ∂²/∂h² in 1/km². "scale-height" multiplies it by H² (`scale_height_km`); "document" takes it in
    normalised altitude, the coordinate that the document's network sees.
    """
    length = config.scale_height_km if config.chapman_mode == "scale-height" else ALT_HALF_RANGE_KM
    return torch.mean((length**2 * curvature) ** 2)


def direction_loss(
    gradient: Float[Tensor, "b 2"], direction: Float[Tensor, "b 2"], coords: Float[Tensor, "b 4"], config: RunConfig
) -> Float[Tensor, ""]:
    """1 − cosine between ∇ₕ log10 Ne and a direction at the same points (S13), weighted.

    `gradient` is (east, north) in 1/km. "metric": compared so, weighted by altitude around the peak, where Ne and TEC
    climb the same way, and without the poles; `direction` is taken as given (its gradient is stopped). "document":
    both as (∂/∂lat, ∂/∂lon) per degree, all points alike, and the direction learns from this loss too.
    """
    if config.direction_mode == "document":
        km_east, km_north = metric(coords[:, 0], coords[:, 2])
        per_degree = torch.stack([gradient[:, 1] * km_north, gradient[:, 0] * km_east], dim=1) * (math.pi / 180)
        return torch.mean(1 - cosine(per_degree, direction))
    height = (coords[:, 2] - config.direction_peak_km) / config.direction_width_km
    weight = torch.exp(-(height**2)) * (coords[:, 0].abs() <= POLAR_LIMIT_DEG)
    return _weighted_mean(1 - cosine(gradient, direction.detach()), weight)


def head_loss(field: Float[Tensor, "n 2 h w"], target_tec_map: Float[Tensor, "n 1 h w"], mode: str) -> Tensor:
    """1 − cosine between the direction field and the observed TEC gradient, weighted by area and gradient strength."""
    observed = tec_gradient(target_tec_map, mode)
    latitude = grid_latitude(target_tec_map)
    area = torch.cos(torch.deg2rad(latitude)) * (latitude.abs() <= POLAR_LIMIT_DEG)
    strength = torch.hypot(observed[:, 0], observed[:, 1])
    return _weighted_mean(1 - cosine(field, observed), area * strength)


def loss_terms(batch, residual: Float[Tensor, "k b"], physics_residual, field, sampled, config: RunConfig) -> dict:
    """All terms of one step, unweighted: data, chapman, tec_direction and, in the metric form, head.

    Args:
        batch: a `Batch`.
        residual: jet of the residual at the observations, `[1 or 5, B]`.
        physics_residual: jet at `batch.physics`, `[5, B']`.
        field: direction field `[N, 2, H, W]`; sampled: its value at `batch.physics`, `[B', 2]`.
    """
    at = batch.physics
    curvature = physics_residual[jets.ALT2]
    if config.chapman_target == "fused":
        curvature = curvature + at.background[:, jets.ALT2]
    gradient = (physics_residual[jets.EAST : jets.ALT] + at.background[:, jets.EAST : jets.ALT].T).T
    terms = {
        "data": data_loss(batch.background[:, 0] + residual[jets.VALUE], batch.target_ne),
        "chapman": chapman_loss(curvature, config),
        "tec_direction": direction_loss(gradient, sampled, at.coords, config),
    }
    if config.direction_mode == "metric":
        terms["head"] = head_loss(field, batch.target_tec_map, config.direction_mode)
    return terms


def total_loss(terms: dict[str, Tensor], config: RunConfig) -> Float[Tensor, ""]:
    """Weighted sum: data has weight 1."""
    weights = {"data": 1.0, "chapman": config.w_chapman, "tec_direction": config.w_tec_direction, "head": config.w_head}
    return sum(weights[name] * term for name, term in terms.items())


def cosine(a: Float[Tensor, "n 2 ..."], b: Float[Tensor, "n 2 ..."]) -> Float[Tensor, "n ..."]:
    """Cosine of the angle between two fields of vectors along dimension 1; 0 where one of them vanishes."""
    # Gradients are as small as 1e-6 per km: the guard must be far below the squares of both.
    length = torch.sqrt(((a**2).sum(1) * (b**2).sum(1)).clamp(min=1e-36))
    return (a * b).sum(1) / length


def _weighted_mean(values, weight):
    weight = weight.expand_as(values)
    return (values * weight).sum() / weight.sum().clamp(min=1e-12)
