"""A month with known truth: September 2024 or one of storms, 720 h, real Kp and F10.7, everything else simulated.

The truth is IRI under the weather of `rstmrf.simulate.weather`; what it hides from TEC (peak height, thickness, waves
at fixed TEC) is scaled back place by place to the TEC that IRI itself has. Its maps are those of two analysis centres
that differ by a smooth error each. Its profiles are taken in `rstmrf.simulate.month_profiles`, with the error of their
Abel inversion and noise. `scripts/make_month.py` writes all of it. Nothing measured on it is skill on the real
ionosphere.
"""

from pathlib import Path
from typing import NamedTuple

import numpy as np
import xarray as xr
from scipy.ndimage import gaussian_filter

from rstmrf.background import IriBackground, vtec
from rstmrf.background.vtec import plasmasphere_tecu
from rstmrf.readers.tec_maps import tec_dataset
from rstmrf.simulate import nature
from rstmrf.simulate.nature import LAT, LON, Scaling, Truth
from rstmrf.simulate.smooth_fields import SmoothField
from rstmrf.simulate.weather import Drive, Weather
from rstmrf.units import hours_since

N_DAYS, SEED = 30, 20240901
N_HOURS = 24 * N_DAYS
CENTRE_ERROR_TECU, CENTRE_ERROR_KM, CENTRE_ERROR_HOURS, CENTRE_BLUR_NODES = 2.0, 2500.0, 8.0, (1.0, 0.5)
CENTRES = ("given to the model", "another centre")


class Month(NamedTuple):
    """Thirty days that are simulated, and the packaged table of their real Kp and F10.7."""

    start: np.datetime64
    indices_file: Path
    indices_period: tuple[str, str]

    @property
    def hours(self) -> tuple[np.datetime64, np.datetime64]:
        """Its first second and its last."""
        return self.start, self.start + np.timedelta64(N_HOURS * 3600 - 1, "s")


_FILES = Path(__file__).parent / "files"
#: its two storms reach a Kp of 7; with the days before, on which drivers' histories draw
SEPTEMBER = Month(
    np.datetime64("2024-09-01T00", "ns"), _FILES / "month_indices.csv", ("2024-08-20T00", "2024-10-01T23")
)
#: ten days with a Kp of 5 or more, among them the great storm of 10 and 11 May 2024
STORMS = Month(np.datetime64("2024-04-19T00", "ns"), _FILES / "storm_indices.csv", ("2024-04-07T00", "2024-05-19T23"))
MONTHS = {str(month.start.astype("M8[D]")): month for month in (SEPTEMBER, STORMS)}
START = SEPTEMBER.start


def indices(month: Month = SEPTEMBER) -> xr.Dataset:
    """Hourly real `kp`, `f107_sfu` and `f107_81d_sfu` of a month and the days around it."""
    from rstmrf.readers.indices import read_indices

    return read_indices(month.indices_file, *month.indices_period)


def background(month: Month = SEPTEMBER) -> IriBackground:
    """IRI of a month from IG12 and the 81-day F10.7; hours count from its start."""
    from rstmrf.background.drivers import ionosphere_drivers

    days = month.start.astype("M8[D]") + np.arange(N_DAYS)
    drivers = ionosphere_drivers(indices(month), days)
    return IriBackground(str(days[0]), drivers.ig12.to_numpy(copy=True), drivers.f107_81d_sfu.to_numpy(copy=True))


def weather(seed=SEED, visible=1.0, hidden=1.0, month: Month = SEPTEMBER) -> Weather:
    """How the truth of a month departs from IRI; factors as in `Weather`."""
    return Weather(Drive(indices(month), month.start), 2024, seed, visible, hidden)


def make_truth(
    iri: IriBackground, seed=SEED, n_hours=N_HOURS, visible=1.0, hidden=1.0, month: Month = SEPTEMBER
) -> tuple[Truth, xr.Dataset]:
    """The truth of the first `n_hours`, and a Dataset of what made it, hour by hour on the grid of 2.5° × 5°.

    `iri` is the `background` of the same month.
    The Dataset holds `scale_dex`, from which `read_truth` makes the truth again, `vtec_tecu` of the truth and
    `vtec_iri_tecu` of IRI, each (time, lat 73, lon 72) with the hour after the last.
    """
    departures = weather(seed, visible, hidden, month)
    lat, lon = (x.ravel() for x in np.meshgrid(LAT, LON, indexing="ij"))
    levels = np.broadcast_to(vtec.LEVELS_KM, (lat.size, vtec.LEVELS_KM.size))
    hours_of_maps, nothing = np.arange(n_hours + 1.0), np.zeros(lat.size)
    maps = {name: np.empty((n_hours + 1, LAT.size, LON.size), np.float32) for name in ("scale", "truth", "iri")}
    for at, hour in enumerate(hours_of_maps):
        hours = np.full(lat.size, hour)
        own = vtec.integrate(vtec.iri_columns(iri, lat, lon, hours, levels), nothing)[0]
        unscaled = nature.unscaled_columns(iri, departures, lat, lon, hours, levels)
        scale = nature.fit_scale(unscaled, own)
        seen = departures.visible_dex(lat, lon, hours, levels)
        of_truth = vtec.integrate(unscaled + seen, scale)[0]
        for name, values in (("scale", scale), ("truth", of_truth), ("iri", own)):
            maps[name][at] = (values + (name != "scale") * plasmasphere_tecu(lat)).reshape(LAT.size, LON.size)
    made = xr.Dataset(
        {
            "scale_dex": (("time", "lat", "lon"), maps["scale"], {"units": "1", "long_name": "scaling at fixed TEC"}),
            "vtec_tecu": (("time", "lat", "lon"), maps["truth"], {"units": "TECU", "long_name": "true vertical TEC"}),
            "vtec_iri_tecu": (("time", "lat", "lon"), maps["iri"], {"units": "TECU", "long_name": "IRI's own TEC"}),
        },
        {"time": month.start + (hours_of_maps * 3600).astype("m8[s]"), "lat": LAT, "lon": LON},
        {"source": "simulated", "seed": seed, "visible": visible, "hidden": hidden},
    )
    return Truth(iri, departures, Scaling(maps["scale"], hours_of_maps)), made


def read_truth(path, iri: IriBackground | None = None) -> Truth:
    """The truth again, from the file that `scripts/make_month.py` wrote."""
    with xr.open_dataset(path, engine="h5netcdf") as made:
        made = made.load()
    month = MONTHS[str(made.time.values[0].astype("M8[D]"))]
    scaling = Scaling(made.scale_dex.values, hours_since(made.time.values, month.start))
    factors = {name: float(made.attrs[name]) for name in ("visible", "hidden")}
    return Truth(iri or background(month), weather(int(made.attrs["seed"]), month=month, **factors), scaling)


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
        "title": f"Simulated hourly vertical TEC, {_dates(made)}: {CENTRES[realisation]}",
        "source": "simulated: rstmrf.simulate.month; no measured TEC",
        "source_centre": f"simulated centre {realisation}",
        "error": f"smooth, {CENTRE_ERROR_TECU} TECU RMS over the globe, growing as the root of TEC, "
        f"{CENTRE_ERROR_KM:g} km, {CENTRE_ERROR_HOURS:g} h; blurred by {CENTRE_BLUR_NODES} nodes of 2.5 x 5 deg",
    }
    rows = slice(1, -1)  # IONEX ends at 87.5°
    return tec_dataset(made.time.values[:-1], LAT[rows], LON, {"vtec_tecu": np.stack(maps)[:, rows]}, attrs)


def _dates(made) -> str:
    first, last = made.time.values[[0, -2]].astype("M8[D]")  # the last hour is that after the month
    return f"{first} to {last}"
