"""A month of simulated weather: how the truth of September 2024 departs from IRI, driven by the real Kp and F10.7.

Simple shapes with the signs, places and delays of the literature. Geomagnetic storms: a positive phase by day at
middle latitudes within hours, and a negative one, from changed composition, half a day later from high latitudes down
(Mendillo 2006, doi:10.1029/2005RG000193; Araujo-Pradere et al. 2002, doi:10.1029/2001RS002467); crests of the
equatorial anomaly grow with a penetrating field and shrink with the disturbance dynamo. Large-scale travelling
disturbances run from the auroral zones to the equator (Hocke and Schlegel 1996, doi:10.1007/s00585-996-0917-6). The
crests are four-fold in longitude (Immel et al. 2006, doi:10.1029/2006GL026161) and change from day to day.
"""

import copy

import numpy as np
from jaxtyping import Float

from rstmrf.background.dip import dip_latitude
from rstmrf.background.vtec import scaling_weight, smooth_step
from rstmrf.simulate.nature import shift_weight
from rstmrf.simulate.smooth_fields import SmoothField
from rstmrf.units import local_time_hours

#: ap of each third of Kp, 0o to 9o (the definition of ap)
AP_OF_KP_THIRDS = (0, 2, 3, 4, 5, 6, 7, 9, 12, 15, 18, 22, 27, 32, 39, 48, 56, 67, 80, 94, 111, 132, 154, 179, 207)
AP_OF_KP_THIRDS += (236, 300, 400)
QUIET_AP, AP_KP7 = 12.0, 132.0
FAST_HOURS, SLOW_HOURS, SLOW_DELAY_HOURS = 3.0, 15.0, 7.0
POSITIVE_DEX, NEGATIVE_DEX, FOUNTAIN_DEX, DYNAMO_DEX = 0.22, 0.40, 0.15, 0.20
UPLIFT_KM, STORM_WIDENING = 40.0, 0.05
TID_QUIET_DEX, TID_STORM_DEX, TID_KM, TID_PERIOD_HOURS, TID_VERTICAL_KM = 0.02, 0.06, 2200.0, 1.2, 400.0
AURORAL_ZONE_DEG, TID_REACH_KM, KM_PER_DEG = 68.0, 5000.0, 111.2
SOLAR_EXPONENT, SOLAR_DELAY_HOURS = 0.6, 36.0
CREST_DEX, WAVE_FOUR_DEX = 0.07, 0.08
STRETCH_ABOUT_KM, LARGEST_SHIFT_KM = 300.0, 60.0
#: what of the weather a constant map of local time and place can hold, what it takes to know the day, what TEC hides
CONSTANT_FIELDS = ("climate", "height_climate")
DAY_FIELDS = ("of_the_day", "of_the_place", "crest")
FIELDS = (*CONSTANT_FIELDS, *DAY_FIELDS, "height_of_the_day", "widening", "structure")
_FIELD = {"n_waves": 64, "dtype": np.float32}


class Drive:
    """What Kp and F10.7 do, hour by hour: prompt and delayed storm drive (1 at a lasting Kp of 7), and solar flux.

    Args:
        indices: hourly `kp`, `f107_sfu` and `f107_81d_sfu`, three days or more before `start` too.
        start: time zero of the hours asked for.
    """

    def __init__(self, indices, start):
        self._hours = (indices.time.values - np.datetime64(start, "ns")) / np.timedelta64(1, "h") + 0.5
        excess = np.clip(ap_from_kp(indices.kp.values) - QUIET_AP, 0.0, None) / (AP_KP7 - QUIET_AP)
        self._fast, self._slow = _relaxed(excess, FAST_HOURS), _relaxed(excess, SLOW_HOURS)
        self._solar = _relaxed(np.log10(indices.f107_sfu.values / indices.f107_81d_sfu.values), SOLAR_DELAY_HOURS)

    def fast(self, hours):
        """Prompt drive at times [h]."""
        return np.interp(hours, self._hours, self._fast)

    def slow(self, hours):
        """Delayed drive at times [h]."""
        return np.interp(np.asarray(hours) - SLOW_DELAY_HOURS, self._hours, self._slow)

    def solar_dex(self, hours):
        """Log10 of F10.7 over its 81-day mean, as the ionosphere answers it, at times [h]."""
        return np.interp(hours, self._hours, self._solar)


class Weather:
    """Departures from IRI (see `rstmrf.simulate.nature`) of a month; deterministic but for its seed.

    Args:
        drive: of Kp and F10.7.
        year: of the magnetic field.
        seed: of the random fields.
        visible, hidden: factors of all that TEC shows, and of the waves at fixed TEC.
    """

    def __init__(self, drive: Drive, year: int, seed=20240901, visible=1.0, hidden=1.0):
        self.drive, self.year, self.factor = drive, year, visible
        rng = [np.random.default_rng([seed, stream]) for stream in range(8)]
        always = np.inf
        self.climate = SmoothField(0.07, 3500.0, always, rng[0], sun_fixed=True, **_FIELD)
        self.of_the_day = SmoothField(0.08, 2500.0, 14.0, rng[1], sun_fixed=True, **_FIELD)
        self.of_the_place = SmoothField(0.05, 2000.0, 30.0, rng[2], **_FIELD)
        self.crest = SmoothField(CREST_DEX, 6000.0, 20.0, rng[3], sun_fixed=True, **_FIELD)
        self.height_climate = SmoothField(15.0, 4000.0, always, rng[4], sun_fixed=True, **_FIELD)
        self.height_of_the_day = SmoothField(17.0, 2500.0, 10.0, rng[5], sun_fixed=True, **_FIELD)
        self.widening = SmoothField(0.10, 3000.0, 16.0, rng[6], sun_fixed=True, **_FIELD)
        self.structure = SmoothField(0.11 * hidden, 2000.0, 12.0, rng[7], alt_scale_km=100.0, sun_fixed=True, **_FIELD)

    def only(self, *fields: str) -> "Weather":
        """The same weather with some of its random fields (`FIELDS`) and no others; storms, flux and waves stay."""
        other = copy.copy(self)
        for name in set(FIELDS) - set(fields):
            setattr(other, name, getattr(self, name).scaled(0.0))
        return other

    def descent_km(self, lat, lon, hours, alt_km) -> Float[np.ndarray, "n level"]:
        """How far the layer is lifted [km] at altitudes `[N, level]`, stretched about 300 km."""
        sun, dip = _daylight(hours, lon), dip_latitude(lat, lon, self.year)
        fast, slow = self.drive.fast(hours), self.drive.slow(hours)
        storm = UPLIFT_KM * (fast * sun * _bell(np.abs(dip), 40.0, 20.0) + 0.5 * slow * smooth_step(np.abs(dip) / 50))
        lift = storm + self.height_climate(lat, lon, hours) + self.height_of_the_day(lat, lon, hours)
        widening = self.widening(lat, lon, hours) + STORM_WIDENING * slow
        lift = LARGEST_SHIFT_KM * np.tanh(lift / LARGEST_SHIFT_KM)  # so that no altitude is passed twice
        stretch = widening[:, None] * (alt_km - STRETCH_ABOUT_KM) * smooth_step((alt_km - 200.0) / 150.0)
        return shift_weight(alt_km) * lift[:, None] + stretch

    def hidden_dex(self, lat, lon, hours, alt_km) -> Float[np.ndarray, "n level"]:
        """Waves [dex] at fixed TEC, `[N, level]`."""
        if (alt_km[0] == alt_km).all():
            return self.structure.columns(lat, lon, hours, alt_km[0])
        place = (np.broadcast_to(x[:, None], alt_km.shape) for x in (lat, lon, hours))
        return self.structure(*place, alt_km)

    def visible_dex(self, lat, lon, hours, alt_km) -> Float[np.ndarray, "n level"]:
        """What TEC shows [dex], `[N, level]`: storms, flux, crests and weather of the F region, a travelling wave."""
        dip = dip_latitude(lat, lon, self.year)
        whole = self.storm_dex(lat, lon, hours, dip) + self.crest_dex(lat, lon, hours, dip)
        whole = whole + self.climate(lat, lon, hours) + self.of_the_day(lat, lon, hours)
        whole = whole + self.of_the_place(lat, lon, hours)
        whole = whole + SOLAR_EXPONENT * self.drive.solar_dex(hours) * (0.4 + 0.6 * _daylight(hours, lon))
        whole = whole[:, None] + self.travelling_dex(lat, lon, hours, alt_km, dip)
        return self.factor * scaling_weight(alt_km) * whole

    def storm_dex(self, lat, lon, hours, dip) -> Float[np.ndarray, " n"]:
        """Positive phase by day at middle latitudes, negative phase from high latitudes on, strongest before dawn."""
        fast, slow, away = self.drive.fast(hours), self.drive.slow(hours), np.abs(dip)
        positive = POSITIVE_DEX * fast * _daylight(hours, lon) * _bell(away, 38.0, 15.0)
        morning = 0.5 + 0.5 * np.cos(2 * np.pi * (local_time_hours(hours, lon) - 5.0) / 24.0)
        negative = NEGATIVE_DEX * slow * smooth_step((away - 30.0) / 30.0) * (0.4 + 0.6 * morning)
        fountain = (FOUNTAIN_DEX * fast - DYNAMO_DEX * slow) * anomaly_shape(dip, local_time_hours(hours, lon))
        return positive - negative + fountain

    def crest_dex(self, lat, lon, hours, dip) -> Float[np.ndarray, " n"]:
        """What IRI's equatorial anomaly lacks: four maxima in longitude, and a strength that changes with the day."""
        fourfold = WAVE_FOUR_DEX * np.cos(np.deg2rad(4.0 * (np.asarray(lon) - 15.0)))
        shape = anomaly_shape(dip, local_time_hours(hours, lon))
        return shape * (fourfold + self.crest(np.zeros_like(dip), lon, hours))

    def travelling_dex(self, lat, lon, hours, alt_km, dip) -> Float[np.ndarray, "n level"]:
        """A wave from each auroral zone to the equator, its phase leaning with height; stronger with the storm."""
        ran_km = (AURORAL_ZONE_DEG - np.abs(dip)) * KM_PER_DEG
        left = hours - np.clip(ran_km, 0.0, None) * TID_PERIOD_HOURS / TID_KM  # when it left the auroral zone
        strength = (TID_QUIET_DEX + TID_STORM_DEX * self.drive.fast(left)) * np.exp(-np.abs(ran_km) / TID_REACH_KM)
        phase = 2 * np.pi * (ran_km / TID_KM - hours / TID_PERIOD_HOURS)
        lean = 2 * np.pi * (alt_km - STRETCH_ABOUT_KM) / TID_VERTICAL_KM
        # North and south differ in phase, and meet at the equator where both are faint.
        return strength[:, None] * np.tanh(dip / 10.0)[:, None] * np.cos(phase[:, None] + lean)


def ap_from_kp(kp) -> np.ndarray:
    """The index ap [2 nT] that belongs to Kp, given in thirds as 0.333 or 0.3."""
    return np.array(AP_OF_KP_THIRDS, float)[np.rint(np.asarray(kp) * 3).astype(int)]


def anomaly_shape(dip, local_time) -> np.ndarray:
    """Two crests (1) about dip latitudes of 16° with a trough (−0.6) between them, from noon to midnight."""
    window = np.clip(np.cos(2 * np.pi * (local_time - 18.0) / 24.0), 0.0, None)
    return window * (_bell(np.abs(dip), 16.0, 6.0) - 0.6 * _bell(dip, 0.0, 6.0))


def _daylight(hours, lon):
    """1 at 14 h local time, 0 at 2 h."""
    return 0.5 + 0.5 * np.cos(2 * np.pi * (local_time_hours(hours, lon) - 14.0) / 24.0)


def _bell(x, centre, width):
    return np.exp(-(((x - centre) / width) ** 2))


def _relaxed(values, hours):
    """Hourly values followed with a lag: the response to each decays over so many hours."""
    keep, out, state = np.exp(-1.0 / hours), np.empty(len(values)), float(values[0])
    for at, value in enumerate(values):
        state = keep * state + (1.0 - keep) * value
        out[at] = state
    return out
