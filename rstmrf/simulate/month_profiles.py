"""Occultations of the month with known truth: where FY-3D passes, what Abel inversion and noise leave of the truth."""

from pathlib import Path
from typing import NamedTuple

import numpy as np
import xarray as xr
from jaxtyping import Float
from scipy.interpolate import make_interp_spline

from rstmrf.background import abel
from rstmrf.errors import InputError
from rstmrf.readers.observations import COORDINATES, VARIABLE_ATTRS
from rstmrf.readers.point_tables import COLUMN_TYPES, OPTIONAL_TYPES
from rstmrf.simulate.month import N_HOURS, SEED, START
from rstmrf.simulate.nature import Truth
from rstmrf.simulate.orbits import BEIDOU, GPS, LEVELS_KM, occultations, ray_azimuth_deg, read_tle
from rstmrf.simulate.sample_run import sigma_log10_ne
from rstmrf.units import hours_since, local_time_hours, wrap_longitude

TLE_FILE = Path(__file__).parent / "files" / "fy3d_2024.tle"
#: steps of altitude [km] from the coarsest; the first that gives the points asked for is taken
ALT_STEPS_KM = (10.0, 5.0, 2.0, 1.0, 0.5)
KEPT_SHARE = 0.81  # of the points, by quality control
SLANT_NOISE_TECU = 0.3
NOISE_KM, DAY_ONLY_BELOW_KM, LOWEST_SUN_ZENITH_DEG, FAINTEST_SHARE = 20.0, 240.0, 75.0, 0.05


class Tracks(NamedTuple):
    """Tangent points of whole profiles, `[profile, level]`, levels upwards, and the azimuth of their rays [deg]."""

    lat: Float[np.ndarray, "p level"]
    lon: Float[np.ndarray, "p level"]
    time: np.ndarray
    alt_km: Float[np.ndarray, " level"]
    azimuth_deg: Float[np.ndarray, " p"]

    def select(self, rows) -> "Tracks":
        """Some of the profiles."""
        return self._replace(**{n: getattr(self, n)[rows] for n in ("lat", "lon", "time", "azimuth_deg")})


def tracks(n_points: int, seed=SEED, n_hours=N_HOURS, start=START) -> Tracks:
    """Occultations of FY-3D with GPS and BeiDou that give about `n_points`: profiles drawn from all, one altitude step.

    The step is the first of `ALT_STEPS_KM` with which there are profiles enough; all levels lie from 120 to 500 km.

    Raises InputError: more points than all profiles have at the finest step.
    """
    end, tle = start + np.timedelta64(n_hours * 3600 - 1, "s"), read_tle(TLE_FILE)
    both = [occultations(tle, start, end, constellation) for constellation in (GPS, BEIDOU)]
    whole = [_upwards(found) for found in both]
    lat, lon, time = (np.concatenate(parts) for parts in zip(*whole, strict=True))
    sizes = [round((LEVELS_KM[-1] - LEVELS_KM[0]) / step) + 1 for step in ALT_STEPS_KM]
    enough = [k for k, size in enumerate(sizes) if KEPT_SHARE * size * len(lat) >= n_points]
    if not enough:
        raise InputError(
            f"points={n_points}: {len(lat)} profiles at {ALT_STEPS_KM[-1]:g} km give "
            f"{KEPT_SHARE * sizes[-1] * len(lat):.0f} at most"
        )
    levels = np.linspace(LEVELS_KM[0], LEVELS_KM[-1], sizes[enough[0]])
    n_profiles = max(1, round(n_points / levels.size / KEPT_SHARE))
    chosen = np.random.default_rng([seed, 200]).permutation(len(lat))[:n_profiles]
    chosen = chosen[np.argsort(time[chosen, 0], kind="stable")]
    lat, lon, time = lat[chosen], lon[chosen], time[chosen]
    middle = int(np.searchsorted(LEVELS_KM, 300.0))
    azimuth = ray_azimuth_deg(tle, lat[:, middle], lon[:, middle], time[:, middle])
    return Tracks(*_at_levels(lat, lon, time, levels), levels, azimuth)


def observe(truth: Truth, found: Tracks, first_profile=0, seed=SEED) -> xr.Dataset:
    """Simulated observations of `truth`, as `read_observations` gives real ones, with `true_log10_ne_m3` beside them.

    The inversion's error goes with the density of the peak, so points that it drowns are left out, and counted: those
    below `DAY_ONLY_BELOW_KM` where the Sun stands low or has set, and those whose observed density is negative or less
    than `FAINTEST_SHARE` of their profile's highest. No quality control sees the truth. `sigma_log10_ne` is what a
    provider would state: noise and the usual error of inversion at an altitude.
    """
    rng = np.random.default_rng([seed, 300, first_profile])
    shape = found.lat.shape
    lat, lon = np.round(found.lat, 3), wrap_longitude(np.round(found.lon, 3))
    start = np.datetime64(str(truth.background.start), "ms")
    hours = hours_since(found.time, start)
    profile = np.repeat(np.arange(shape[0]) + first_profile, shape[1])
    alt_km = np.broadcast_to(found.alt_km, shape)
    true = _true_profiles(truth, lat, lon, found.alt_km, hours)
    curtain_m3 = _true_curtain_m3(truth, found)
    error = _abel_error_dex(curtain_m3, found.alt_km)
    observed = true + error + _noise(found.alt_km, shape[0], rng)
    dark = (alt_km < DAY_ONLY_BELOW_KM) & (
        _cos_zenith(lat, lon, hours, start) < np.cos(np.deg2rad(LOWEST_SUN_ZENITH_DEG))
    )
    threshold = np.nanmax(observed, axis=1, keepdims=True) + np.log10(FAINTEST_SHARE)
    faint = ~(observed >= threshold) & ~dark
    seen = ~(dark | faint).ravel()
    values = {"lat": lat, "lon": lon, "alt_km": alt_km, "time": found.time, "profile": profile}
    values |= {"log10_ne_m3": observed, "true_log10_ne_m3": true}
    values["sigma_log10_ne"] = np.broadcast_to(stated_sigma_dex(found.alt_km), shape)
    values["azimuth_deg"] = np.broadcast_to(found.azimuth_deg[:, None], shape)
    slant_rng = np.random.default_rng([seed, 400, first_profile])
    values["slant_tecu"] = _slant_tecu(curtain_m3, found.alt_km, slant_rng)
    types = {**COLUMN_TYPES, **OPTIONAL_TYPES, "true_log10_ne_m3": np.float32}
    long_names = {**VARIABLE_ATTRS, "true_log10_ne_m3": {"long_name": "simulated truth, for scoring", "units": "1"}}
    columns = {name: ("point", x.ravel()[seen].astype(types[name]), long_names[name]) for name, x in values.items()}
    coords = {name: columns.pop(name) for name in COORDINATES}
    counts = {"profiles": shape[0], "points_dark": int(dark.sum()), "points_faint": int(faint.sum())}
    attrs = {
        "Conventions": "CF-1.11",
        "title": f"Simulated FY-3D occultations of simulated electron density from {start.astype('M8[D]')} on",
        "source": "simulated: rstmrf.simulate.month, no measured density",
        "geometry": f"simulated: SGP4 with FY-3D elements of 2024-06-17, {GPS.name} and {BEIDOU.name}, straight rays",
        "error": "Abel inversion of slant TEC through a curtain of the truth; Gaussian noise of 0.03 dex from 200 km "
        f"on and 0.12 dex at 120 km, correlated over {NOISE_KM:g} km along a profile",
        "slant": f"true slant TEC of the ray below {abel.SHELLS_KM[-1]:g} km, noise of {SLANT_NOISE_TECU:g} TECU, "
        f"correlated over {NOISE_KM:g} km",
        "left_out": f"by night below {DAY_ONLY_BELOW_KM:g} km, and what is under {FAINTEST_SHARE:.0%} of the highest",
    }
    return xr.Dataset(columns, coords, attrs | counts)


def stated_sigma_dex(alt_km) -> np.ndarray:
    """Standard deviation [dex] stated with the observations: 0.05 from 300 km on, growing to 0.34 at 120 km."""
    return 0.05 * 6.8 ** np.clip((300.0 - np.asarray(alt_km, float)) / 180.0, 0.0, None)


def _true_profiles(truth, lat, lon, alt_km, hours):
    """True log10 density [profile, level]; levels closer than 5 km are splines between those of 5 km."""
    fine = alt_km[1] - alt_km[0] < LEVELS_KM[1] - LEVELS_KM[0]
    knots_km = LEVELS_KM if fine else alt_km
    at = [np.searchsorted(alt_km, knots_km)] if fine else [slice(None)]
    lat, lon, hours = (x[:, *at] for x in (lat, lon, hours))
    levels = np.broadcast_to(knots_km, lat.shape)
    true = truth.log10_ne(lat.ravel(), lon.ravel(), levels.ravel(), hours.ravel()).reshape(lat.shape)
    return make_interp_spline(knots_km, true, axis=1)(alt_km) if fine else true


def _true_curtain_m3(truth, found):
    """True density [m⁻³] in the plane of the rays, about the tangent point at 300 km."""
    middle = int(np.searchsorted(found.alt_km, abel.REFERENCE_KM))
    lat, lon = abel.curtain_places(found.lat[:, middle], found.lon[:, middle], found.azimuth_deg)
    start = np.datetime64(str(truth.background.start), "ms")
    hours = np.repeat(hours_since(found.time[:, middle], start), abel.COLUMNS_DEG.size)
    levels = np.broadcast_to(abel.SHELLS_KM, (hours.size, abel.SHELLS_KM.size))
    return 10.0 ** truth.columns(lat.ravel(), lon.ravel(), hours, levels).reshape(*lat.shape, -1)


def _abel_error_dex(curtain_m3, alt_km):
    """Error of the inversion [dex] at the levels, `[profile, level]`."""
    error = abel.inversion_error_dex(curtain_m3)
    profile, level = (x.ravel() for x in np.indices((len(error), alt_km.size)))
    return abel.at_altitudes(error, profile, alt_km[level]).reshape(len(error), -1)


def _slant_tecu(curtain_m3, alt_km, rng):
    """Slant TEC [TECU] of the rays `[profile, level]` below the highest shell, with noise along a profile."""
    rays = abel.CURTAIN.rays_km(alt_km).reshape(alt_km.size, -1)
    slant = curtain_m3.reshape(len(curtain_m3), -1) @ rays.T * abel.TECU_PER_M3_KM
    return slant + SLANT_NOISE_TECU * _correlated(alt_km, len(slant), rng)


def _noise(alt_km, n_profiles, rng):
    """Noise [dex] `[profile, level]`, strong below 200 km."""
    return _correlated(alt_km, n_profiles, rng) * sigma_log10_ne(alt_km)


def _correlated(alt_km, n_profiles, rng):
    """Gaussian noise of deviation 1, `[profile, level]`, correlated over `NOISE_KM` along a profile."""
    noise = rng.standard_normal((n_profiles, alt_km.size))
    along = np.exp(-np.diff(alt_km) / NOISE_KM)
    for level, keep in enumerate(along, start=1):
        noise[:, level] = keep * noise[:, level - 1] + np.sqrt(1.0 - keep**2) * noise[:, level]
    return noise


def _cos_zenith(lat, lon, hours, start):
    """Cosine of the Sun's zenith angle; the declination by the day of the year is good to half a degree."""
    day = (start - np.datetime64("2024-01-01")) / np.timedelta64(1, "D") + hours / 24.0
    tilt, lat = np.deg2rad(-23.44 * np.cos(2 * np.pi * (day + 10.0) / 365.25)), np.deg2rad(lat)
    angle = np.deg2rad(15.0 * (local_time_hours(hours, lon) - 12.0))
    return np.sin(lat) * np.sin(tilt) + np.cos(lat) * np.cos(tilt) * np.cos(angle)


def _upwards(found):
    """Latitude, longitude and time `[profile, level]`, lowest level first."""
    parts = [x.reshape(-1, LEVELS_KM.size) for x in (found.lat, found.lon, found.time)]
    falls = found.alt_km.reshape(-1, LEVELS_KM.size)[:, 0] > LEVELS_KM[0]
    return [np.where(falls[:, None], x[:, ::-1], x) for x in parts]


def _at_levels(lat, lon, time, levels):
    """Tangent points at other levels, linear between the 5 km of the geometry."""
    at = (levels - LEVELS_KM[0]) / (LEVELS_KM[1] - LEVELS_KM[0])
    left = np.clip(at.astype(int), 0, LEVELS_KM.size - 2)
    share = at - left
    lon = np.unwrap(lon, period=360.0, axis=1)
    lat, lon = ((1 - share) * x[:, left] + share * x[:, left + 1] for x in (lat, lon))
    ms = time.astype("M8[ms]").astype(np.int64)
    ms = np.rint((1 - share) * ms[:, left] + share * ms[:, left + 1]).astype(np.int64)
    return lat, wrap_longitude(lon), ms.astype("M8[ms]")
