"""What Abel inversion would make of the model's field along each profile's ray, so that like is compared with like."""

from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor

from rstmrf.background import IriBackground
from rstmrf.background.abel import COLUMNS_DEG, CURTAIN, SHELLS_KM, inversion_error_dex
from rstmrf.data.batch import PointSet
from rstmrf.data.curtains import Curtains, Residual

#: of the correction's own σ: the share of it that is unknown, and the error [dex] of each column beside the tangent
#: point; fitted on the simulated month with IRI as the field (what was left of the inversions' error, less the noise)
UNKNOWN_SHARE, COLUMN_SIGMA_DEX = 0.5, 0.085
#: σ [dex] of an observation at which a correction of the same σ halves its weight
POINT_SIGMA_DEX = 0.1


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
    """The observation operator of profiles; those of `points` that have no azimuth are left as they are.

    Args:
        points: observations; iri: the background of their days.
    """

    def __init__(self, points: PointSet, iri: IriBackground):
        self.curtains = Curtains(points, iri)

    @property
    def corrected(self) -> Bool[Tensor, " p"]:
        """Which points are corrected."""
        return torch.from_numpy(self.curtains.known)

    def correction(self, residual: Residual, limit_dex: float, rank: int = 0, world: int = 1) -> Correction:
        """What inversion would add to log10 of the field's density at the points; limited, 0 where nothing is known.

        A retrieved density that is negative stands at the lower limit. Of several processes each does the profiles of
        its part and gives 0 for the others, so that the sum over processes is the whole.
        """
        curtains = self.curtains
        at_shells, sides = (np.zeros((curtains.number, SHELLS_KM.size)) for _ in range(2))
        for rows in curtains.chunks(rank, world):
            field = curtains.density_m3(residual, rows)
            at_shells[rows], sides[rows] = inversion_error_dex(field), _sides(field)
        raw, sides = curtains.at_points(at_shells), curtains.at_points(sides)
        negative, dex = np.isnan(raw), np.nan_to_num(raw, nan=-limit_dex)
        sigma = np.hypot(np.minimum(COLUMN_SIGMA_DEX * sides, 1.0), UNKNOWN_SHARE * dex)
        counts = int(negative.sum()), int((np.abs(raw) > limit_dex).sum())
        return Correction(*(_tensor(x) for x in (np.clip(dex, -limit_dex, limit_dex), sigma)), *counts)


def _sides(field_m3):
    """Root of the sum of squares of what each column but that of the tangent point gives to the retrieval, over own."""
    operator = CURTAIN.operator.reshape(SHELLS_KM.size, COLUMNS_DEG.size, SHELLS_KM.size)
    of_column = np.einsum("ncs,lcs->nlc", field_m3, operator, optimize=True)
    of_column[:, :, CURTAIN.centre] = 0.0
    return np.linalg.norm(of_column, axis=2) / field_m3[:, CURTAIN.centre]


def _tensor(values):
    return torch.from_numpy(values.astype(np.float32))
