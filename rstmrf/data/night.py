"""Low altitudes in the dark, where an occultation says more of its inversion than of the ionosphere.

An Abel inversion takes the density of a shell from what lies above it. Where a layer has all but vanished, as the E
region and the valley have at night, what is left over of the F region's slopes is larger than the density that is
sought: profiles lie there about one decade above a digisonde or a radar, and the sum of many does not come right. So
that part of a profile may be believed less, or not at all (`night_low_weight`).
"""

from dataclasses import replace

import torch
from jaxtyping import Bool
from torch import Tensor

from rstmrf.background import IriBackground
from rstmrf.data.batch import PointSet
from rstmrf.units import EARTH_RADIUS_KM

LOW_KM = 200.0


def dark_and_low(points: PointSet, iri: IriBackground) -> Bool[Tensor, " p"]:
    """Which points lie below 200 km and in the Earth's shadow there: no sunlight reaches them, whatever the hour.

    At 150 km that is a solar zenith angle above 102°.
    """
    lat, lon, alt_km, hours = points.coords.double().unbind(1)
    nearest = EARTH_RADIUS_KM / (EARTH_RADIUS_KM + alt_km)
    return (alt_km < LOW_KM) & (iri.cos_solar_zenith(lat, lon, hours) < -torch.sqrt(1 - nearest**2))


def believed(points: PointSet, iri: IriBackground, weight: float) -> PointSet:
    """The points as they are fitted: of a dark and low departure from IRI, only the share `weight` is believed.

    The squared misfit to the observation with this weight, and to IRI with the rest, has its least value there. With
    0 the observation counts nothing and the residual is asked to vanish, so that IRI stands where nothing is known.
    """
    if weight == 1:
        return points
    iri_ne, share = points.background[:, 0], torch.where(dark_and_low(points, iri), weight, 1.0)
    return replace(points, log10_ne_m3=iri_ne + share.float() * (points.log10_ne_m3 - iri_ne))
