"""A nature run, simulated electron density that follows real TEC maps, and the noise of simulated observations.

The truth is IRI, with three departures. (1) Its F region is scaled place by place and hour by hour, so that its VTEC
equals that of the maps, plus a smooth error as between analysis centres, less the plasmasphere. (2) Its peak height
is disturbed smoothly. (3) Smooth structure is added, whose TEC the scaling takes out again. So no model that is given
IRI and the maps can be right by construction. All of it is simulated, and follows from one seed.
"""

from pathlib import Path

import numpy as np
import xarray as xr

from rstmrf.background import IriBackground, vtec
from rstmrf.background.vtec import SCALE_LIMITS, plasmasphere_tecu
from rstmrf.errors import InputError
from rstmrf.readers.observations import COORDINATES, VARIABLE_ATTRS
from rstmrf.readers.point_tables import COLUMN_TYPES, OPTIONAL_TYPES
from rstmrf.simulate import nature
from rstmrf.simulate.nature import LAT, LON, Scaling, Truth, shift_weight
from rstmrf.simulate.orbits import Occultations
from rstmrf.simulate.smooth_fields import SmoothField
from rstmrf.units import wrap_longitude

__all__ = ["SCALE_LIMITS", "NatureRun", "SmoothField", "observe", "profile_noise", "sigma_log10_ne"]

TLE_FILE = Path(__file__).parent / "files" / "fy3d.tle"
CENTRE_ERROR_TECU, CENTRE_ERROR_KM, CENTRE_ERROR_HOURS = 1.5, 2500.0, 6.0
PEAK_HEIGHT_KM, PEAK_HEIGHT_SCALE_KM, PEAK_HEIGHT_HOURS = 15.0, 3000.0, 6.0
STRUCTURE_DEX, STRUCTURE_KM, STRUCTURE_ALT_KM, STRUCTURE_HOURS = 0.08, 2000.0, 100.0, 12.0
PLASMASPHERE_TECU = vtec.PLASMASPHERE_TECU
FAINTEST_LOG10_NE = 8.0  # PyIRI's night valley goes far below; no receiver resolves that, so it is not observed


class SmoothDepartures:
    """Peak heights and structure that wander smoothly; nothing of them is to be seen in TEC."""

    def __init__(self, seed):
        height, structure = (np.random.default_rng([seed, stream]) for stream in (1, 2))
        self.peak_shift = SmoothField(PEAK_HEIGHT_KM, PEAK_HEIGHT_SCALE_KM, PEAK_HEIGHT_HOURS, height, sun_fixed=True)
        self.structure = SmoothField(
            STRUCTURE_DEX, STRUCTURE_KM, STRUCTURE_HOURS, structure, STRUCTURE_ALT_KM, sun_fixed=True
        )

    def descent_km(self, lat, lon, hours, alt_km):
        return shift_weight(alt_km) * self.peak_shift(lat, lon, hours)[:, None]

    def hidden_dex(self, lat, lon, hours, alt_km):
        if (alt_km[0] == alt_km).all():
            return self.structure.columns(lat, lon, hours, alt_km[0])
        place = (np.broadcast_to(x[:, None], alt_km.shape) for x in (lat, lon, hours))
        return self.structure(*place, alt_km)

    def visible_dex(self, lat, lon, hours, alt_km):
        return np.zeros(alt_km.shape)


class NatureRun(Truth):
    """Simulated true density over the period of `tec`: IRI scaled to the maps, disturbed and structured, from one seed.

    Args:
        background: IRI for all days of the maps; hours count from its start.
        tec: Dataset of `vtec_tecu` (time, lat, lon) [TECU] from pole to pole, as `load_tec` or `fill_poles` give it.
        seed: of all random fields.

    `scaling` tells what the maps asked for. Raises InputError: maps that begin before the background or end after it.
    """

    def __init__(self, background: IriBackground, tec: xr.Dataset, seed=20190425):
        departures = SmoothDepartures(seed)
        centre = np.random.default_rng([seed, 0])
        self.centre_error = SmoothField(CENTRE_ERROR_TECU, CENTRE_ERROR_KM, CENTRE_ERROR_HOURS, centre)
        self.lat, self.lon = LAT, LON
        self.peak_shift, self.structure = departures.peak_shift, departures.structure
        self.hours = (tec.time.values - np.datetime64(background.start, "ns")) / np.timedelta64(1, "h")
        if self.hours[0] < 0 or self.hours[-1] > 24 * background.n_days:
            held = f"{self.hours[0]:g} to {self.hours[-1]:g} h"
            raise InputError(f"TEC maps hold {held}, the background 0 to {24 * background.n_days} h; give it all days")
        maps = _on_grid(tec, LAT, LON)
        super().__init__(background, departures, Scaling(self._fit(background, departures, maps), self.hours))

    @property
    def scale_dex(self):
        """Logarithm of the scaling on the inner grid, `[time, 73, 72]`."""
        return self.scaling.dex

    @property
    def clipped_share(self) -> float:
        """Share of area and time at which the scaling met its limits."""
        return self.scaling.clipped_share

    def _fit(self, background, departures, maps_tecu):
        """The scaling hour by hour."""
        lat, lon = (x.ravel() for x in np.meshgrid(LAT, LON, indexing="ij"))
        area, scales = np.cos(np.deg2rad(lat)), []
        levels = np.broadcast_to(vtec.LEVELS_KM, (lat.size, vtec.LEVELS_KM.size))
        for hour, values in zip(self.hours, maps_tecu, strict=True):
            hours = np.full(lat.size, hour)
            # Centres differ more where there is more TEC; the root keeps 1.5 TECU over the globe, and nights positive.
            growth = np.sqrt(values.ravel() / np.average(values.ravel(), weights=area))
            target = values.ravel() + growth * self.centre_error(lat, lon, hours) - plasmasphere_tecu(lat)
            unscaled = nature.unscaled_columns(background, departures, lat, lon, hours, levels)
            scales.append(nature.fit_scale(unscaled, target).reshape(LAT.size, LON.size))
        return np.stack(scales)


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
    values["sigma_log10_ne"], values["azimuth_deg"] = sigma_log10_ne(found.alt_km), found.azimuth_deg
    types, seen = {**COLUMN_TYPES, **OPTIONAL_TYPES}, true >= FAINTEST_LOG10_NE
    columns = {name: ("point", x[seen].astype(types[name]), VARIABLE_ATTRS[name]) for name, x in values.items()}
    coords = {name: columns.pop(name) for name in COORDINATES}
    counts = {"profiles": found.transmitter.size, "points_too_faint": int((~seen).sum())}
    return xr.Dataset(columns, coords, {"Conventions": "CF-1.11", **counts})


def _on_grid(tec, lat, lon):
    """Maps [time, lat, lon] at the nodes, linear between those given, periodic in longitude."""
    first = tec.lon.values[0]
    maps = tec.vtec_tecu
    if tec.lon.values[-1] - first < 360.0:
        maps = xr.concat([maps, maps.isel(lon=0).assign_coords(lon=first + 360.0)], dim="lon")
    values = maps.transpose("time", "lat", "lon").interp(lat=lat, lon=first + (lon - first) % 360.0).values
    return np.maximum(values, 0.0)  # genuine maps hold a −0.1 here and there
