"""What Abel inversion would make of the model's field along each profile's ray, so that like is compared with like.

Prepared once from the points: a curtain of columns in the plane of the ray for each profile whose azimuth is known,
and IRI on it, which no weight changes. A field is then IRI and a residual, asked for at few nodes of the curtain,
since it is smooth; below 120 km and above 500 km the residual is that of the nearest altitude trained.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from rstmrf.background import IriBackground
from rstmrf.background.abel import (
    COLUMNS_DEG,
    CURTAIN,
    REFERENCE_KM,
    SHELLS_KM,
    TECU_PER_M3_KM,
    at_altitudes,
    curtain_places,
    inversion_error_dex,
)
from rstmrf.data.batch import PointSet

#: nodes at which the residual is asked for; the rest of the curtain is linear between them, its ends held beyond
RESIDUAL_COLUMNS_DEG = COLUMNS_DEG[::2]
RESIDUAL_KM = np.array([120.0, 140, 160, 180, 200, 240, 280, 320, 360, 400, 450, 500])
TRAINED_KM = (120.0, 500.0)
#: of the correction's own σ: the share of it that is unknown, and the error [dex] of each column beside the tangent
#: point; fitted on the simulated month with IRI as the field (what was left of the inversions' error, less the noise)
UNKNOWN_SHARE, COLUMN_SIGMA_DEX = 0.5, 0.085
#: σ [dex] of an observation at which a correction of the same σ halves its weight
POINT_SIGMA_DEX = 0.1
_STEP_DEX = 0.0005  # IRI on the curtains is kept in whole multiples of this
_CHUNK = 256  # profiles worked on together
_RAY_STEP_KM = 2.0

#: from coordinates `[N, 4]` (lat, lon [deg], alt [km], time [h since start]) to the residual of log10 Ne `[N]`
Residual = Callable[[Tensor], Tensor]


class Correction(NamedTuple):
    """Log10 of inverted over own density at points, what it cannot know (σ), and how many points met a limit."""

    dex: Float[Tensor, " p"]
    sigma_dex: Float[Tensor, " p"]
    negative: int
    limited: int

    def weight(self) -> Float[Tensor, " p"]:
        """How much a corrected point counts, 1 where nothing was corrected."""
        return 1.0 / (1.0 + (self.sigma_dex / POINT_SIGMA_DEX) ** 2)


class Inversion:
    """Curtains of the profiles of `points` whose azimuth is known, with IRI on them (1.4 kB a profile).

    Args:
        points: of which the rest are left as they are; iri: the background of their days.

    Attributes:
        number: profiles with a curtain; without: profiles that have no azimuth.
    """

    def __init__(self, points: PointSet, iri: IriBackground):
        coords, self.alt_km = points.coords.numpy(), points.coords[:, 2].numpy()
        azimuth = np.full(len(points), np.nan) if points.azimuth_deg is None else points.azimuth_deg.numpy()
        self._row, reference = _references(points.profile.numpy(), self.alt_km, azimuth)
        self.number = len(reference)
        self.without = len(np.unique(points.profile[self._row < 0]))
        at = coords[reference].astype(float)
        self._hours = at[:, 3]
        self._lat, self._lon = curtain_places(at[:, 0], at[:, 1], azimuth[reference])
        self._iri = np.empty((self.number, COLUMNS_DEG.size, SHELLS_KM.size), np.int16)
        for rows in self._chunks(0, 1):
            hours = np.repeat(self._hours[rows], COLUMNS_DEG.size)
            place = self._lat[rows].ravel(), self._lon[rows].ravel()
            found = iri.log10_density_columns(*place, SHELLS_KM, hours).numpy()
            self._iri[rows] = np.rint(found / _STEP_DEX).reshape(len(rows), *self._iri.shape[1:])

    def correction(self, residual: Residual, limit_dex: float, rank: int = 0, world: int = 1) -> Correction:
        """What inversion would add to log10 of the field's density at the points; limited, 0 where nothing is known.

        A retrieved density that is negative stands at the lower limit. Of several processes each does the profiles of
        its part and gives 0 for the others, so that the sum over processes is the whole.
        """
        at_shells, sigma = (np.zeros((self.number, SHELLS_KM.size)) for _ in range(2))
        for rows in self._chunks(rank, world):
            field = self._field_m3(residual, rows)
            at_shells[rows] = inversion_error_dex(field)
            sigma[rows] = COLUMN_SIGMA_DEX * _sides(field)
        raw, sigma = self._of_points(at_shells), self._of_points(sigma)
        negative, dex = np.isnan(raw), np.nan_to_num(raw, nan=-limit_dex)
        limited = np.clip(dex, -limit_dex, limit_dex)
        sigma = np.hypot(np.minimum(sigma, 1.0), UNKNOWN_SHARE * np.abs(dex)) * (self._row >= 0)
        counts = int(negative.sum()), int((np.abs(raw) > limit_dex).sum())
        return Correction(_tensor(limited), _tensor(sigma), *counts)

    def slant_tecu(self, residual: Residual) -> tuple[Float[Tensor, " p"], Float[Tensor, " p"]]:
        """Slant TEC [TECU] of the field along each point's ray below 800 km, and the share of it not from 120–500 km.

        NaN where no azimuth is known. Outside 120–500 km IRI stands with the residual of the nearest of them.
        """
        tangents = np.arange(SHELLS_KM[0], SHELLS_KM[-1] + 0.1, _RAY_STEP_KM)
        rays = CURTAIN.rays_km(tangents) * TECU_PER_M3_KM
        inside = (SHELLS_KM >= TRAINED_KM[0]) & (SHELLS_KM <= TRAINED_KM[1])
        whole, within = (np.zeros((self.number, tangents.size)) for _ in range(2))
        for rows in self._chunks(0, 1):
            field = self._field_m3(residual, rows)
            whole[rows] = np.einsum("ncs,rcs->nr", field, rays, optimize=True)
            within[rows] = np.einsum("ncs,rcs->nr", field[..., inside], rays[..., inside], optimize=True)
        slant, trained = (self._of_points(x, tangents) for x in (whole, within))
        with np.errstate(invalid="ignore"):
            share = 1.0 - trained / slant  # of points without azimuth both are 0, and there is no share
        return _tensor(np.where(self._row >= 0, slant, np.nan)), _tensor(share)

    def _field_m3(self, residual, rows):
        """Density [m⁻³] on the curtains of some profiles, `[n, column, shell]`."""
        column, shell = np.isin(COLUMNS_DEG, RESIDUAL_COLUMNS_DEG), RESIDUAL_KM
        shape = len(rows), int(column.sum()), shell.size
        place = (x[rows][:, column, None] for x in (self._lat, self._lon))
        every = (*place, shell, self._hours[rows][:, None, None])
        coords = torch.from_numpy(np.stack([np.broadcast_to(x, shape).ravel() for x in every], 1).astype(np.float32))
        with torch.no_grad():
            at_nodes = residual(coords).numpy().reshape(shape)
        along, up = _linear(COLUMNS_DEG, RESIDUAL_COLUMNS_DEG), _linear(SHELLS_KM, RESIDUAL_KM)
        return 10.0 ** (self._iri[rows] * _STEP_DEX + along @ at_nodes @ up.T)

    def _of_points(self, at_shells, nodes=SHELLS_KM):
        """What is known at shells of the profiles, at the points; 0 at those without azimuth."""
        known = self._row >= 0
        out = np.zeros(len(self._row))
        out[known] = at_altitudes(at_shells, self._row[known], self.alt_km[known], nodes)
        return out

    def _chunks(self, rank, world):
        own = np.arange(rank, self.number, world)
        return [own[first : first + _CHUNK] for first in range(0, len(own), _CHUNK)]


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


def _sides(field_m3):
    """Sum in squares of what each column but that of the tangent point gives to the retrieved density, over own."""
    operator = CURTAIN.operator.reshape(SHELLS_KM.size, COLUMNS_DEG.size, SHELLS_KM.size)
    of_column = np.einsum("ncs,lcs->nlc", field_m3, operator, optimize=True)
    of_column[:, :, CURTAIN.centre] = 0.0
    return np.linalg.norm(of_column, axis=2) / field_m3[:, CURTAIN.centre]


def _linear(values, nodes):
    """Matrix `[value, node]` of linear interpolation, the ends held beyond."""
    return np.stack([np.interp(values, nodes, one) for one in np.eye(len(nodes))], axis=1)


def _tensor(values):
    return torch.from_numpy(values.astype(np.float32))
