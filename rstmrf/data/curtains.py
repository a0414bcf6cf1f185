"""Curtains of density in the plane of each profile's ray: IRI on all nodes, a residual at few of them.

Prepared once from the points: no weight of the model changes where the nodes are, or IRI there. The residual is smooth,
so it is asked for at few nodes and linear between; below 120 km and above 500 km stands that of the nearest altitude.
"""

from collections.abc import Callable

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from rstmrf.background import IriBackground
from rstmrf.background.abel import COLUMNS_DEG, REFERENCE_KM, SHELLS_KM, at_altitudes, curtain_places
from rstmrf.data.batch import PointSet, Rays

#: every second column, and altitudes within the trained range: where the residual is asked for
NODE_COLUMNS, NODES_KM = slice(None, None, 2), np.array([120.0, 140, 160, 180, 200, 240, 280, 320, 360, 400, 450, 500])
NODE_DEG = COLUMNS_DEG[NODE_COLUMNS]
_STEP_DEX = 0.0005  # IRI is kept in whole multiples of this
_CHUNK, _POINTS = 256, 16384  # profiles, and points of the model, worked on together

#: from coordinates `[N, 4]` (lat, lon [deg], alt [km], time [h since start]) to the residual of log10 Ne `[N]`
Residual = Callable[[Tensor], Tensor]


def residual_of(model, processor) -> Residual:
    """A model's residual of log10 Ne as a function of coordinates `[N, 4]`, in whatever order of time they come."""

    @torch.no_grad()
    def residual(coords: Tensor) -> Tensor:
        out = torch.empty(len(coords))
        device = next(model.parameters()).device
        for rows in torch.argsort(coords[:, 3], stable=True).split(_POINTS):
            batch = processor(PointSet.places(coords[rows], processor.start)).to(device)
            out[rows] = model.residual(batch, batch)[0].cpu()
        return out

    return residual


class Curtains:
    """Curtains of the profiles of `points` whose azimuth is known, with IRI on them (1.4 kB a profile).

    Args:
        points: of which the rest are left as they are; iri: the background of their days.

    Attributes:
        number: profiles with a curtain; without: profiles that have no azimuth; row: of each point, its profile's
            curtain, −1 where there is none, `[P]`; alt_km: of the points.
    """

    def __init__(self, points: PointSet, iri: IriBackground):
        coords, self.alt_km = points.coords.numpy(), points.coords[:, 2].numpy()
        azimuth = np.full(len(points), np.nan) if points.azimuth_deg is None else points.azimuth_deg.numpy()
        self.row, reference = _references(points.profile.numpy(), self.alt_km, azimuth)
        self.number, self.without = len(reference), len(np.unique(points.profile[self.row < 0]))
        at = coords[reference].astype(float)
        self._hours = at[:, 3]
        self._lat, self._lon = curtain_places(at[:, 0], at[:, 1], azimuth[reference])
        self._iri = torch.empty(self.number, COLUMNS_DEG.size, SHELLS_KM.size, dtype=torch.int16)
        for rows in self.chunks():
            hours = np.repeat(self._hours[rows], COLUMNS_DEG.size)
            place = self._lat[rows].ravel(), self._lon[rows].ravel()
            found = iri.log10_density_columns(*place, SHELLS_KM, hours)
            self._iri[rows] = (found / _STEP_DEX).round().short().view(len(rows), *self._iri.shape[1:])

    @property
    def known(self) -> Bool[np.ndarray, " p"]:
        """Which points have a curtain."""
        return self.row >= 0

    def coords(self, rows: Int[np.ndarray, " q"]) -> Float[Tensor, "n 4"]:
        """Where the residual is asked for, all nodes of one profile after those of another."""
        shape = len(rows), NODE_DEG.size, NODES_KM.size
        place = (x[rows][:, NODE_COLUMNS, None] for x in (self._lat, self._lon))
        every = (*place, NODES_KM, self._hours[rows][:, None, None])
        return torch.from_numpy(np.stack([np.broadcast_to(x, shape).ravel() for x in every], 1).astype(np.float32))

    def iri_dex(self, rows: Int[np.ndarray, " q"]) -> Float[Tensor, "q column shell"]:
        """Log10 of IRI's density [m⁻³] on the curtains."""
        return self._iri[rows] * _STEP_DEX

    def rays(self, points: PointSet, window: Int[Tensor, " b"]) -> Rays:
        """The rays of some points that carry the numbers of their curtains, and each one's window.

        The nodes of a curtain take the window of one of its points: a profile lasts some minutes.
        """
        held = points.curtain if points.curtain is not None else torch.full((len(points),), -1)
        own = held >= 0
        numbers, of_ray = torch.unique(held[own], return_inverse=True)
        curtain = torch.full_like(held, -1)
        curtain[own] = of_ray.to(curtain.dtype)
        of_curtain = torch.empty(len(numbers), dtype=window.dtype)
        of_curtain[of_ray] = window[own]
        rows = numbers.numpy()
        nodes = of_curtain.repeat_interleave(NODE_DEG.size * NODES_KM.size)
        unknown = torch.full_like(points.log10_ne_m3, float("nan"))
        slant = unknown if points.slant_tecu is None else points.slant_tecu
        return Rays(self.coords(rows), nodes, self.iri_dex(rows), curtain, points.coords[:, 2], slant)

    def density_m3(self, residual: Residual, rows: Int[np.ndarray, " q"]) -> Float[np.ndarray, "q column shell"]:
        """Density [m⁻³] of IRI and a residual on the curtains."""
        found = residual(self.coords(rows))
        return 10.0 ** (self.iri_dex(rows).double() + spread_over_curtain(found.detach().double())).numpy()

    def at_points(self, at_nodes, nodes_km=SHELLS_KM) -> Float[np.ndarray, " p"]:
        """What is known at nodes [km] of the profiles, `[profile, node]`, at the points; 0 without a curtain."""
        out = np.zeros(len(self.row))
        out[self.known] = at_altitudes(at_nodes, self.row[self.known], self.alt_km[self.known], nodes_km)
        return out

    def chunks(self, rank: int = 0, world: int = 1) -> list[Int[np.ndarray, " q"]]:
        """The curtains of one of several processes, some at a time."""
        own = np.arange(rank, self.number, world)
        return [own[first : first + _CHUNK] for first in range(0, len(own), _CHUNK)]


def spread_over_curtain(at_nodes: Float[Tensor, " n"]) -> Float[Tensor, "q column shell"]:
    """A residual at the nodes of `Curtains.coords`, on all columns and shells."""
    along, up = (x.to(at_nodes) for x in (_ALONG, _UP))
    return along @ at_nodes.view(-1, NODE_DEG.size, NODES_KM.size) @ up.T


def _references(
    profile: Int[np.ndarray, " p"], alt_km: Float[np.ndarray, " p"], azimuth: Float[np.ndarray, " p"]
) -> tuple[Int[np.ndarray, " p"], Int[np.ndarray, " q"]]:
    """Row of each point's profile among those with an azimuth (−1: none), and each one's point nearest 300 km."""
    known = np.flatnonzero(np.isfinite(azimuth) & (profile >= 0))
    order = known[np.lexsort((np.abs(alt_km[known] - REFERENCE_KM), profile[known]))]
    numbers, first = np.unique(profile[order], return_index=True)
    if not len(numbers):
        return np.full(len(profile), -1), order
    row = np.searchsorted(numbers, profile).clip(max=len(numbers) - 1)
    return np.where(numbers[row] == profile, row, -1), order[first]


def _linear(values, nodes):
    """Matrix `[value, node]` of linear interpolation, the ends held beyond."""
    return torch.from_numpy(np.stack([np.interp(values, nodes, one) for one in np.eye(len(nodes))], axis=1))


_ALONG, _UP = _linear(COLUMNS_DEG, NODE_DEG), _linear(SHELLS_KM, NODES_KM)
