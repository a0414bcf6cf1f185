"""Where the Sun stands, hour by hour."""

from datetime import date

import numpy as np

from rstmrf.units import wrap_longitude


def sun_position(start: date, hours: np.ndarray) -> np.ndarray:
    """Sine and cosine of declination and the equation of time [deg], `[T, 3]`: low-precision solar position.

    Source: the Astronomical Almanac's formula as PyIRI uses it.
    """
    century = (start.toordinal() + 1721424.5 - 2451545.0 + hours / 24.0) / 36525.0
    anomaly = np.deg2rad(357.527723 + 35999.05034 * century)
    mean_longitude = 280.460 + 36000.771 * century
    ecliptic = np.deg2rad(mean_longitude + 1.914666471 * np.sin(anomaly) + 0.01999464 * np.sin(2 * anomaly))
    tilt = np.deg2rad(23.439291 - 0.0130042 * century)
    sine = np.sin(tilt) * np.sin(ecliptic)
    right_ascension = np.rad2deg(np.arctan2(np.cos(tilt) * np.sin(ecliptic), np.cos(ecliptic)))
    sidereal_s = 67310.54841 + (876600.0 * 3600.0 + 8640184.812866) * century + 0.93104 * century**2
    equation = wrap_longitude(sidereal_s % 86400.0 / 240.0 - right_ascension - 15.0 * (hours % 24.0) + 180.0)
    return np.stack([sine, np.sqrt(1 - sine**2), equation], axis=1)
