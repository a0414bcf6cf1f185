"""A simulated true ionosphere: IRI moved in height, structured, and scaled place by place to a wanted TEC.

What moves and structures it is hidden from TEC by the scaling; what is to be seen in TEC is asked for as such.
`rstmrf.data.simulate` wants the TEC of real maps, `rstmrf.data.month` that of IRI under a month of simulated weather.
"""

from typing import NamedTuple, Protocol

import numpy as np
from jaxtyping import Float
from scipy.ndimage import map_coordinates

from rstmrf.background import IriBackground
from rstmrf.background.iri import ALT_RANGE_KM
from rstmrf.errors import InputError

PLASMASPHERE_TECU = 3.0
SCALE_LIMITS = (0.3, 3.5)
LAT_STEP_DEG, LON_STEP_DEG = 2.5, 5.0
LAT, LON = np.arange(-90.0, 90.1, LAT_STEP_DEG), np.arange(-180.0, 179.9, LON_STEP_DEG)
TOP_KM = 2000.0
M2_PER_TECU, M_PER_KM = 1e-16, 1e3
_MARGIN = 2  # rows and columns repeated round the grid, so that interpolation knows no edge
_NEWTON_STEPS = 4


class Departures(Protocol):
    """How a truth departs from IRI; arguments are places [deg] and times [h], each `[N]`."""

    def descent_km(self, lat, lon, hours, alt_km: Float[np.ndarray, "n level"]) -> Float[np.ndarray, "n level"]:
        """How far below each altitude [km] IRI is read: positive where the layer is lifted."""

    def hidden_dex(self, lat, lon, hours, alt_km: Float[np.ndarray, "n level"]) -> Float[np.ndarray, "n level"]:
        """Structure [dex] whose TEC the scaling takes out again."""

    def visible_dex(self, lat, lon, hours, alt_km: Float[np.ndarray, "n level"]) -> Float[np.ndarray, "n level"]:
        """Structure [dex] that TEC shows."""


class Scaling(NamedTuple):
    """Logarithm of the scaling on the inner grid, `[time, 73, 72]` [dex], at `hours` `[time]`."""

    dex: Float[np.ndarray, "time lat lon"]
    hours: Float[np.ndarray, " time"]

    @property
    def clipped_share(self) -> float:
        """Share of area and time at which the scaling met `SCALE_LIMITS`."""
        at_limit = np.isin(self.dex, np.log10(SCALE_LIMITS).astype(self.dex.dtype)).mean(axis=0)
        return float(np.average(at_limit, weights=np.cos(np.deg2rad(LAT))[:, None] * np.ones(LON.size)))


class Truth:
    """Simulated true density: IRI that departs from itself as `departures` say, scaled by `scaling`.

    Raises InputError where it is asked before the first or after the last hour of the scaling.
    """

    def __init__(self, background: IriBackground, departures: Departures, scaling: Scaling):
        self.background, self.departures, self.scaling = background, departures, scaling
        self._scale_with_margin = _round_the_globe(scaling.dex)

    def log10_ne(self, lat, lon, alt_km, hours) -> Float[np.ndarray, " n"]:
        """True log10 of density [m⁻³] at places [deg], altitudes [80 to 1000 km] and times [h], each `[N]`."""
        lat, lon, alt_km, hours = self._points(lat, lon, alt_km, hours)
        return self.columns(lat, lon, hours, alt_km[:, None])[:, 0]

    def columns(self, lat, lon, hours, alt_km) -> Float[np.ndarray, "n level"]:
        """True log10 of density [m⁻³] at altitudes `[N, level]` [km] above places and at times, each `[N]`."""
        lat, lon, hours = self._points(lat, lon, hours)
        unscaled = unscaled_columns(self.background, self.departures, lat, lon, hours, alt_km)
        seen = self.departures.visible_dex(lat, lon, hours, alt_km)
        return unscaled + scaling_weight(alt_km) * self._scale_at(lat, lon, hours)[:, None] + seen

    def vtec_tecu(self, lat, lon, hours) -> Float[np.ndarray, " n"]:
        """True vertical TEC [TECU] at places and times, each `[N]`: density up to 2000 km, and the plasmasphere."""
        lat, lon, hours = self._points(lat, lon, hours)
        columns = self.columns(lat, lon, hours, np.broadcast_to(LEVELS_KM, (lat.size, LEVELS_KM.size)))
        return integrate(columns, np.zeros(lat.size))[0] + plasmasphere_tecu(lat)

    def _points(self, *given):
        points = [x.ravel() for x in np.broadcast_arrays(*(np.asarray(x, float) for x in given))]
        first, last = self.scaling.hours[[0, -1]]
        outside = (points[-1] < first) | (points[-1] > last)
        if outside.any():
            raise InputError(f"nature run: hour {points[-1][outside][0]:g} is outside {first:g} to {last:g}")
        return points

    def _scale_at(self, lat, lon, hours):
        row = (lat + 90.0) / LAT_STEP_DEG + _MARGIN
        column = (lon + 180.0) % 360.0 / LON_STEP_DEG + _MARGIN
        epoch = np.interp(hours, self.scaling.hours, np.arange(self.scaling.hours.size))
        return map_coordinates(self._scale_with_margin, [epoch, row, column], order=1, mode="nearest")


def unscaled_columns(background, departures, lat, lon, hours, alt_km) -> Float[np.ndarray, "n level"]:
    """Log10 of density [m⁻³] before scaling: IRI, moved, with the structure that TEC will not show."""
    moved = alt_km - departures.descent_km(lat, lon, hours, alt_km)
    return iri_columns(background, lat, lon, hours, moved) + departures.hidden_dex(lat, lon, hours, alt_km)


def iri_columns(background, lat, lon, hours, alt_km) -> Float[np.ndarray, "n level"]:
    """Log10 of IRI's density [m⁻³] at altitudes `[N, level]`, those outside its range brought to the edge."""
    hours = np.minimum(hours, 24.0 * background.n_days - 1e-3)  # the last map stands at the end of the last day
    return background.log10_density_columns(lat, lon, np.clip(alt_km, *ALT_RANGE_KM), hours).numpy().astype(float)


def fit_scale(unscaled, target_tecu) -> Float[np.ndarray, " n"]:
    """Scaling [dex] of columns at `LEVELS_KM` that gives them a TEC [TECU]: Newton's method, exact up to its limits."""
    scale, low_high = np.zeros(len(unscaled)), np.log10(SCALE_LIMITS)
    for _ in range(_NEWTON_STEPS):
        tec, slope = integrate(unscaled, scale)
        scale = np.clip(scale + (target_tecu - tec) / slope, *low_high)
    return scale


def integrate(columns, scale) -> tuple[np.ndarray, np.ndarray]:
    """Vertical TEC [TECU] of columns at `LEVELS_KM` scaled by `scale` [dex], and its derivative to it, each `[N]`."""
    weight = scaling_weight(LEVELS_KM)
    layers = 10.0 ** (columns + weight * scale[:, None]) * (_WEIGHTS_KM * M_PER_KM * M2_PER_TECU)
    layers[:, -1] *= 1.0 + _topside_km(columns, LEVELS_KM) / _WEIGHTS_KM[-1]
    return layers.sum(1), np.log(10) * (layers @ weight)


def scaling_weight(alt_km):
    """How much of the scaling acts at an altitude [km]: none in the E region (110), all from 200 on."""
    return smooth_step((np.asarray(alt_km) - 110.0) / 90.0)


def shift_weight(alt_km):
    """How much of the peak's shift acts at an altitude [km]: none at 160, all from 280 on."""
    return smooth_step((np.asarray(alt_km) - 160.0) / 120.0)


def plasmasphere_tecu(lat):
    """TEC above 2000 km [TECU] at latitudes [deg]: 3.75 at the equator, 1.5 at the poles, 3 over the globe."""
    return PLASMASPHERE_TECU * (0.5 + 0.75 * np.cos(np.deg2rad(lat)) ** 2)


def smooth_step(x):
    """0 below 0, 1 above 1, and a cubic without corners between."""
    x = np.clip(x, 0.0, 1.0)
    return x * x * (3.0 - 2.0 * x)


def _quadrature():
    """Levels [km] and weights [km] of Gauss-Legendre integration from 80 to 1000 km, in four pieces."""
    pieces = [(80.0, 130.0, 6), (130.0, 240.0, 8), (240.0, 480.0, 10), (480.0, ALT_RANGE_KM[1], 6)]
    rules = [(low, (high - low) / 2, *np.polynomial.legendre.leggauss(n)) for low, high, n in pieces]
    levels_km = np.concatenate([low + half * (1 + node) for low, half, node, _ in rules])
    return levels_km, np.concatenate([half * weight for _, half, _, weight in rules])


LEVELS_KM, _WEIGHTS_KM = _quadrature()


def _topside_km(log10_ne, levels_km):
    """TEC from 1000 to 2000 km over the highest level's density, `[N]` [km]: exponential, with its scale height."""
    fall = np.log(10) * (log10_ne[:, -2] - log10_ne[:, -1]) / (levels_km[-1] - levels_km[-2])
    scale_km = 1.0 / np.clip(fall, 1e-3, None)
    low, high = ALT_RANGE_KM[1] - levels_km[-1], TOP_KM - levels_km[-1]
    return scale_km * (np.exp(-low / scale_km) - np.exp(-high / scale_km))


def _round_the_globe(values):
    """Maps [time, lat, lon] with margins: meridians carried on across the poles, longitudes repeated."""
    half = values.shape[2] // 2
    turned = np.roll(values, half, axis=2)
    south, north = turned[:, _MARGIN:0:-1], turned[:, -2 : -_MARGIN - 2 : -1]
    whole = np.concatenate([south, values, north], axis=1)
    return np.concatenate([whole[:, :, -_MARGIN:], whole, whole[:, :, :_MARGIN]], axis=2)
