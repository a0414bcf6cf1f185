"""What Abel inversion makes of a density that changes along the ray: the error of simulated occultations.

The inversion takes the ionosphere for spherically symmetric. Where density is curved along the ray, as beside the
crests of the equatorial anomaly, what belongs to the sides is ascribed to the tangent point, and the lowest levels,
seen through the whole F region, suffer most (Yue et al. 2010, doi:10.5194/angeo-28-217-2010). Both steps are done in
earnest: slant TEC along straight rays through a curtain of true density, then its inversion shell by shell.
"""

from functools import cache

import numpy as np
from jaxtyping import Float

from rstmrf.units import EARTH_RADIUS_KM, wrap_longitude

#: shells of the inversion [km]; above the last one the calibrated TEC of the ray is taken off
SHELLS_KM = np.concatenate([np.arange(90.0, 200.0, 10.0), np.arange(200.0, 801.0, 20.0)])
#: columns of the curtain [deg along the ray from the tangent point]
COLUMNS_DEG = np.arange(-28.0, 28.1, 3.5)
_RAY_STEP_KM = 4.0
#: an inversion may fail altogether; beyond a factor of ten either way it is one that quality control would see
LARGEST_DEX = 1.0


def inversion_error_dex(curtain_m3: Float[np.ndarray, "n column shell"]) -> Float[np.ndarray, "n shell"]:
    """Log10 of retrieved over true density at `SHELLS_KM`; NaN where the retrieved one is negative.

    Args:
        curtain_m3: true density [m⁻³] in the plane of the rays, at `COLUMNS_DEG` and `SHELLS_KM`.
    """
    retrieved = curtain_m3.reshape(len(curtain_m3), -1) @ _operator().T
    ratio = retrieved / curtain_m3[:, COLUMNS_DEG.size // 2]
    with np.errstate(invalid="ignore", divide="ignore"):
        error = np.log10(np.where(ratio > 0, ratio, np.nan))
    return np.clip(error, -LARGEST_DEX, LARGEST_DEX)


def curtain_places(lat, lon, azimuth_deg) -> tuple[Float[np.ndarray, "n column"], Float[np.ndarray, "n column"]]:
    """Latitude and longitude [deg] of the curtain's columns: along the great circle of `azimuth_deg` `[N]` [deg]."""
    lat, lon, azimuth = (np.deg2rad(np.asarray(x, float))[:, None] for x in (lat, lon, azimuth_deg))
    way = np.deg2rad(COLUMNS_DEG)
    sine = np.sin(lat) * np.cos(way) + np.cos(lat) * np.sin(way) * np.cos(azimuth)
    east = np.arctan2(np.sin(azimuth) * np.sin(way) * np.cos(lat), np.cos(way) - np.sin(lat) * sine)
    return np.rad2deg(np.arcsin(np.clip(sine, -1, 1))), wrap_longitude(np.rad2deg(lon + east))


def bearing_deg(lat, lon, to_lat, to_lon) -> Float[np.ndarray, " n"]:
    """Azimuth [deg east of north] at which places `[N]` see others."""
    lat, lon, to_lat, to_lon = (np.deg2rad(np.asarray(x, float)) for x in (lat, lon, to_lat, to_lon))
    east = np.sin(to_lon - lon) * np.cos(to_lat)
    north = np.cos(lat) * np.sin(to_lat) - np.sin(lat) * np.cos(to_lat) * np.cos(to_lon - lon)
    return np.rad2deg(np.arctan2(east, north))


@cache
def _operator() -> np.ndarray:
    """Retrieved density at each shell from the curtain, `[shell, column · shell]`: slant TEC, then its inversion."""
    rays = np.stack([_slant_weights(tangent) for tangent in SHELLS_KM[:-1]])
    # The highest shell's ray has no length within the sphere: its density is taken as it is at the tangent point.
    top = np.zeros((1, COLUMNS_DEG.size, SHELLS_KM.size))
    top[0, COLUMNS_DEG.size // 2, -1] = 1.0
    rays = np.concatenate([rays, top])
    symmetric = rays.sum(axis=1)
    return np.linalg.solve(symmetric, rays.reshape(len(rays), -1))


def _slant_weights(tangent_km):
    """How much each node of the curtain counts in the slant TEC of one ray, `[column, shell]`, linear between nodes."""
    lowest, top = EARTH_RADIUS_KM + tangent_km, EARTH_RADIUS_KM + SHELLS_KM[-1]
    reach = np.sqrt(top**2 - lowest**2)
    n_steps = max(8, int(np.ceil(2 * reach / _RAY_STEP_KM)))
    along = (np.arange(n_steps) + 0.5) * (2 * reach / n_steps) - reach
    height = np.hypot(lowest, along) - EARTH_RADIUS_KM
    way = np.rad2deg(np.arctan2(along, lowest))
    weights = np.zeros((COLUMNS_DEG.size, SHELLS_KM.size))
    column, right = _between(way, COLUMNS_DEG)
    shell, above = _between(height, SHELLS_KM)
    for c, share_c in ((column, 1 - right), (column + 1, right)):
        for s, share_s in ((shell, 1 - above), (shell + 1, above)):
            np.add.at(weights, (c, s), share_c * share_s * (2 * reach / n_steps))
    return weights


def _between(values, nodes):
    left = np.clip(np.searchsorted(nodes, values, side="right") - 1, 0, nodes.size - 2)
    return left, (values - nodes[left]) / (nodes[left + 1] - nodes[left])
