"""The terms of the loss, by name, and their weighted sum.

Each term is a weighted mean over points or cells of maps. It is kept as a sum and its weight, so that processes which
share a batch add up both and step as one process would. Directions are compared by cosine: the magnitude of TEC never
constrains Ne.
"""

import math
from typing import NamedTuple

import torch
import torch.distributed as dist
from jaxtyping import Float
from torch import Tensor

from rstmrf.config import RunConfig
from rstmrf.data.slant import slant_misfit_dex
from rstmrf.globe import POLAR_LIMIT_DEG, cosine, grid_latitude, metric, sample_maps, tec_gradient
from rstmrf.model import jets
from rstmrf.model.coordinates import ALT_HALF_RANGE_KM
from rstmrf.model.groups import InGroups


class Term(NamedTuple):
    """A weighted sum over points or cells, and the sum of the weights."""

    total: Tensor
    weight: Tensor

    @property
    def mean(self) -> Tensor:
        """The term itself; 0 where nothing has any weight."""
        return self.total / self.weight.clamp(min=1e-12)


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
        by_place = batch.physics.background[:, jets.EAST : jets.ALT].T + prediction.physics[jets.EAST : jets.ALT]
        terms |= direction_terms(batch, model.direction_field, by_place.T, config, scale)
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


def shared_terms(terms: dict[str, Term]) -> dict[str, Term]:
    """Terms of this process's points with the weights of all processes, so that DDP's mean is the term of all points.

    DDP averages gradients over processes: each process's sum counts as many times as there are processes. One process
    alone gets its terms back.
    """
    if not (dist.is_available() and dist.is_initialized() and dist.get_world_size() > 1):
        return terms
    of_all = torch.stack([term.weight.detach() for term in terms.values()])
    dist.all_reduce(of_all)
    return {
        name: Term(term.total * dist.get_world_size(), weight)
        for (name, term), weight in zip(terms.items(), of_all, strict=True)
    }


def point_term(cost: Float[Tensor, " b"], weight: Float[Tensor, " b"] | None = None) -> Term:
    """A cost at each point, summed with weights, or all alike."""
    if weight is None:
        return Term(cost.sum(), cost.new_tensor(float(len(cost))))
    return Term((weight * cost).sum(), weight.sum())


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


def direction_terms(
    batch, direction_field, gradient: Float[Tensor, "p 2"], config: RunConfig, scale: float = 1.0
) -> dict[str, Term]:
    """Tec_direction and, where the ConvLSTM learns beside it, head.

    Args:
        direction_field: from windows of TEC maps to vectors, a `DirectionField`; not called where the batch brings
            `direction_maps`, which were learned, or observed, before.
        gradient: ∇ₕ log10 Ne at `batch.physics`, (east, north) in 1/km.
        scale: as in `loss_terms`.
    """
    weight = direction_weight(batch, config)
    if batch.direction_maps is not None:
        sampled = sampled_directions(batch)
        cost = misfit(gradient, sampled, batch.physics.coords, config)
        return {"tec_direction": point_term(cost, weight)}
    direction, head = _joint_terms(batch, direction_field, gradient, weight, config, scale)
    terms = {"tec_direction": Term(direction, weight.sum())}
    if config.direction_mode == "metric":
        terms["head"] = Term(head, head_weight(batch).sum())
    return terms


def sampled_directions(batch) -> Float[Tensor, "p 2"]:
    """Tabulated directions at `batch.physics`; between two hours those of both, by the time to each."""
    at = batch.physics
    where = at.tec_indices, at.coords[:, 0], at.coords[:, 1]
    sampled = sample_maps(batch.direction_maps, *where)
    if batch.next_direction_maps is None:
        return sampled
    return torch.lerp(sampled, sample_maps(batch.next_direction_maps, *where), (at.coords[:, 3] % 1.0)[:, None])


def _joint_terms(batch, direction_field, gradient, weight, config, scale):
    """Sums of the direction loss and of the head's own, a few windows at a time (`window_group_size`)."""
    at, windows = batch.physics, len(batch.unique_tec_map_seq)
    supervised = config.direction_mode == "metric"
    observed = tec_gradient(batch.target_tec_map, config.direction_mode) if supervised else None
    of_cell = head_weight(batch) if supervised else None

    def terms(group: slice, gradient):
        field = direction_field(batch.unique_tec_map_seq[group]).to(gradient.dtype)
        # Points of other groups count nothing here; chosen by an index, their number would not be known beforehand.
        window = at.tec_indices - group.start
        inside = (window >= 0) & (window < len(field))
        sampled = sample_maps(field, window.clamp(0, len(field) - 1), at.coords[:, 0], at.coords[:, 1])
        direction = (weight * inside * misfit(gradient, sampled, at.coords, config)).sum()
        if observed is None or of_cell is None:
            return direction, direction.new_zeros(())
        return direction, (of_cell[group] * below_hinge(cosine(field, observed[group]), config)).sum()

    size = config.windows_at_once(windows)
    if size >= windows:
        return terms(slice(0, windows), gradient)
    groups = [slice(first, first + size) for first in range(0, windows, size)]
    return InGroups.apply(terms, groups, supervised, scale, gradient, *direction_field.parameters())


def direction_weight(batch, config: RunConfig) -> Float[Tensor, " p"]:
    """How much each of `batch.physics` counts in the direction loss."""
    at = batch.physics
    weight = altitude_weight(at.coords, config)
    if config.direction_by_strength:
        observed = tec_gradient(batch.target_tec_map)
        weight = weight * sample_maps(observed, at.tec_indices, at.coords[:, 0], at.coords[:, 1]).norm(dim=1)
    return weight


def altitude_weight(coords: Float[Tensor, "p 4"], config: RunConfig) -> Float[Tensor, " p"]:
    """In the metric form most at the peak, where Ne and TEC climb the same way, and nothing at the poles."""
    if config.direction_mode == "document":
        return torch.ones_like(coords[:, 0])
    height = (coords[:, 2] - config.direction_peak_km) / config.direction_width_km
    return torch.exp(-(height**2)) * (coords[:, 0].abs() <= POLAR_LIMIT_DEG)


def misfit(
    gradient: Float[Tensor, "p 2"], direction: Float[Tensor, "p 2"], coords: Float[Tensor, "p 4"], config: RunConfig
) -> Float[Tensor, " p"]:
    """1 − cosine between ∇ₕ log10 Ne and a direction at each point; nothing where it lies above `direction_hinge`.

    `gradient` is (east, north) in 1/km. "metric": compared so; `direction` is taken as given (its gradient is stopped).
    "document": both as (∂/∂lat, ∂/∂lon) per degree, and the direction learns from this loss too.
    """
    if config.direction_mode == "metric":
        return below_hinge(cosine(gradient, direction.detach()), config)
    km_east, km_north = metric(coords[:, 0], coords[:, 2])
    per_degree = torch.stack([gradient[:, 1] * km_north, gradient[:, 0] * km_east], dim=1) * (math.pi / 180)
    return 1 - cosine(per_degree, direction)


def below_hinge(cosine: Tensor, config: RunConfig) -> Tensor:
    """What a cosine costs: its distance to `direction_hinge`, 1 unless set, and nothing above that."""
    missing = config.direction_hinge - cosine
    return missing if config.direction_hinge == 1 else missing.clamp(min=0)


def head_term(field: Float[Tensor, "n 2 h w"], batch, config: RunConfig) -> Term:
    """1 − cosine between the direction field and the observed TEC gradient, by area and gradient strength."""
    weight = head_weight(batch)
    cost = below_hinge(cosine(field, tec_gradient(batch.target_tec_map, config.direction_mode)), config)
    return Term((weight * cost).sum(), weight.sum())


def head_weight(batch) -> Float[Tensor, "n h w"]:
    """How much each cell of `target_tec_map` counts for the head: its area times the strength of TEC's gradient.

    A window that several processes hold counts in all of them together as it does in one (`window_share`).
    """
    observed = tec_gradient(batch.target_tec_map)
    latitude = grid_latitude(observed)
    area = torch.cos(torch.deg2rad(latitude)) * (latitude.abs() <= POLAR_LIMIT_DEG)
    weight = area * torch.hypot(observed[:, 0], observed[:, 1])
    return weight if batch.window_share is None else weight * batch.window_share[:, None, None]
