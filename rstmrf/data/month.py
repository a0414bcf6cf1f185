"""The month with known truth: September 2024, 720 h, real Kp and F10.7, everything else simulated.

The truth is IRI under the weather of `rstmrf.data.weather`; what it hides from TEC (peak height, thickness, waves at
fixed TEC) is scaled back place by place to the TEC that IRI itself has. Its maps are those of two analysis centres that
differ by a smooth error each; its profiles are occultations of FY-3D, with the error of their Abel inversion and noise.
`scripts/make_month.py` writes it. Nothing that is measured on it is skill on the real ionosphere.
"""

from typing import NamedTuple

import numpy as np
import xarray as xr
from jaxtyping import Float
from scipy.ndimage import gaussian_filter

from rstmrf.background import IriBackground
from rstmrf.data import abel, nature
from rstmrf.data.nature import LAT, LON, Scaling, Truth, plasmasphere_tecu
from rstmrf.data.observations import COORDINATES, VARIABLE_ATTRS
from rstmrf.data.orbits import (
    BEIDOU,
    GPS,
    LEVELS_KM,
    earth_fixed,
    geodetic,
    occultations,
    read_tle,
    receiver_orbit,
)
from rstmrf.data.point_tables import COLUMN_TYPES
from rstmrf.data.sample import FOLDER
from rstmrf.data.simulate import FAINTEST_LOG10_NE, sigma_log10_ne
from rstmrf.data.smooth_fields import SmoothField
from rstmrf.data.tec_maps import tec_dataset
from rstmrf.data.weather import Drive, Weather
from rstmrf.errors import InputError
from rstmrf.units import hours_since, wrap_longitude

START, N_DAYS, SEED = np.datetime64("2024-09-01T00", "ns"), 30, 20240901
N_HOURS = 24 * N_DAYS
INDICES_FILE, TLE_FILE = FOLDER / "month_indices.csv", FOLDER / "fy3d_2024.tle"
INDICES_PERIOD = ("2024-08-20T00", "2024-10-01T23")
CENTRE_ERROR_TECU, CENTRE_ERROR_KM, CENTRE_ERROR_HOURS, CENTRE_BLUR_NODES = 2.0, 2500.0, 8.0, (1.0, 0.5)
#: steps of altitude [km] from the coarsest; the first that gives the points asked for is taken
ALT_STEPS_KM = (10.0, 5.0, 2.0, 1.0)
NOISE_KM = 20.0
CENTRES = ("given to the model", "another centre")


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


def indices(period=INDICES_PERIOD) -> xr.Dataset:
    """Hourly real `kp`, `f107_sfu` and `f107_81d_sfu` around September 2024."""
    from rstmrf.data.indices import read_indices

    return read_indices(INDICES_FILE, *period)


def background() -> IriBackground:
    """IRI of the month from IG12 and the 81-day F10.7; hours count from `START`."""
    from rstmrf.data.solar_cycle import ionosphere_drivers

    days = START.astype("M8[D]") + np.arange(N_DAYS)
    drivers = ionosphere_drivers(indices(), days)
    return IriBackground(str(days[0]), drivers.ig12.to_numpy(copy=True), drivers.f107_81d_sfu.to_numpy(copy=True))


def weather(seed=SEED) -> Weather:
    """How the truth of the month departs from IRI."""
    return Weather(Drive(indices(), START), 2024, seed)


def make_truth(iri: IriBackground, seed=SEED, n_hours=N_HOURS) -> tuple[Truth, xr.Dataset]:
    """The truth of the first `n_hours`, and a Dataset of what made it, hour by hour on the grid of 2.5° × 5°.

    The Dataset holds `scale_dex`, from which `read_truth` makes the truth again, `vtec_tecu` of the truth and
    `vtec_iri_tecu` of IRI, each (time, lat 73, lon 72) with the hour after the last.
    """
    departures = weather(seed)
    lat, lon = (x.ravel() for x in np.meshgrid(LAT, LON, indexing="ij"))
    levels = np.broadcast_to(nature.LEVELS_KM, (lat.size, nature.LEVELS_KM.size))
    hours_of_maps, nothing = np.arange(n_hours + 1.0), np.zeros(lat.size)
    maps = {name: np.empty((n_hours + 1, LAT.size, LON.size), np.float32) for name in ("scale", "truth", "iri")}
    for at, hour in enumerate(hours_of_maps):
        hours = np.full(lat.size, hour)
        own = nature.integrate(nature.iri_columns(iri, lat, lon, hours, levels), nothing)[0]
        unscaled = nature.unscaled_columns(iri, departures, lat, lon, hours, levels)
        scale = nature.fit_scale(unscaled, own)
        seen = departures.visible_dex(lat, lon, hours, levels)
        of_truth = nature.integrate(unscaled + seen, scale)[0]
        for name, values in (("scale", scale), ("truth", of_truth), ("iri", own)):
            maps[name][at] = (values + (name != "scale") * plasmasphere_tecu(lat)).reshape(LAT.size, LON.size)
    made = xr.Dataset(
        {
            "scale_dex": (("time", "lat", "lon"), maps["scale"], {"units": "1", "long_name": "scaling at fixed TEC"}),
            "vtec_tecu": (("time", "lat", "lon"), maps["truth"], {"units": "TECU", "long_name": "true vertical TEC"}),
            "vtec_iri_tecu": (("time", "lat", "lon"), maps["iri"], {"units": "TECU", "long_name": "IRI's own TEC"}),
        },
        {"time": START + (hours_of_maps * 3600).astype("m8[s]"), "lat": LAT, "lon": LON},
        {"source": "simulated", "seed": seed},
    )
    return Truth(iri, departures, Scaling(maps["scale"], hours_of_maps)), made


def read_truth(path, iri: IriBackground | None = None) -> Truth:
    """The truth again, from the file that `scripts/make_month.py` wrote."""
    with xr.open_dataset(path, engine="h5netcdf") as made:
        made = made.load()
    scaling = Scaling(made.scale_dex.values, hours_since(made.time.values, START))
    return Truth(iri or background(), weather(int(made.attrs["seed"])), scaling)


def centre_maps(made: xr.Dataset, realisation: int) -> xr.Dataset:
    """TEC maps (71 × 72, hourly) as an analysis centre gives them: blurred, with a smooth error, whole tenths of TECU.

    Args:
        made: of `make_truth`.
        realisation: 0 is given to the model, 1 is another centre's; their errors have nothing in common.
    """
    rng = np.random.default_rng([int(made.attrs["seed"]), 100 + realisation])
    error = SmoothField(CENTRE_ERROR_TECU, CENTRE_ERROR_KM, CENTRE_ERROR_HOURS, rng, dtype=np.float32)
    lat, lon = (x.ravel() for x in np.meshgrid(LAT, LON, indexing="ij"))
    true, maps = made.vtec_tecu.values[:-1], []
    area = np.cos(np.deg2rad(LAT))[:, None] * np.ones(LON.size)
    for hour, values in enumerate(true):
        growth = np.sqrt(values / np.average(values, weights=area))
        blurred = gaussian_filter(values, CENTRE_BLUR_NODES, mode=("nearest", "wrap"))
        smooth = error(lat, lon, np.full(lat.size, float(hour))).reshape(values.shape)
        maps.append(np.clip(np.rint((blurred + growth * smooth) * 10) / 10, 0.0, None))
    attrs = {
        "Conventions": "CF-1.11",
        "title": f"Simulated hourly vertical TEC, September 2024: {CENTRES[realisation]}",
        "source": "simulated: rstmrf.data.month; no measured TEC",
        "source_centre": f"simulated centre {realisation}",
        "error": f"smooth, {CENTRE_ERROR_TECU} TECU RMS over the globe, growing as the root of TEC, "
        f"{CENTRE_ERROR_KM:g} km, {CENTRE_ERROR_HOURS:g} h; blurred by {CENTRE_BLUR_NODES} nodes of 2.5 x 5 deg",
    }
    rows = slice(1, -1)  # IONEX ends at 87.5°
    return tec_dataset(made.time.values[:-1], LAT[rows], LON, {"vtec_tecu": np.stack(maps)[:, rows]}, attrs)


def tracks(n_points: int, seed=SEED, n_hours=N_HOURS) -> Tracks:
    """Occultations of FY-3D with GPS and BeiDou that give about `n_points`: profiles drawn from all, one altitude step.

    The step is the first of `ALT_STEPS_KM` with which there are profiles enough; all levels lie from 120 to 500 km.

    Raises InputError: more points than all profiles have at the finest step.
    """
    end, tle = START + np.timedelta64(n_hours * 3600 - 1, "s"), read_tle(TLE_FILE)
    both = [occultations(tle, START, end, constellation) for constellation in (GPS, BEIDOU)]
    whole = [_upwards(found) for found in both]
    lat, lon, time = (np.concatenate(parts) for parts in zip(*whole, strict=True))
    sizes = [round((LEVELS_KM[-1] - LEVELS_KM[0]) / step) + 1 for step in ALT_STEPS_KM]
    enough = [k for k, size in enumerate(sizes) if size * len(lat) >= n_points]
    if not enough:
        raise InputError(
            f"points={n_points}: {len(lat)} profiles at {ALT_STEPS_KM[-1]:g} km give {sizes[-1] * len(lat)} at most"
        )
    levels = np.linspace(LEVELS_KM[0], LEVELS_KM[-1], sizes[enough[0]])
    n_profiles = max(1, round(n_points / levels.size))
    chosen = np.random.default_rng([seed, 200]).permutation(len(lat))[:n_profiles]
    chosen = chosen[np.argsort(time[chosen, 0], kind="stable")]
    lat, lon, time = lat[chosen], lon[chosen], time[chosen]
    middle = int(np.searchsorted(LEVELS_KM, 300.0))
    seconds = time[:, middle].astype("M8[ms]").astype(np.int64) / 1e3
    order = np.argsort(seconds, kind="stable")
    below = np.empty((2, len(lat)))
    position = earth_fixed(receiver_orbit(tle, seconds[order])[0], seconds[order])
    below[:, order] = geodetic(position)[:2]
    azimuth = abel.bearing_deg(lat[:, middle], lon[:, middle], *below)
    return Tracks(*_at_levels(lat, lon, time, levels), levels, azimuth)


def observe(truth: Truth, found: Tracks, first_profile=0, seed=SEED) -> xr.Dataset:
    """Simulated observations of `truth`, as `read_observations` gives real ones, with `true_log10_ne_m3` beside them.

    Points are left out, and counted, where the inversion gives a negative density, or where the true one is too faint.
    """
    rng = np.random.default_rng([seed, 300, first_profile])
    shape = found.lat.shape
    lat, lon = np.round(found.lat, 3), wrap_longitude(np.round(found.lon, 3))
    hours = hours_since(found.time, START.astype("M8[ms]"))
    profile = np.repeat(np.arange(shape[0]) + first_profile, shape[1])
    alt_km = np.broadcast_to(found.alt_km, shape)
    true = truth.log10_ne(lat.ravel(), lon.ravel(), alt_km.ravel(), hours.ravel()).reshape(shape)
    error = _abel_error_dex(truth, found)
    observed = true + error + _noise(found.alt_km, shape[0], rng)
    seen = (np.isfinite(error) & (true >= FAINTEST_LOG10_NE)).ravel()
    values = {"lat": lat, "lon": lon, "alt_km": alt_km, "time": found.time, "profile": profile}
    values |= {"log10_ne_m3": observed, "true_log10_ne_m3": true}
    values["sigma_log10_ne"] = np.broadcast_to(sigma_log10_ne(found.alt_km), shape)
    types = {**COLUMN_TYPES, "sigma_log10_ne": np.float32, "true_log10_ne_m3": np.float32}
    long_names = {**VARIABLE_ATTRS, "true_log10_ne_m3": {"long_name": "simulated truth, for scoring", "units": "1"}}
    columns = {name: ("point", x.ravel()[seen].astype(types[name]), long_names[name]) for name, x in values.items()}
    coords = {name: columns.pop(name) for name in COORDINATES}
    counts = {"points_negative": int(np.isnan(error).sum()), "points_too_faint": int((true < FAINTEST_LOG10_NE).sum())}
    return xr.Dataset(columns, coords, {"Conventions": "CF-1.11", "source": "simulated: rstmrf.data.month", **counts})


def _abel_error_dex(truth, found):
    """Error of the inversion [dex] at the levels, `[profile, level]`, from a curtain about the point at 300 km."""
    middle = int(np.searchsorted(found.alt_km, 300.0))
    lat, lon = abel.curtain_places(found.lat[:, middle], found.lon[:, middle], found.azimuth_deg)
    hours = np.repeat(hours_since(found.time[:, middle], START.astype("M8[ms]")), abel.COLUMNS_DEG.size)
    levels = np.broadcast_to(abel.SHELLS_KM, (hours.size, abel.SHELLS_KM.size))
    curtain = 10.0 ** truth.columns(lat.ravel(), lon.ravel(), hours, levels)
    error = abel.inversion_error_dex(curtain.reshape(*lat.shape, -1))
    weights = np.stack([np.interp(found.alt_km, abel.SHELLS_KM, shell) for shell in np.eye(abel.SHELLS_KM.size)])
    bad = np.isnan(error).astype(float) @ weights > 0
    return np.where(bad, np.nan, np.nan_to_num(error) @ weights)


def _noise(alt_km, n_profiles, rng):
    """Noise [dex] `[profile, level]`: Gaussian, correlated over `NOISE_KM` along a profile, strong below 200 km."""
    noise = rng.standard_normal((n_profiles, alt_km.size))
    along = np.exp(-np.diff(alt_km) / NOISE_KM)
    for level, keep in enumerate(along, start=1):
        noise[:, level] = keep * noise[:, level - 1] + np.sqrt(1.0 - keep**2) * noise[:, level]
    return noise * sigma_log10_ne(alt_km)


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
