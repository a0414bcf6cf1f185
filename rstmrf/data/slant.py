"""Slant TEC of the model's field along each observation's ray: what was measured before any inversion."""

from functools import cache

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor

from rstmrf.background.abel import CURTAIN, SHELLS_KM, TECU_PER_M3_KM
from rstmrf.data.batch import Rays
from rstmrf.data.curtains import Curtains, Residual, spread_over_curtain
from rstmrf.model.coordinates import TRAINED_KM

_STEP_KM = 2.0
TANGENTS_KM = np.arange(SHELLS_KM[0], SHELLS_KM[-1] + 0.1, _STEP_KM)


def slant_of_rays(rays: Rays, residual: Float[Tensor, " k"]) -> Float[Tensor, " b"]:
    """Slant TEC [TECU] of IRI and a residual at the nodes of `rays`, differentiable; 0 where a ray has no curtain."""
    if not len(rays.iri_dex):
        return torch.zeros_like(rays.alt_km)
    density = 10.0 ** (rays.iri_dex + spread_over_curtain(residual))
    table = density.flatten(1) @ _rays().to(density).flatten(1).T
    place = ((rays.alt_km - TANGENTS_KM[0]) / _STEP_KM).clamp(0, len(TANGENTS_KM) - 1.001)
    row, low = rays.curtain.clamp(min=0), place.long()
    return torch.lerp(table[row, low], table[row, low + 1], place - low) * (rays.curtain >= 0)


def slant_misfit_dex(rays: Rays, residual: Float[Tensor, " k"]) -> tuple[Float[Tensor, " b"], Bool[Tensor, " b"]]:
    """Log10 of the field's slant TEC over the measured one, and where it is known; 0 where it is not."""
    known = (rays.curtain >= 0) & (rays.slant_tecu > 0)
    own = slant_of_rays(rays, residual)
    ratio = torch.where(known, own, 1.0) / torch.where(known, rays.slant_tecu, 1.0)
    return torch.log10(ratio), known


def slant_tecu(curtains: Curtains, residual: Residual) -> tuple[Float[Tensor, " p"], Float[Tensor, " p"]]:
    """Slant TEC [TECU] of a field along each point's ray below 800 km, and the share of it not from 120–500 km.

    NaN where no azimuth is known. Outside 120–500 km IRI stands with the residual of the nearest of them.
    """
    rays = _rays().double().numpy()
    inside = (SHELLS_KM >= TRAINED_KM[0]) & (SHELLS_KM <= TRAINED_KM[1])
    whole, within = (np.zeros((curtains.number, TANGENTS_KM.size)) for _ in range(2))
    for rows in curtains.chunks():
        field = curtains.density_m3(residual, rows)
        whole[rows] = np.einsum("ncs,rcs->nr", field, rays, optimize=True)
        within[rows] = np.einsum("ncs,rcs->nr", field[..., inside], rays[..., inside], optimize=True)
    slant, trained = (curtains.at_points(x, TANGENTS_KM) for x in (whole, within))
    with np.errstate(invalid="ignore"):
        share = 1.0 - trained / slant  # of points without azimuth both are 0, and there is no share
    known = np.where(curtains.known, slant, np.nan)
    return torch.from_numpy(known.astype(np.float32)), torch.from_numpy(share.astype(np.float32))


@cache
def _rays() -> Float[Tensor, "ray column shell"]:
    """TECU in the slant TEC of rays at `TANGENTS_KM` for each m⁻³ at a node."""
    return torch.from_numpy((CURTAIN.rays_km(TANGENTS_KM) * TECU_PER_M3_KM).astype(np.float32))
