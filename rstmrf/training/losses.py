"""The terms of the loss, by name (S12, S13), and their weighted sum.

Each term takes plain tensors. Directions are compared by cosine: the magnitude of TEC never constrains Ne.
"""

import math

import torch
from jaxtyping import Float
from torch import Tensor

from rstmrf.config import RunConfig
from rstmrf.globe import POLAR_LIMIT_DEG, cosine, grid_latitude, metric, sample_maps, tec_gradient
from rstmrf.model import jets
from rstmrf.model.coordinates import ALT_HALF_RANGE_KM
from rstmrf.model.groups import InGroups


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


def sigma_loss(error: Float[Tensor, " b"], log_sigma: Float[Tensor, " b"]) -> Float[Tensor, ""]:
    """Negative log likelihood of errors [dex] under a Gaussian of this σ, but for a constant."""
    return torch.mean(log_sigma + 0.5 * (error * torch.exp(-log_sigma)) ** 2)


def direction_loss(
    gradient: Float[Tensor, "b 2"], direction: Float[Tensor, "b 2"], coords: Float[Tensor, "b 4"], config: RunConfig
) -> Float[Tensor, ""]:
    """1 − cosine between ∇ₕ log10 Ne and a direction at the same points (S13), weighted.

    `gradient` is (east, north) in 1/km. "metric": compared so, weighted by altitude around the peak, where Ne and TEC
    climb the same way, and without the poles; `direction` is taken as given (its gradient is stopped). "document":
    both as (∂/∂lat, ∂/∂lon) per degree, all points alike, and the direction learns from this loss too.
    """
    return (shares(direction_weight(coords, config)) * misfit(gradient, direction, coords, config)).sum()


def direction_weight(coords: Float[Tensor, "b 4"], config: RunConfig) -> Float[Tensor, " b"]:
    """How much each point counts in `direction_loss`."""
    if config.direction_mode == "document":
        return torch.ones_like(coords[:, 0])
    height = (coords[:, 2] - config.direction_peak_km) / config.direction_width_km
    return torch.exp(-(height**2)) * (coords[:, 0].abs() <= POLAR_LIMIT_DEG)


def misfit(gradient, direction, coords, config: RunConfig) -> Float[Tensor, " b"]:
    """1 − cosine at each point, in the form of `direction_loss`; nothing where it lies above `direction_hinge`."""
    if config.direction_mode == "metric":
        return below_hinge(cosine(gradient, direction.detach()), config)
    km_east, km_north = metric(coords[:, 0], coords[:, 2])
    per_degree = torch.stack([gradient[:, 1] * km_north, gradient[:, 0] * km_east], dim=1) * (math.pi / 180)
    return 1 - cosine(per_degree, direction)


def below_hinge(cosine: Tensor, config: RunConfig) -> Tensor:
    """What a cosine costs: its distance to `direction_hinge`, 1 unless set, and nothing above that."""
    missing = config.direction_hinge - cosine
    return missing if config.direction_hinge == 1 else missing.clamp(min=0)


def head_loss(field: Float[Tensor, "n 2 h w"], target_tec_map: Float[Tensor, "n 1 h w"], mode: str) -> Tensor:
    """1 − cosine between the direction field and the observed TEC gradient, weighted by area and gradient strength."""
    observed = tec_gradient(target_tec_map, mode)
    return (shares(head_weight(observed)) * (1 - cosine(field, observed))).sum()


def head_weight(observed: Float[Tensor, "n 2 h w"]) -> Float[Tensor, "n h w"]:
    """How much each cell counts in `head_loss`: its area times the strength of the observed gradient."""
    latitude = grid_latitude(observed)
    area = torch.cos(torch.deg2rad(latitude)) * (latitude.abs() <= POLAR_LIMIT_DEG)
    return area * torch.hypot(observed[:, 0], observed[:, 1])


def loss_terms(batch, model, config: RunConfig) -> dict[str, Tensor]:
    """All terms of one step, unweighted: data, chapman, tec_direction; head in the metric form; sigma if stated.

    Args:
        batch: a `Batch`; model: an `RSTMRF`.
    """
    residual, physics = model.residuals(batch)
    gradient = (physics[jets.EAST : jets.ALT] + batch.physics.background[:, jets.EAST : jets.ALT].T).T
    density = density_terms(batch, residual, physics, config)
    if model.spread is not None:
        error = batch.target_ne - batch.background[:, 0] - residual[jets.VALUE].detach()
        density["sigma"] = sigma_loss(error, model.spread(batch.coords, batch.unique_sw_seq, batch.tec_indices))
    return density | direction_terms(batch, model.direction_field, gradient, config)


def density_terms(batch, residual: Float[Tensor, "k b"], physics_residual: Float[Tensor, "5 p"], config) -> dict:
    """Data and chapman, from the jets of the residual at the observations and at `batch.physics`."""
    curvature = physics_residual[jets.ALT2]
    if config.chapman_target == "fused":
        curvature = curvature + batch.physics.background[:, jets.ALT2]
    return {
        "data": data_loss(batch.background[:, 0] + residual[jets.VALUE], batch.target_ne),
        "chapman": chapman_loss(curvature, config),
    }


def direction_terms(batch, direction_field, gradient: Float[Tensor, "p 2"], config: RunConfig) -> dict[str, Tensor]:
    """Tec_direction and, in the metric form, head; a few windows at a time (`window_group_size`).

    Args:
        direction_field: from windows of TEC maps to vectors, a `DirectionField`.
        gradient: ∇ₕ log10 Ne at `batch.physics`, (east, north) in 1/km.
    """
    at, windows = batch.physics, len(batch.unique_tec_map_seq)
    supervised = config.direction_mode == "metric"
    observed = tec_gradient(batch.target_tec_map, config.direction_mode) if supervised else None
    of_cell = shares(head_weight(observed)) if supervised else None
    of_point = direction_weight(at.coords, config)
    if config.direction_by_strength:
        where = at.tec_indices, at.coords[:, 0], at.coords[:, 1]
        of_point = of_point * sample_maps(tec_gradient(batch.target_tec_map), *where).norm(dim=1)
    of_point = shares(of_point)

    def terms(group: slice, gradient):
        field = direction_field(batch.unique_tec_map_seq[group]).to(gradient.dtype)
        # Points of other groups count nothing here; chosen by an index, their number would not be known beforehand.
        window = at.tec_indices - group.start
        inside = (window >= 0) & (window < len(field))
        window, lat, lon = window.clamp(0, len(field) - 1), at.coords[:, 0], at.coords[:, 1]
        sampled = sample_maps(field, window, lat, lon)
        if batch.next_tec_map is not None:  # between two maps the direction is that of both, by the time to each
            later = sample_maps(tec_gradient(batch.next_tec_map[group], config.direction_mode), window, lat, lon)
            sampled = torch.lerp(sampled, later, (at.coords[:, 3] % 1.0)[:, None])
        direction = (of_point * inside * misfit(gradient, sampled, at.coords, config)).sum()
        if observed is None or of_cell is None:
            return direction, direction.new_zeros(())
        return direction, (of_cell[group] * below_hinge(cosine(field, observed[group]), config)).sum()

    size = config.window_group_size or windows
    if size >= windows:
        direction, head = terms(slice(0, windows), gradient)
    else:
        groups = [slice(first, first + size) for first in range(0, windows, size)]
        direction, head = InGroups.apply(terms, groups, supervised, gradient, *direction_field.parameters())
    return {"tec_direction": direction, "head": head} if supervised else {"tec_direction": direction}


def total_loss(terms: dict[str, Tensor], config: RunConfig) -> Float[Tensor, ""]:
    """Weighted sum: data has weight 1."""
    weights = {"data": 1.0, "chapman": config.w_chapman, "tec_direction": config.w_tec_direction, "head": config.w_head}
    weights["sigma"] = config.w_sigma
    return sum(weights[name] * term for name, term in terms.items())  # pyright: ignore[reportReturnType]


def shares(weight: Tensor) -> Tensor:
    """Weights that sum to one; all zero where none is positive."""
    return weight / weight.sum().clamp(min=1e-12)
