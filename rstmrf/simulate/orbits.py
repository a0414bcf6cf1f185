"""Where and when a satellite sees GNSS satellites set and rise through the ionosphere: the geometry of occultations.

The receiver moves by SGP4 from its two-line elements. The transmitters are nominal: circular orbits in a Walker
pattern, with the planes and the height of the real system but not its actual places. Rays are straight, as they nearly
are above 100 km. The tangent point, the ray's lowest, stands for the profile's place: a profile drifts as it goes down.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int
from pyproj import Transformer

from rstmrf.background.abel import bearing_deg
from rstmrf.errors import InputError
from rstmrf.units import wrap_longitude

LEVELS_KM = np.arange(120.0, 501.0, 5.0)
STEP_S = 5.0
MAX_AZIMUTH_DEG = 45.0
GM_KM3_S2 = 398600.4418
UNIX_EPOCH_JD = 2440587.5


@dataclass(frozen=True)
class Walker:
    """A nominal constellation `inclination: satellites/planes/phasing` on circular orbits of `radius_km`."""

    name: str
    n_satellites: int
    n_planes: int
    phasing: int
    inclination_deg: float
    radius_km: float


#: height, planes and inclination of GPS; its true places are not evenly spaced
GPS = Walker("GPS-like 24/6/2", 24, 6, 2, 55.0, 26560.0)
#: the satellites of BeiDou in middle orbits, which GNOS receives beside GPS
BEIDOU = Walker("BeiDou-MEO-like 24/3/1", 24, 3, 1, 55.0, 27906.0)


class Occultations(NamedTuple):
    """Tangent points of whole passes through `LEVELS_KM`, profile by profile, the order of levels that of time.

    `lat`, `lon` [deg], `alt_km` [km], `time` [datetime64[ms], UTC], `profile` (0, 1, … by time) and `azimuth_deg`, at
    which the tangent point sees the receiver, are `[N]`; `transmitter` `[profiles]` numbers the GNSS satellite.
    """

    lat: Float[np.ndarray, " n"]
    lon: Float[np.ndarray, " n"]
    alt_km: Float[np.ndarray, " n"]
    time: np.ndarray
    profile: Int[np.ndarray, " n"]
    transmitter: Int[np.ndarray, " p"]
    azimuth_deg: Float[np.ndarray, " n"]


def occultations(tle, start, end, constellation=GPS, max_azimuth_deg=MAX_AZIMUTH_DEG) -> Occultations:
    """Occultations from `start` to `end` (UTC) of a receiver with two-line elements `tle` (two lines of text).

    Antennas look fore and aft: rays within `max_azimuth_deg` of the velocity, or of its opposite, are received. An
    occultation is one pass of the tangent height through all of `LEVELS_KM`, up or down, without turning back.

    Raises InputError: the elements cannot be used, or the period is empty.
    """
    time_s = _seconds(start, end)
    receiver, velocity = receiver_orbit(tle, time_s)
    passes = []
    for number in range(constellation.n_satellites):
        transmitter = walker_orbit(constellation, number, time_s)
        tangent, seen = tangent_points(receiver, velocity, transmitter, max_azimuth_deg)
        lat, lon, alt_km = geodetic(earth_fixed(tangent, time_s))
        passes += [(*found, number) for found in _passes(time_s, lat, lon, alt_km, seen)]
    if not passes:
        raise InputError(f"no occultation between {start} and {end}; a period of some hours is needed")
    return _join(sorted(passes, key=lambda one: (one[0][0], one[-1])), tle)


def ray_azimuth_deg(tle, lat, lon, time) -> Float[np.ndarray, " n"]:
    """Azimuth [deg east of north] at which tangent points `[N]` see the receiver of elements `tle` at `time`."""
    seconds = time.astype("M8[ms]").astype(np.int64) / 1e3
    return bearing_deg(lat, lon, *geodetic(earth_fixed(receiver_orbit(tle, seconds)[0], seconds))[:2])


def receiver_orbit(tle, time_s) -> tuple[np.ndarray, np.ndarray]:
    """Position [km] and velocity [km/s] in the inertial frame TEME, `[T, 3]`, at `time_s` (Unix seconds), by SGP4.

    Raises InputError: elements that SGP4 cannot use. The package `sgp4` comes with `pip install rstmrf[sample]`.
    """
    from sgp4.api import Satrec

    try:
        satellite = Satrec.twoline2rv(*tle)
    except (ValueError, TypeError) as error:
        raise InputError(
            f"two-line elements {tle!r} cannot be read ({error}); two lines of 69 characters are"
        ) from error
    days = time_s / 86400.0
    whole = np.floor(days)
    errors, position, velocity = satellite.sgp4_array(whole + UNIX_EPOCH_JD, days - whole)
    if errors.any():
        raise InputError(f"SGP4 gives error {errors[errors > 0][0]} with the elements of satellite {satellite.satnum}")
    return position, velocity


def walker_orbit(constellation: Walker, number: int, time_s) -> np.ndarray:
    """Inertial position [km], `[T, 3]`, of satellite `number` at `time_s`; satellite 0 begins at the equator."""
    per_plane = constellation.n_satellites // constellation.n_planes
    plane, place = divmod(number, per_plane)
    node = 2 * np.pi * plane / constellation.n_planes
    phase = 2 * np.pi * (place / per_plane + constellation.phasing * plane / constellation.n_satellites)
    motion = np.sqrt(GM_KM3_S2 / constellation.radius_km**3)
    angle, tilt = phase + motion * np.asarray(time_s), np.deg2rad(constellation.inclination_deg)
    along, across = np.cos(angle), np.sin(angle)
    x = along * np.cos(node) - across * np.cos(tilt) * np.sin(node)
    y = along * np.sin(node) + across * np.cos(tilt) * np.cos(node)
    return constellation.radius_km * np.stack([x, y, across * np.sin(tilt)], axis=1)


def tangent_points(receiver, velocity, transmitter, max_azimuth_deg=MAX_AZIMUTH_DEG):
    """Points of straight rays nearest to the Earth's centre [km], `[T, 3]`, and whether each ray is received, `[T]`.

    Received is a ray whose tangent point lies between the two satellites (so the elevation is negative) and whose
    azimuth at the receiver is within `max_azimuth_deg` of the velocity's or of the opposite.
    """
    ray = transmitter - receiver
    share = -_dot(receiver, ray) / _dot(ray, ray)
    up = receiver / np.linalg.norm(receiver, axis=1, keepdims=True)
    ahead = velocity - _dot(velocity, up)[:, None] * up
    towards = ray - _dot(ray, up)[:, None] * up
    cosine = _dot(ahead, towards) / np.linalg.norm(ahead, axis=1) / np.linalg.norm(towards, axis=1)
    seen = (share > 0) & (share < 1) & (np.abs(cosine) >= np.cos(np.deg2rad(max_azimuth_deg)))
    return receiver + share[:, None] * ray, seen


def geodetic(position_km) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Geodetic latitude, longitude [deg] and height [km] above WGS84 of Earth-fixed positions `[T, 3]`."""
    x, y, z = 1e3 * np.asarray(position_km).T
    lon, lat, height_m = Transformer.from_crs("EPSG:4978", "EPSG:4979", always_xy=True).transform(x, y, z)
    return lat, wrap_longitude(lon), height_m / 1e3


def sidereal_angle(time_s):
    """Greenwich mean sidereal time [rad] at `time_s` (Unix seconds); UTC serves for UT1, 15 arc seconds at most off."""
    centuries = (np.asarray(time_s) / 86400.0 + UNIX_EPOCH_JD - 2451545.0) / 36525.0
    seconds = 67310.54841 + (876600 * 3600 + 8640184.812866) * centuries + 0.093104 * centuries**2
    return np.deg2rad(seconds % 86400.0 / 240.0)


def read_tle(path, name=None) -> tuple[str, str]:
    """The two lines of elements in a file, or those under the heading `name`; lines that begin with # are passed over.

    Raises InputError: no such elements.
    """
    lines = [line.rstrip() for line in Path(path).read_text(encoding="ascii").splitlines() if line[:1] not in ("", "#")]
    for at, line in enumerate(lines[:-1]):
        if line.startswith("1 ") and lines[at + 1].startswith("2 ") and (name is None or lines[at - 1].strip() == name):
            return line, lines[at + 1]
    raise InputError(f"{path}: no two-line elements{f' of {name}' if name else ''} found")


def _seconds(start, end):
    first, last = (np.datetime64(time, "s").astype(np.int64) for time in (start, end))
    if not first < last:
        raise InputError(f"the period starts {start} and ends {end}; an end after the start is needed")
    return np.arange(first, last + 0.5, STEP_S)


def earth_fixed(position_km, time_s):
    angle = sidereal_angle(time_s)
    x, y, z = position_km.T
    return np.stack([x * np.cos(angle) + y * np.sin(angle), y * np.cos(angle) - x * np.sin(angle), z], axis=1)


def _passes(time_s, lat, lon, alt_km, seen):
    """Whole passes through all levels: (time, lat, lon, alt) at each level, in order of time."""
    rising = np.diff(alt_km) > 0
    together = seen[1:] & seen[:-1]
    breaks = np.flatnonzero((rising[1:] != rising[:-1]) | (together[1:] != together[:-1])) + 1
    for run in np.split(np.arange(rising.size), breaks):
        steps = np.append(run, run[-1] + 1)
        heights = alt_km[steps]
        if not together[run[0]] or heights.min() > LEVELS_KM[0] or heights.max() < LEVELS_KM[-1]:
            continue
        levels = LEVELS_KM if heights[-1] > heights[0] else LEVELS_KM[::-1]
        order = np.argsort(heights)
        at_s = np.interp(levels, heights[order], time_s[steps][order])
        east = np.interp(at_s, time_s[steps], np.unwrap(lon[steps], period=360.0))
        yield at_s, np.interp(at_s, time_s[steps], lat[steps]), wrap_longitude(east), levels


def _join(passes, tle) -> Occultations:
    time, lat, lon, alt_km = (np.concatenate([one[part] for one in passes]) for part in range(4))
    profile = np.repeat(np.arange(len(passes)), LEVELS_KM.size)
    time = np.round(time * 1e3).astype("datetime64[ms]")
    transmitter = np.array([one[-1] for one in passes])
    return Occultations(lat, lon, alt_km, time, profile, transmitter, ray_azimuth_deg(tle, lat, lon, time))


def _dot(a, b):
    return np.einsum("ij,ij->i", a, b)
