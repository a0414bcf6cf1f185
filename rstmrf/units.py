"""Units and wraps that every part shares: density, longitude, local time, metres to a degree."""

import numpy as np

EARTH_RADIUS_KM = 6371.0
#: mixed frequency-density constant of IRI and PyIRI: N [m⁻³] = 1.24e10 · f² [MHz²]
NE_PER_MHZ2 = 1.24e10


def wrap_longitude(lon_deg):
    """Bring longitudes [deg], of any shape, to [-180, 180)."""
    return (lon_deg + 180.0) % 360.0 - 180.0


def local_time_hours(ut_hours, lon_deg):
    """Mean solar local time [h, 0 to 24) from universal time [h] and longitude [deg]."""
    return (ut_hours + lon_deg / 15.0) % 24.0


def ne_from_log10(log10_ne_m3):
    """Density [m⁻³] from its decimal logarithm."""
    return 10.0**log10_ne_m3


def critical_frequency_mhz(ne_m3):
    """Plasma frequency [MHz] of a density [m⁻³]; at a layer's peak, its critical frequency."""
    return np.sqrt(np.asarray(ne_m3) / NE_PER_MHZ2)


def hours_since(time, start):
    """Hours [float64] from `start` to `time`, both datetime64 of any resolution."""
    return (np.asarray(time) - np.datetime64(start)) / np.timedelta64(1, "h")
