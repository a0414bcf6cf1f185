"""A nature run, simulated electron density that follows real TEC maps, and the noise of simulated observations.

The truth is IRI, with three departures. (1) Its F region is scaled place by place and hour by hour, so that its VTEC
equals that of the maps, plus a smooth error as between analysis centres, less the plasmasphere. (2) Its peak height
is disturbed smoothly. (3) Smooth structure is added, whose TEC the scaling takes out again. So no model that is given
IRI and the maps can be right by construction. All of it is simulated, and follows from one seed.
"""

import numpy as np
import xarray as xr
from jaxtyping import Float
from scipy.ndimage import map_coordinates

from rstmrf.background import IriBackground
from rstmrf.background.iri import ALT_RANGE_KM
from rstmrf.data.observations import COORDINATES, VARIABLE_ATTRS
from rstmrf.data.orbits import Occultations
from rstmrf.data.point_tables import COLUMN_TYPES
from rstmrf.errors import InputError
from rstmrf.units import EARTH_RADIUS_KM, wrap_longitude

CENTRE_ERROR_TECU, CENTRE_ERROR_KM, CENTRE_ERROR_HOURS = 1.5, 2500.0, 6.0
PEAK_HEIGHT_KM, PEAK_HEIGHT_SCALE_KM, PEAK_HEIGHT_HOURS = 15.0, 3000.0, 6.0
STRUCTURE_DEX, STRUCTURE_KM, STRUCTURE_ALT_KM, STRUCTURE_HOURS = 0.08, 2000.0, 100.0, 12.0
PLASMASPHERE_TECU = 3.0
SCALE_LIMITS = (0.3, 3.5)
FAINTEST_LOG10_NE = 8.0  # PyIRI's night valley goes far below; no receiver resolves that, so it is not observed
LAT_STEP_DEG, LON_STEP_DEG = 2.5, 5.0
TOP_KM = 2000.0
M2_PER_TECU, M_PER_KM = 1e-16, 1e3
_MARGIN = 2  # rows and columns repeated round the grid, so that interpolation knows no edge
_NEWTON_STEPS = 4


class SmoothField:
    """A random, smooth field of mean 0 and deviation `rms` over the globe, time and, given `alt_scale_km`, altitude.

    A sum of plane waves through the Earth (random Fourier features), so its correlation falls as a Gaussian of the
    distance [km], the time [h] and the height. With `sun_fixed` the pattern stays under the Sun while the Earth turns.
    """

    def __init__(self, rms, scale_km, scale_hours, rng, alt_scale_km=None, sun_fixed=False, n_waves=128):
        self.sun_fixed, self._amplitude = sun_fixed, rms * np.sqrt(2.0 / n_waves)
        self._space = rng.standard_normal((3, n_waves)) * EARTH_RADIUS_KM / scale_km
        self._time = rng.standard_normal(n_waves) / scale_hours
        self._height = rng.standard_normal(n_waves) / alt_scale_km if alt_scale_km else np.zeros(n_waves)
        self._phase = rng.uniform(0.0, 2 * np.pi, n_waves)

    def __call__(self, lat, lon, hours, alt_km=0.0) -> np.ndarray:
        """Values at places [deg], times [h] and altitudes [km] of one shape `[N]`."""
        phase = self._phases(lat, lon, hours) + np.multiply.outer(alt_km, self._height)
        return self._amplitude * np.cos(phase).sum(-1)

    def columns(self, lat, lon, hours, levels_km) -> Float[np.ndarray, "n level"]:
        """Values at all `levels_km` above each place `[N]`."""
        phase, rise = self._phases(lat, lon, hours), np.multiply.outer(self._height, levels_km)
        return self._amplitude * (np.cos(phase) @ np.cos(rise) - np.sin(phase) @ np.sin(rise))

    def _phases(self, lat, lon, hours):
        lat, lon, hours = np.broadcast_arrays(*(np.asarray(x, float) for x in (lat, lon, hours)))
        lat, lon = np.deg2rad(lat), np.deg2rad(lon + 15.0 * hours * self.sun_fixed)
        unit = np.stack([np.cos(lat) * np.cos(lon), np.cos(lat) * np.sin(lon), np.sin(lat)], axis=-1)
        return unit @ self._space + np.multiply.outer(hours, self._time) + self._phase


class NatureRun:
    """Simulated true density over the period of `tec`: IRI scaled to the maps, disturbed and structured, from one seed.

    Args:
        background: IRI for all days of the maps; `hours` below count from its start.
        tec: Dataset of `vtec_tecu` (time, lat, lon) [TECU] from pole to pole, as `load_tec` or `fill_poles` give it.
        seed: of all random fields.

    `scale_dex` `[time, 73, 72]` is the logarithm of the scaling on the inner grid, `clipped_share` the share of area
    and time at which it met `SCALE_LIMITS`. Raises InputError: maps that begin before the background or end after it.
    """

    def __init__(self, background: IriBackground, tec: xr.Dataset, seed=20190425):
        centre, height, structure = (np.random.default_rng([seed, stream]) for stream in range(3))
        self.background = background
        self.centre_error = SmoothField(CENTRE_ERROR_TECU, CENTRE_ERROR_KM, CENTRE_ERROR_HOURS, centre)
        self.peak_shift = SmoothField(PEAK_HEIGHT_KM, PEAK_HEIGHT_SCALE_KM, PEAK_HEIGHT_HOURS, height, sun_fixed=True)
        self.structure = SmoothField(
            STRUCTURE_DEX, STRUCTURE_KM, STRUCTURE_HOURS, structure, STRUCTURE_ALT_KM, sun_fixed=True
        )
        self.hours = (tec.time.values - np.datetime64(background.start, "ns")) / np.timedelta64(1, "h")
        if self.hours[0] < 0 or self.hours[-1] > 24 * background.n_days:
            held = f"{self.hours[0]:g} to {self.hours[-1]:g} h"
            raise InputError(f"TEC maps hold {held}, the background 0 to {24 * background.n_days} h; give it all days")
        self.lat = np.arange(-90.0, 90.1, LAT_STEP_DEG)
        self.lon = np.arange(-180.0, 179.9, LON_STEP_DEG)
        self._levels_km, self._weights_km = _quadrature()
        self._fit(_on_grid(tec, self.lat, self.lon))

    def log10_ne(self, lat, lon, alt_km, hours) -> Float[np.ndarray, " n"]:
        """True log10 of density [m⁻³] at places [deg], altitudes [80 to 1000 km] and times [h], each `[N]`."""
        lat, lon, alt_km, hours = self._points(lat, lon, alt_km, hours)
        moved = alt_km - shift_weight(alt_km) * self.peak_shift(lat, lon, hours)
        unscaled = self._log10_iri(lat, lon, moved, hours) + self.structure(lat, lon, hours, alt_km)
        return unscaled + scaling_weight(alt_km) * self._scale_at(lat, lon, hours)

    def vtec_tecu(self, lat, lon, hours) -> Float[np.ndarray, " n"]:
        """True vertical TEC [TECU] at places and times, each `[N]`: density up to 2000 km, and the plasmasphere."""
        lat, lon, hours = self._points(lat, lon, hours)
        unscaled, scale = self._unscaled_columns(lat, lon, hours), self._scale_at(lat, lon, hours)
        return self._integral(unscaled, scale)[0] + plasmasphere_tecu(lat)

    def _points(self, *given):
        points = [x.ravel() for x in np.broadcast_arrays(*(np.asarray(x, float) for x in given))]
        first, last = self.hours[[0, -1]]
        outside = (points[-1] < first) | (points[-1] > last)
        if outside.any():
            raise InputError(f"nature run: hour {points[-1][outside][0]:g} is outside {first:g} to {last:g}")
        return points

    def _log10_iri(self, lat, lon, alt_km, hours):
        hours = np.minimum(
            hours, 24.0 * self.background.n_days - 1e-3
        )  # the last map stands at the end of the last day
        return self.background.log10_density(lat, lon, np.clip(alt_km, *ALT_RANGE_KM), hours).numpy().astype(float)

    def _unscaled_columns(self, lat, lon, hours):
        """Log10 of density before scaling, at the levels of integration, `[N, level]`."""
        levels = self._levels_km
        moved = levels - shift_weight(levels) * self.peak_shift(lat, lon, hours)[:, None]
        place = (np.repeat(x, levels.size) for x in (lat, lon))
        iri = self._log10_iri(*place, moved.ravel(), np.repeat(hours, levels.size)).reshape(moved.shape)
        return iri + self.structure.columns(lat, lon, hours, levels)

    def _integral(self, unscaled, scale):
        """Vertical TEC [TECU] of columns scaled by `scale` [dex], and its derivative to it, each `[N]`."""
        weight = scaling_weight(self._levels_km)
        layers = 10.0 ** (unscaled + weight * scale[:, None]) * (self._weights_km * M_PER_KM * M2_PER_TECU)
        layers[:, -1] *= 1.0 + _topside_km(unscaled, self._levels_km) / self._weights_km[-1]
        return layers.sum(1), np.log(10) * (layers @ weight)

    def _fit(self, maps_tecu):
        """Find the scaling hour by hour: Newton's method for TEC, exact up to the limits of the scaling."""
        lat, lon = (x.ravel() for x in np.meshgrid(self.lat, self.lon, indexing="ij"))
        area, scales, low_high = np.cos(np.deg2rad(lat)), [], np.log10(SCALE_LIMITS)
        for hour, values in zip(self.hours, maps_tecu, strict=True):
            hours = np.full(lat.size, hour)
            # Centres differ more where there is more TEC; the root keeps 1.5 TECU over the globe, and nights positive.
            growth = np.sqrt(values.ravel() / np.average(values.ravel(), weights=area))
            target = values.ravel() + growth * self.centre_error(lat, lon, hours) - plasmasphere_tecu(lat)
            unscaled, scale = self._unscaled_columns(lat, lon, hours), np.zeros(lat.size)
            for _ in range(_NEWTON_STEPS):
                tec, slope = self._integral(unscaled, scale)
                scale = np.clip(scale + (target - tec) / slope, *low_high)
            scales.append(scale.reshape(self.lat.size, self.lon.size))
        self.scale_dex = np.stack(scales)
        at_limit = np.isin(self.scale_dex, low_high).mean(axis=0)
        self.clipped_share = float(np.average(at_limit.ravel(), weights=area))
        self._scale_with_margin = _round_the_globe(self.scale_dex)

    def _scale_at(self, lat, lon, hours):
        row = (lat + 90.0) / LAT_STEP_DEG + _MARGIN
        column = (lon + 180.0) % 360.0 / LON_STEP_DEG + _MARGIN
        epoch = np.interp(hours, self.hours, np.arange(self.hours.size))
        return map_coordinates(self._scale_with_margin, [epoch, row, column], order=1, mode="nearest")


def scaling_weight(alt_km):
    """How much of the scaling acts at an altitude [km]: none in the E region (110), all from 200 on."""
    return _smooth_step((np.asarray(alt_km) - 110.0) / 90.0)


def shift_weight(alt_km):
    """How much of the peak's shift acts at an altitude [km]: none at 160, all from 280 on."""
    return _smooth_step((np.asarray(alt_km) - 160.0) / 120.0)


def plasmasphere_tecu(lat):
    """TEC above 2000 km [TECU] at latitudes [deg]: 3.75 at the equator, 1.5 at the poles, 3 over the globe."""
    return PLASMASPHERE_TECU * (0.5 + 0.75 * np.cos(np.deg2rad(lat)) ** 2)


def sigma_log10_ne(alt_km) -> np.ndarray:
    """Standard deviation [dex] of the simulated observations: 0.03 from 200 km on, growing to 0.12 at 120 km."""
    below = np.clip((200.0 - np.asarray(alt_km, float)) / 80.0, 0.0, None)
    return 0.03 * 4.0**below


def profile_noise(alt_km, profile, rng, scale_km=20.0) -> np.ndarray:
    """Noise [dex] at altitudes [km] of profiles, each `[N]`: Gaussian, correlated over `scale_km` within a profile."""
    noise = rng.standard_normal(len(alt_km))
    keep = np.exp(-np.abs(np.diff(alt_km)) / scale_km) * (np.diff(profile) == 0)
    for at, along in enumerate(keep, start=1):
        noise[at] = along * noise[at - 1] + np.sqrt(1.0 - along**2) * noise[at]
    return noise * sigma_log10_ne(alt_km)


def observe(truth: NatureRun, found: Occultations, seed=20190425) -> xr.Dataset:
    """Simulated observations of `truth` at the tangent points `found`, as `read_observations` gives real ones.

    Positions are rounded to 0.001°, and the truth is taken there. Points where it is below 10⁸ m⁻³ are left out.
    """
    lat, lon = np.round(found.lat, 3), wrap_longitude(np.round(found.lon, 3))
    hours = (found.time - np.datetime64(truth.background.start, "ms")) / np.timedelta64(1, "h")
    rng = np.random.default_rng([seed, 3])
    true = truth.log10_ne(lat, lon, found.alt_km, hours)
    values = {"lat": lat, "lon": lon, "alt_km": found.alt_km, "time": found.time, "profile": found.profile}
    values["log10_ne_m3"] = true + profile_noise(found.alt_km, found.profile, rng)
    values["sigma_log10_ne"] = sigma_log10_ne(found.alt_km)
    types, seen = {**COLUMN_TYPES, "sigma_log10_ne": np.float32}, true >= FAINTEST_LOG10_NE
    columns = {name: ("point", x[seen].astype(types[name]), VARIABLE_ATTRS[name]) for name, x in values.items()}
    coords = {name: columns.pop(name) for name in COORDINATES}
    counts = {"profiles": found.transmitter.size, "points_too_faint": int((~seen).sum())}
    return xr.Dataset(columns, coords, {"Conventions": "CF-1.11", **counts})


def _quadrature():
    """Levels [km] and weights [km] of Gauss-Legendre integration from 80 to 1000 km, in four pieces."""
    pieces = [(80.0, 130.0, 6), (130.0, 240.0, 8), (240.0, 480.0, 10), (480.0, ALT_RANGE_KM[1], 6)]
    rules = [(low, (high - low) / 2, *np.polynomial.legendre.leggauss(n)) for low, high, n in pieces]
    levels_km = np.concatenate([low + half * (1 + node) for low, half, node, _ in rules])
    return levels_km, np.concatenate([half * weight for _, half, _, weight in rules])


def _topside_km(log10_ne, levels_km):
    """TEC from 1000 to 2000 km over the highest level's density, `[N]` [km]: exponential, with its scale height."""
    fall = np.log(10) * (log10_ne[:, -2] - log10_ne[:, -1]) / (levels_km[-1] - levels_km[-2])
    scale_km = 1.0 / np.clip(fall, 1e-3, None)
    low, high = ALT_RANGE_KM[1] - levels_km[-1], TOP_KM - levels_km[-1]
    return scale_km * (np.exp(-low / scale_km) - np.exp(-high / scale_km))


def _on_grid(tec, lat, lon):
    """Maps [time, lat, lon] at the nodes, linear between those given, periodic in longitude."""
    first = tec.lon.values[0]
    maps = tec.vtec_tecu
    if tec.lon.values[-1] - first < 360.0:
        maps = xr.concat([maps, maps.isel(lon=0).assign_coords(lon=first + 360.0)], dim="lon")
    values = maps.transpose("time", "lat", "lon").interp(lat=lat, lon=first + (lon - first) % 360.0).values
    return np.maximum(values, 0.0)  # genuine maps hold a −0.1 here and there


def _round_the_globe(values):
    """Maps [time, lat, lon] with margins: meridians carried on across the poles, longitudes repeated."""
    half = values.shape[2] // 2
    turned = np.roll(values, half, axis=2)
    south, north = turned[:, _MARGIN:0:-1], turned[:, -2 : -_MARGIN - 2 : -1]
    whole = np.concatenate([south, values, north], axis=1)
    return np.concatenate([whole[:, :, -_MARGIN:], whole, whole[:, :, :_MARGIN]], axis=2)


def _smooth_step(x):
    x = np.clip(x, 0.0, 1.0)
    return x * x * (3.0 - 2.0 * x)
