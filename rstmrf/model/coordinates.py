"""From places and times to what the networks see, with derivatives along east, north and altitude."""

import math

import torch
from jaxtyping import Float
from torch import Tensor

from rstmrf.globe import metric
from rstmrf.units import EARTH_RADIUS_KM

#: altitudes [km] that are trained; they become −1 to 1
TRAINED_KM = (120.0, 500.0)
ALT_CENTRE_KM, ALT_HALF_RANGE_KM = sum(TRAINED_KM) / 2, (TRAINED_KM[1] - TRAINED_KM[0]) / 2
N_SPATIAL = {"document": 5, "unit-vector": 6}
N_TEMPORAL = {"document": 1, "diurnal": 4, "elapsed": 5}


def spatial_features(coords: Float[Tensor, "b 4"], mode: str, order: int) -> Float[Tensor, "k b f"]:
    """Jet (order 1 or 5) of the spatial network's input.

    "document": lat/90, lon/180, altitude, sin and cos of local time; it has a seam at ±180° and many-valued poles.
    "unit-vector": the place as a unit vector, altitude, and the place turned with the Sun; smooth everywhere.
    """
    lat, lon = torch.deg2rad(coords[:, 0]), torch.deg2rad(coords[:, 1])
    sun = lon + coords[:, 3] * (math.pi / 12)  # angle of local time
    alt = (coords[:, 2] - ALT_CENTRE_KM) / ALT_HALF_RANGE_KM
    zero, one = torch.zeros_like(lat), torch.ones_like(lat)
    if mode == "document":
        per_east, per_north = (1 / km for km in metric(coords[:, 0], coords[:, 2]))
        value = [lat * 2 / math.pi, lon / math.pi, alt, torch.sin(sun), torch.cos(sun)]
        east = [zero, per_east / math.pi, zero, per_east * torch.cos(sun), -per_east * torch.sin(sun)]
        north = [per_north * 2 / math.pi, zero, zero, zero, zero]
        up = [zero, zero, one / ALT_HALF_RANGE_KM, zero, zero]
    else:
        per_km = 1 / (EARTH_RADIUS_KM + coords[:, 2])
        sin_lat, cos_lat = torch.sin(lat), torch.cos(lat)
        sin_lon, cos_lon, sin_sun, cos_sun = torch.sin(lon), torch.cos(lon), torch.sin(sun), torch.cos(sun)
        value = [cos_lat * cos_lon, cos_lat * sin_lon, sin_lat, alt, cos_lat * sin_sun, cos_lat * cos_sun]
        east = [-per_km * sin_lon, per_km * cos_lon, zero, zero, per_km * cos_sun, -per_km * sin_sun]
        fall = -per_km * sin_lat
        north = [fall * cos_lon, fall * sin_lon, per_km * cos_lat, zero, fall * sin_sun, fall * cos_sun]
        up = [zero, zero, zero, one / ALT_HALF_RANGE_KM, zero, zero]
    members = [value, east, north, up, [zero] * len(value)][:order]
    return torch.stack([torch.stack(m, dim=1) for m in members])


def temporal_features(time_hours: Float[Tensor, " b"], mode: str, duration_hours: float) -> Float[Tensor, "b f"]:
    """Input of the temporal network.

    "document": absolute time from −1 to 1 over the run, which is free on days that were not seen. "diurnal": sines and
    cosines of universal time, once and twice a day, which every day shares. "elapsed": those and the days since start,
    by which one day may differ from another.
    """
    if mode == "document":
        return (2 * time_hours / duration_hours - 1)[:, None]
    angle = time_hours * (math.pi / 12)
    features = [torch.sin(angle), torch.cos(angle), torch.sin(2 * angle), torch.cos(2 * angle)]
    if mode == "elapsed":
        features.append(time_hours / 24)
    return torch.stack(features, dim=1)
