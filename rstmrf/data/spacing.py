"""How far apart observations are, along a profile and from one profile to the next."""

import numpy as np
import xarray as xr

from rstmrf.units import EARTH_RADIUS_KM

PEAK_KM = 350.0  # altitude at which distances along the globe are taken


def altitude_step_km(observations: xr.Dataset) -> float:
    """Median distance in altitude [km] between neighbours of one profile.

    Args:
        observations: `alt_km` and `profile` (point).
    """
    order = np.lexsort((observations["alt_km"].values, observations["profile"].values))
    step = np.diff(observations["alt_km"].values[order])
    return float(np.median(step[np.diff(observations["profile"].values[order]) == 0]))


def nearest_profile_km(observations: xr.Dataset, within_hours: float = 1.0) -> float:
    """Median distance [km] along the globe to the nearest other profile so many hours away or less.

    Args:
        observations: `lat`, `lon` [deg], `time` and `profile` (point); a profile stands at the mean of its points.

    Raises:
        ValueError: no profile has another one within those hours.
    """
    hours = (observations["time"] - observations["time"].min()) / np.timedelta64(1, "h")
    lat, lon = (np.deg2rad(observations[name].values) for name in ("lat", "lon"))
    place = np.stack([np.cos(lat) * np.cos(lon), np.cos(lat) * np.sin(lon), np.sin(lat)], axis=1)
    points = xr.Dataset({"x": (("point", "axis"), place)})
    points = points.assign(hours=hours.variable).assign_coords(profile=observations["profile"].variable)
    middle = points.groupby("profile").mean()
    x = middle["x"].values / np.linalg.norm(middle["x"].values, axis=1, keepdims=True)
    angle = np.arccos(np.clip(x @ x.T, -1.0, 1.0))
    apart = np.abs(middle["hours"].values[:, None] - middle["hours"].values)
    angle[apart > within_hours] = np.inf
    np.fill_diagonal(angle, np.inf)
    nearest = angle.min(axis=1)
    if not np.isfinite(nearest).any():
        raise ValueError(f"no profile has another one within {within_hours:g} h")
    return float(np.median(nearest[np.isfinite(nearest)])) * (EARTH_RADIUS_KM + PEAK_KM)
