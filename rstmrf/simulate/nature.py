"""A simulated true ionosphere: IRI moved in height, structured, and scaled place by place to a wanted TEC.

What moves and structures it is hidden from TEC by the scaling; what is to be seen in TEC is asked for as such.
`simulate.sample_run` wants the TEC of real maps, `simulate.month` that of IRI under a month of simulated weather.
"""

from typing import NamedTuple, Protocol

import numpy as np
from jaxtyping import Float
from scipy.ndimage import map_coordinates

from rstmrf.background import IriBackground
from rstmrf.background.vtec import (
    LEVELS_KM,
    SCALE_LIMITS,
    integrate,
    iri_columns,
    plasmasphere_tecu,
    scaling_weight,
    smooth_step,
)
from rstmrf.errors import InputError

LAT_STEP_DEG, LON_STEP_DEG = 2.5, 5.0
LAT, LON = np.arange(-90.0, 90.1, LAT_STEP_DEG), np.arange(-180.0, 179.9, LON_STEP_DEG)
_MARGIN = 2  # rows and columns repeated round the grid, so that interpolation knows no edge
_NEWTON_STEPS = 4


class Departures(Protocol):
    """How a truth departs from IRI; arguments are places [deg] and times [h], each `[N]`."""

    def descent_km(self, lat, lon, hours, alt_km: Float[np.ndarray, "n level"]) -> Float[np.ndarray, "n level"]:
        """How far below each altitude [km] IRI is read: positive where the layer is lifted."""
        ...

    def hidden_dex(self, lat, lon, hours, alt_km: Float[np.ndarray, "n level"]) -> Float[np.ndarray, "n level"]:
        """Structure [dex] whose TEC the scaling takes out again."""
        ...

    def visible_dex(self, lat, lon, hours, alt_km: Float[np.ndarray, "n level"]) -> Float[np.ndarray, "n level"]:
        """Structure [dex] that TEC shows."""
        ...


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


def fit_scale(unscaled, target_tecu) -> Float[np.ndarray, " n"]:
    """Scaling [dex] of columns at `LEVELS_KM` that gives them a TEC [TECU]: Newton's method, exact up to its limits."""
    scale, low_high = np.zeros(len(unscaled)), np.log10(SCALE_LIMITS)
    for _ in range(_NEWTON_STEPS):
        tec, slope = integrate(unscaled, scale)
        scale = np.clip(scale + (target_tecu - tec) / slope, *low_high)
    return scale


def shift_weight(alt_km):
    """How much of the peak's shift acts at an altitude [km]: none at 160, all from 280 on."""
    return smooth_step((np.asarray(alt_km) - 160.0) / 120.0)


def _round_the_globe(values):
    """Maps [time, lat, lon] with margins: meridians carried on across the poles, longitudes repeated."""
    half = values.shape[2] // 2
    turned = np.roll(values, half, axis=2)
    south, north = turned[:, _MARGIN:0:-1], turned[:, -2 : -_MARGIN - 2 : -1]
    whole = np.concatenate([south, values, north], axis=1)
    return np.concatenate([whole[:, :, -_MARGIN:], whole, whole[:, :, :_MARGIN]], axis=2)
