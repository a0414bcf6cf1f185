"""Vertical TEC of columns of density, and the scaling that gives a column the TEC wanted of it."""

import numpy as np
from jaxtyping import Float

from rstmrf.background.iri import ALT_RANGE_KM

PLASMASPHERE_TECU = 3.0
SCALE_LIMITS = (0.3, 3.5)
TOP_KM = 2000.0
M2_PER_TECU, M_PER_KM = 1e-16, 1e3


def iri_columns(background, lat, lon, hours, alt_km) -> Float[np.ndarray, "n level"]:
    """Log10 of IRI's density [m⁻³] at altitudes `[N, level]`, those outside its range brought to the edge."""
    hours = np.minimum(hours, 24.0 * background.n_days - 1e-3)  # the last map stands at the end of the last day
    return background.log10_density_columns(lat, lon, np.clip(alt_km, *ALT_RANGE_KM), hours).numpy().astype(float)


def integrate(columns, scale) -> tuple[np.ndarray, np.ndarray]:
    """Vertical TEC [TECU] of columns at `LEVELS_KM` scaled by `scale` [dex], and its derivative to it, each `[N]`."""
    weight = scaling_weight(LEVELS_KM)
    layers = 10.0 ** (columns + weight * scale[:, None]) * (_WEIGHTS_KM * M_PER_KM * M2_PER_TECU)
    layers[:, -1] *= 1.0 + topside_km(columns, LEVELS_KM) / _WEIGHTS_KM[-1]
    return layers.sum(1), np.log(10) * (layers @ weight)


def iri_vtec(background, lat, lon, hours, *, plasmasphere=True) -> Float[np.ndarray, " n"]:
    """IRI's vertical TEC [TECU] at places [deg] and hours `[N]`, up to 2000 km, and a constant plasmasphere above."""
    levels = np.broadcast_to(LEVELS_KM, (len(lat), LEVELS_KM.size))
    tecu = integrate(iri_columns(background, lat, lon, hours, levels), np.zeros(len(lat)))[0]
    return tecu + plasmasphere_tecu(lat) if plasmasphere else tecu


def scaling_weight(alt_km):
    """How much of the scaling acts at an altitude [km]: none in the E region (110), all from 200 on."""
    return smooth_step((np.asarray(alt_km) - 110.0) / 90.0)


def plasmasphere_tecu(lat):
    """TEC above 2000 km [TECU] at latitudes [deg]: 3.75 at the equator, 1.5 at the poles, 3 over the globe."""
    return PLASMASPHERE_TECU * (0.5 + 0.75 * np.cos(np.deg2rad(lat)) ** 2)


def smooth_step(x):
    """0 below 0, 1 above 1, and a cubic without corners between."""
    x = np.clip(x, 0.0, 1.0)
    return x * x * (3.0 - 2.0 * x)


def gauss_levels(low_km: float, high_km: float) -> tuple[Float[np.ndarray, " q"], Float[np.ndarray, " q"]]:
    """Levels [km] and weights [km] of Gauss-Legendre integration between two altitudes, in pieces by layers."""
    pieces = [(80.0, 130.0, 6), (130.0, 240.0, 8), (240.0, 480.0, 10), (480.0, ALT_RANGE_KM[1], 6)]
    within = [(max(low, low_km), min(high, high_km), n) for low, high, n in pieces if high > low_km and low < high_km]
    rules = [(low, (high - low) / 2, *np.polynomial.legendre.leggauss(n)) for low, high, n in within]
    levels_km = np.concatenate([low + half * (1 + node) for low, half, node, _ in rules])
    return levels_km, np.concatenate([half * weight for _, half, _, weight in rules])


LEVELS_KM, _WEIGHTS_KM = gauss_levels(*ALT_RANGE_KM)


def topside_km(log10_ne, levels_km):
    """TEC from 1000 to 2000 km over the highest level's density, `[N]` [km]: exponential, with its scale height."""
    fall = np.log(10) * (log10_ne[:, -2] - log10_ne[:, -1]) / (levels_km[-1] - levels_km[-2])
    scale_km = 1.0 / np.clip(fall, 1e-3, None)
    low, high = ALT_RANGE_KM[1] - levels_km[-1], TOP_KM - levels_km[-1]
    return scale_km * (np.exp(-low / scale_km) - np.exp(-high / scale_km))
