"""The direction loss and the direction head's own: vectors compared by their cosine, never by their length.

The magnitude of TEC never constrains Ne.
"""

import math

import torch
from jaxtyping import Float
from torch import Tensor

from rstmrf.config import RunConfig
from rstmrf.data.batch import Points
from rstmrf.data.tec_columns import column_gradient, columns_of
from rstmrf.globe import POLAR_LIMIT_DEG, cosine, grid_latitude, metric, sample_maps, tec_gradient
from rstmrf.model import jets
from rstmrf.model.groups import InGroups
from rstmrf.training.terms import Term, point_term


def horizontal_gradient(points: Points, residual: Float[Tensor, "5 p"]) -> tuple[Points, Float[Tensor, "a 2"]]:
    """Where a direction is asked, and the fused field's gradient there, (east, north).

    Of points that is ∇ₕ log10 Ne [1/km]; of points that lie in columns, ∇ₕ∫Ne dh of each column.
    """
    if points.column is None:
        by_place = points.background[:, jets.EAST : jets.ALT].T + residual[jets.EAST : jets.ALT]
        return points, by_place.T
    return columns_of(points), column_gradient(points, residual)


def direction_terms(
    batch, at: Points, direction_field, gradient: Float[Tensor, "a 2"], config: RunConfig, scale: float = 1.0
) -> dict[str, Term]:
    """Tec_direction and, where the ConvLSTM learns beside it, head.

    Args:
        at: where directions are asked; gradient: there, both as `horizontal_gradient` gives them.
        direction_field: from windows of TEC maps to vectors, a `DirectionField`; not called where the batch brings
            `direction_maps`, which were learned, or observed, before.
        scale: as in `loss_terms`.
    """
    weight = direction_weight(batch, at, config)
    if batch.direction_maps is not None:
        cost = misfit(gradient, sampled_directions(batch, at), at.coords, config)
        return {"tec_direction": point_term(cost, weight)}
    direction, head = _joint_terms(batch, at, direction_field, gradient, weight, config, scale)
    terms = {"tec_direction": Term(direction, weight.sum())}
    if config.direction_mode == "metric":
        terms["head"] = Term(head, head_weight(batch).sum())
    return terms


def sampled_directions(batch, at: Points) -> Float[Tensor, "a 2"]:
    """Tabulated directions at some points of a batch; between two hours those of both, by the time to each."""
    where = at.tec_indices, at.coords[:, 0], at.coords[:, 1]
    sampled = sample_maps(batch.direction_maps, *where)
    if batch.next_direction_maps is None:
        return sampled
    return torch.lerp(sampled, sample_maps(batch.next_direction_maps, *where), (at.coords[:, 3] % 1.0)[:, None])


def _joint_terms(batch, at, direction_field, gradient, weight, config, scale):
    """Sums of the direction loss and of the head's own, a few windows at a time (`window_group_size`)."""
    windows = len(batch.unique_tec_map_seq)
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


def direction_weight(batch, at: Points, config: RunConfig) -> Float[Tensor, " a"]:
    """How much each place counts in the direction loss; a column counts at no altitude of its own."""
    weight = altitude_weight(at.coords, config) if at.column is None else _between_poles(at.coords)
    if config.direction_by_strength:
        observed = tec_gradient(batch.target_tec_map)
        weight = weight * sample_maps(observed, at.tec_indices, at.coords[:, 0], at.coords[:, 1]).norm(dim=1)
    return weight


def altitude_weight(coords: Float[Tensor, "p 4"], config: RunConfig) -> Float[Tensor, " p"]:
    """In the metric form most at the peak, where Ne and TEC climb the same way, and nothing at the poles."""
    if config.direction_mode == "document":
        return torch.ones_like(coords[:, 0])
    height = (coords[:, 2] - config.direction_peak_km) / config.direction_width_km
    return torch.exp(-(height**2)) * _between_poles(coords)


def _between_poles(coords):
    return (coords[:, 0].abs() <= POLAR_LIMIT_DEG).to(coords.dtype)


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
