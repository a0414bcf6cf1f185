"""Columns of collocation points, over which ∇ₕ∫Ne dh is taken: the form in which TEC has its gradient.

A column has points at `LEVELS` altitudes of Gauss-Legendre integration within the trained range. Above it IRI's own
topside stands, moved by the residual of the highest level. So TEC's direction asks of a column what the truth fulfils:
that the whole climbs as TEC does, and not that each altitude does.
"""

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from rstmrf.background import IriBackground, vtec
from rstmrf.data.batch import Points, attach_background
from rstmrf.model import jets
from rstmrf.model.coordinates import ALT_CENTRE_KM, ALT_HALF_RANGE_KM, TRAINED_KM

LEVELS = 6
_NODES, _SHARES = np.polynomial.legendre.leggauss(LEVELS)
LEVELS_KM, WEIGHTS_KM = ALT_CENTRE_KM + ALT_HALF_RANGE_KM * _NODES, ALT_HALF_RANGE_KM * _SHARES
_UNIT_DEX = 11.0  # log10 of the density [m⁻³] in which columns are counted, for the range of half precision


def column_of_points(
    lat: Float[Tensor, " c"],
    lon: Float[Tensor, " c"],
    hours: Float[Tensor, " c"],
    background: Float[Tensor, "p 5"],
    iri: IriBackground,
) -> Float[Tensor, "p 4"]:
    """What each point of some columns counts in its column's gradient, as `Points.column` has it.

    Args:
        lat, lon, hours: of the columns [deg, deg, h since start], whose points lie together, from below.
        background: IRI at the points, as in `BACKGROUND`; iri: where it is from, for the topside.
    """
    levels_km, weights_km = vtec.gauss_levels(TRAINED_KM[1], vtec.ALT_RANGE_KM[1])
    places = [x.repeat_interleave(len(levels_km)) for x in (lat, lon)]
    alt_km = torch.from_numpy(levels_km).float().repeat(len(lat))
    above = attach_background(*places, alt_km, hours.double().repeat_interleave(len(levels_km)), iri)
    above = above.view(len(lat), len(levels_km), -1)
    log10_ne = above[..., jets.VALUE]
    layers = torch.from_numpy(weights_km).float().expand_as(log10_ne).clone()
    layers[:, -1] += torch.from_numpy(vtec.topside_km(log10_ne.double().numpy(), levels_km)).float()
    highest = background.view(len(lat), LEVELS, -1)[:, -1, jets.VALUE]
    layers *= 10.0 ** (log10_ne - highest[:, None])
    above_km = layers.sum(1)
    gradient = (layers[..., None] * above[..., jets.EAST : jets.ALT]).sum(1) / above_km[:, None]
    column = torch.zeros(len(lat), LEVELS, 4)
    column[..., 0] = torch.from_numpy(WEIGHTS_KM)
    column[:, -1, 1], column[:, -1, 2:] = above_km, gradient
    return column.flatten(0, 1)


def column_gradient(points: Points, residual: Float[Tensor, "k p"]) -> Float[Tensor, "c 2"]:
    """∇ₕ∫Ne dh of the fused field over columns, (east, north), in 1e11 m⁻³.

    Args:
        points: with `column`; residual: its jet there, as far as the horizontal derivatives at least.
    """
    assert points.column is not None
    weight_km, above_km, *_ = points.column.unbind(1)
    of_residual = residual[jets.EAST : jets.ALT].T
    own = points.background[:, jets.EAST : jets.ALT] + of_residual
    above = points.column[:, 2:] + of_residual
    density = 10.0 ** (points.background[:, jets.VALUE] + residual[jets.VALUE] - _UNIT_DEX)
    each = density[:, None] * (weight_km[:, None] * own + above_km[:, None] * above)
    return np.log(10) * each.view(-1, LEVELS, 2).sum(1)


def columns_of(points: Points) -> Points:
    """One point for each column, its lowest, whose place, hour and window are the column's."""
    assert points.column is not None
    return Points(*(x[::LEVELS] for x in (points.coords, points.background, points.tec_indices, points.column)))
