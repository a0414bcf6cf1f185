"""Random smooth fields over the globe, time and altitude, that can be asked at any point."""

import copy

import numpy as np
from jaxtyping import Float

from rstmrf.units import EARTH_RADIUS_KM


class SmoothField:
    """A random, smooth field of mean 0 and deviation `rms` over the globe, time and, given `alt_scale_km`, altitude.

    A sum of plane waves through the Earth (random Fourier features), so its correlation falls as a Gaussian of the
    distance [km], the time [h] and the height. With `sun_fixed` the pattern stays under the Sun while the Earth turns;
    an infinite `scale_hours` makes it stay for ever. `dtype=np.float32` halves the time at an error of 1e-4.
    """

    def __init__(
        self, rms, scale_km, scale_hours, rng, alt_scale_km=None, sun_fixed=False, n_waves=128, dtype=np.float64
    ):
        self.sun_fixed, self._amplitude, self._dtype = sun_fixed, rms * np.sqrt(2.0 / n_waves), dtype
        self._space = rng.standard_normal((3, n_waves)) * EARTH_RADIUS_KM / scale_km
        self._time = rng.standard_normal(n_waves) / scale_hours
        self._height = rng.standard_normal(n_waves) / alt_scale_km if alt_scale_km else np.zeros(n_waves)
        self._phase = rng.uniform(0.0, 2 * np.pi, n_waves)

    def __call__(self, lat, lon, hours, alt_km=0.0) -> np.ndarray:
        """Values at places [deg], times [h] and altitudes [km] of one shape `[N]`."""
        phase = self._phases(lat, lon, hours) + np.multiply.outer(alt_km, self._height).astype(self._dtype)
        return self._amplitude * np.cos(phase).sum(-1)

    def scaled(self, factor: float) -> "SmoothField":
        """The same field, so many times as strong."""
        other = copy.copy(self)
        other._amplitude = factor * self._amplitude
        return other

    def columns(self, lat, lon, hours, levels_km) -> Float[np.ndarray, "n level"]:
        """Values at all `levels_km` above each place `[N]`."""
        phase, rise = self._phases(lat, lon, hours), np.multiply.outer(self._height, levels_km).astype(self._dtype)
        return self._amplitude * (np.cos(phase) @ np.cos(rise) - np.sin(phase) @ np.sin(rise))

    def _phases(self, lat, lon, hours):
        lat, lon, hours = np.broadcast_arrays(*(np.asarray(x, float) for x in (lat, lon, hours)))
        lat, lon = np.deg2rad(lat), np.deg2rad(lon + 15.0 * hours * self.sun_fixed)
        unit = np.stack([np.cos(lat) * np.cos(lon), np.cos(lat) * np.sin(lon), np.sin(lat)], axis=-1)
        return (unit @ self._space + np.multiply.outer(hours, self._time) + self._phase).astype(self._dtype)
