"""Slant TEC along straight rays from a receiver to a satellite."""

import numpy as np
import torch
import xarray as xr
from jaxtyping import Float

from rstmrf.background.iri import ALT_RANGE_KM
from rstmrf.background.vtec import M2_PER_TECU, M_PER_KM
from rstmrf.errors import InputError
from rstmrf.model.coordinates import TRAINED_KM
from rstmrf.predict import cf
from rstmrf.predict.field import DensityField
from rstmrf.predict.places import covered_hours
from rstmrf.units import EARTH_RADIUS_KM, ne_from_log10

#: a ray is cut where it crosses these altitudes [km], and at the point nearest to the Earth
_SHELLS_KM = np.array([ALT_RANGE_KM[0], 100, TRAINED_KM[0], 150, 180, 220, 260, 300, 350, 400, 450, TRAINED_KM[1]])
_SHELLS_KM = np.append(_SHELLS_KM, [600.0, 750.0, ALT_RANGE_KM[1]])
_NODES = 6
_RAYS_TOGETHER = 2048


def slant_values(field: DensityField, receiver, satellite, hours) -> dict[str, Float[np.ndarray, " n"]]:
    """Slant TEC of rays `[N]` by name, of the model and of IRI, and how much of it nothing has taught.

    Args:
        receiver, satellite: latitude [deg], longitude [deg] and altitude [km], `[3, N]`; the Earth is a sphere.
        hours: since start, `[N]`.

    Returns:
        `stec_tecu`, `stec_iri_tecu` [TECU]: from 80 to 1000 km, where IRI is given; `tec_share_not_trained`: share of
        `stec_tecu` below 120 or above 500 km; `length_share_not_trained`: share of the ray's length there, beyond
        1000 km too.

    Raises:
        InputError: a ray of no length, or one that goes through the Earth.
    """
    parts = [
        _slant(field, *(x[..., first : first + _RAYS_TOGETHER] for x in (receiver, satellite, hours)), first)
        for first in range(0, len(hours), _RAYS_TOGETHER)
    ]
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def slant_dataset(field: DensityField, receiver, satellite, time, about) -> xr.Dataset:
    """`slant_values` as a Dataset of `ray`; arguments as in `Predictor.slant_tec`."""
    ends = [np.atleast_1d(np.asarray(x, float)) for end in (receiver, satellite) for x in end]
    *ends, time = np.broadcast_arrays(*ends, np.atleast_1d(np.asarray(time, "datetime64[ns]")))
    for lat, lon in (ends[:2], ends[3:5]):
        hours = covered_hours(field, time, lat, lon)
    found = slant_values(field, np.stack(ends[:3]), np.stack(ends[3:]), hours)
    coords = {"time": cf.time_coordinate(("ray",), time)}
    for end, values in (("receiver", ends[:3]), ("satellite", ends[3:])):
        for name, x in zip(("lat", "lon", "alt_km"), values, strict=True):
            variable = cf.place_coordinate(name, ("ray",), x)
            variable.attrs["long_name"] += f" of the {end}"
            coords[f"{end}_{name}"] = variable
    return cf.dataset({name: (("ray",), values) for name, values in found.items()}, coords, about)


def _slant(field, receiver, satellite, hours, first):
    start, end = _cartesian(*receiver), _cartesian(*satellite)
    length = np.linalg.norm(end - start, axis=0)
    _refuse(~(length > 0), first, "has no length; give a receiver and a satellite apart from each other")
    along = (end - start) / length
    nearest = -(start * along).sum(0)  # distance from the receiver to the point nearest to the Earth's centre
    lowest = np.linalg.norm(start + nearest * along, axis=0)
    grazing = np.where((nearest > 0) & (nearest < length), lowest, np.inf)
    grazing = np.minimum(grazing, np.minimum(*(np.linalg.norm(x, axis=0) for x in (start, end))))
    _refuse(grazing < EARTH_RADIUS_KM - 1.0, first, "goes through the Earth; give a satellite above the horizon")
    distance, weight = _nodes(nearest, lowest, length)
    lat, lon, alt_km = _geographic(start[:, None] + along[:, None] * distance)
    counted = (weight > 0) & (alt_km >= ALT_RANGE_KM[0]) & (alt_km <= ALT_RANGE_KM[1])
    trained = counted & (alt_km >= TRAINED_KM[0]) & (alt_km <= TRAINED_KM[1])
    hour = torch.from_numpy(np.broadcast_to(hours, counted.shape)[counted].copy())
    at = field.at(lat[counted], lon[counted], alt_km[counted], hour, sigma=False)
    tecu = np.zeros((2, *counted.shape))
    tecu[:, counted] = ne_from_log10(torch.stack([at.fused, at.iri]).double().numpy())
    tecu *= weight * M_PER_KM * M2_PER_TECU
    whole, of_iri = tecu.sum(1)
    with np.errstate(invalid="ignore", divide="ignore"):  # a ray wholly above 1000 km has no TEC to share
        not_trained = 1 - (tecu[0] * trained).sum(0) / whole
    return {
        "stec_tecu": whole,
        "stec_iri_tecu": of_iri,
        "tec_share_not_trained": not_trained,
        "length_share_not_trained": 1 - (weight * trained).sum(0) / length,
    }


def _nodes(nearest, lowest, length):
    """Distances [km] from the receiver and Gauss weights [km] on rays, `[Q, N]`; what lies outside weighs nothing."""
    reach = np.sqrt(np.maximum((EARTH_RADIUS_KM + _SHELLS_KM[:, None]) ** 2 - lowest**2, 0.0))
    cuts = np.concatenate([nearest - reach[::-1], nearest[None], nearest + reach]).clip(0.0, length)
    node, weight = np.polynomial.legendre.leggauss(_NODES)
    half, middle = np.diff(cuts, axis=0) / 2, (cuts[1:] + cuts[:-1]) / 2
    distance = middle[:, None] + half[:, None] * node[:, None]
    weights = half[:, None] * weight[:, None] * np.ones_like(distance)
    return distance.reshape(-1, len(length)), weights.reshape(-1, len(length))


def _cartesian(lat, lon, alt_km):
    lat, lon, radius = np.deg2rad(lat), np.deg2rad(lon), EARTH_RADIUS_KM + np.asarray(alt_km, float)
    return radius * np.stack([np.cos(lat) * np.cos(lon), np.cos(lat) * np.sin(lon), np.sin(lat)])


def _geographic(place):
    radius = np.linalg.norm(place, axis=0)
    lat = np.rad2deg(np.arcsin((place[2] / radius).clip(-1, 1)))
    return lat, np.rad2deg(np.arctan2(place[1], place[0])), radius - EARTH_RADIUS_KM


def _refuse(wrong, first, why):
    if wrong.any():
        raise InputError(f"ray {first + int(np.flatnonzero(wrong)[0])} {why}")
