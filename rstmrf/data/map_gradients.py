"""Horizontal gradients of maps that go round the globe, and how well those of two sets agree."""

import numpy as np

from rstmrf.units import EARTH_RADIUS_KM


def mean_cosine(truth, maps, lat, max_lat_deg=85.0) -> float:
    """Mean cosine between gradients of two sets of maps [time, lat, lon], where that of `maps` is above its median.

    The mean is over area, and leaves out `max_lat_deg` and beyond. Both sets share the grid: `lat` [deg], and
    longitudes evenly round the globe with no column repeated.
    """
    (north, east), (map_north, map_east) = (gradient_per_km(x, lat) for x in (truth, maps))
    strength, inside = np.hypot(map_north, map_east), np.abs(lat[:, None]) < max_lat_deg + 0 * maps
    cosine = (north * map_north + east * map_east) / np.maximum(np.hypot(north, east) * strength, 1e-12)
    strong = inside & (strength > np.median(strength[inside]))
    weight = np.cos(np.deg2rad(lat))[:, None] * strong
    return float((cosine * weight).sum() / weight.sum())


def gradient_per_km(maps, lat) -> tuple[np.ndarray, np.ndarray]:
    """Northward and eastward derivative per km of maps [time, lat, lon] that go round the globe."""
    km_per_deg = np.deg2rad(EARTH_RADIUS_KM)
    north = np.gradient(maps, lat, axis=1) / km_per_deg
    step_deg = 360.0 / maps.shape[2]
    east = (np.roll(maps, -1, axis=2) - np.roll(maps, 1, axis=2)) / (2 * step_deg * km_per_deg)
    return north, east / np.maximum(np.cos(np.deg2rad(lat)), 1e-3)[:, None]
