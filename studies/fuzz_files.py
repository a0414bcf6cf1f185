"""Good files of every form that is read, made from the packaged sample, and how each form is read: what is fuzzed."""

import gzip
from functools import cache
from pathlib import Path

import numpy as np
import xarray as xr

from rstmrf.readers import sample
from rstmrf.readers.index_tables import read_celestrak, read_csv, read_gfz
from rstmrf.readers.indices import read_indices
from rstmrf.readers.observations import read_observations, write_npy
from rstmrf.readers.point_store import write_point_store
from rstmrf.readers.tec import load_tec
from studies.fuzz_texts import celestrak_row, celestrak_text, compress, gfz_row, ionex_text

START = "2019-04-25"
LAT, LON = np.arange(87.5, -88, -12.5), np.arange(-180.0, 181, 30)


@cache
def small_tec(hours: int = 3) -> xr.Dataset:
    """The sample's first maps on a coarse grid, the seam's column repeated."""
    return sample.tec().isel(time=slice(0, hours)).interp(lat=LAT, lon=LON)


@cache
def profiles(count: int) -> xr.Dataset:
    observations = sample.observations()
    return observations.isel(point=observations["profile"].values < count)


def _days():
    return [str(np.datetime64("2019-04-20") + n) for n in range(12)]


# --- one good file of a form, written into a folder


def _write(name, content):
    def make(folder: Path) -> Path:
        path = folder / name
        path.write_bytes(content() if callable(content) else content)
        return path

    return make


def _text_profile() -> bytes:
    one = profiles(1)
    rows = zip(one.lon.values, one.lat.values, one.alt_km.values, 10.0**one.log10_ne_m3.values, strict=True)
    return "".join(f"{lon:9.3f} {lat:8.3f} {alt:8.3f} {ne:.5e}\n" for lon, lat, alt, ne in rows).encode()


def _netcdf_profile(name, engine):
    def make(folder: Path) -> Path:
        one = profiles(1)
        data = {
            "MSL_alt": ("level", one.alt_km.values, {"units": "km"}),
            "GEO_lat": ("level", one.lat.values, {"units": "deg"}),
            "GEO_lon": ("level", one.lon.values, {"units": "deg"}),
            "ELEC_dens": ("level", 10.0 ** (one.log10_ne_m3.values - 6.0), {"units": "el/cm3"}),
            "sigma_log10_ne": ("level", one.sigma_log10_ne.values),
        }
        attrs = {"year": 2019, "month": 4, "day": 25, "hour": 3, "minute": 10, "second": 0.0, "edmaxtime": 1.24e9}
        xr.Dataset(data, attrs=attrs).to_netcdf(folder / name, engine=engine)
        return folder / name

    return make


def _tec_netcdf(folder: Path) -> Path:
    tec = small_tec().isel(lon=slice(0, -1)).astype(np.float32)
    tec.vtec_tecu.assign_attrs(units="TECU").to_netcdf(folder / "maps.nc", engine="h5netcdf")
    return folder / "maps.nc"


def _tec_npy(folder: Path) -> Path:
    np.save(folder / "maps.npy", small_tec().vtec_tecu.interp(lat=np.linspace(-87.5, 87.5, 9)).values)
    return folder / "maps.npy"


def _observations_npy(folder: Path) -> Path:
    return write_npy(profiles(3), folder / "points.npy", START)


def _store(folder: Path) -> Path:
    return write_point_store(folder / "points.zarr", [profiles(3)])


@cache
def tiny_model():
    """A model of few weights and its settings."""
    from rstmrf.config import RunConfig
    from rstmrf.model.whole import RSTMRF

    sizes = {"basis_dim": 4, "siren_hidden": 8, "siren_layers": 1, "lstm_layers": 1, "seq_len": 2, "tec_feat_dim": 2}
    config = RunConfig(tec_downsample_factor=30, **sizes)
    return RSTMRF(config, 48.0), config


def _weights(folder: Path) -> Path:
    from rstmrf.model.weights import save_model

    return save_model(*tiny_model(), folder / "model").parent


def _settings(folder: Path) -> Path:
    tiny_model()[1].save(folder / "config.json")
    return folder / "config.json"


def _checkpoint(compress):
    def make(folder: Path) -> Path:
        from rstmrf.training.checkpoints import packed

        content = {"state_dict": tiny_model()[0].state_dict(), "epoch": 3, "callbacks": {"best": 0.1, "path": "a"}}
        return _write("last.ckpt", packed(content, compress))(folder)

    return make


def _gfz() -> bytes:
    return ("# head\n" + "\n".join(gfz_row(day) for day in _days()) + "\n").encode()


def _celestrak() -> bytes:
    return celestrak_text([celestrak_row(day) for day in _days()]).encode()


def _csv() -> bytes:
    rows = [f"{day}T{hour:02d}:00,2.333,70.0" for day in _days() for hour in range(0, 24, 3)]
    return "\n".join(["time,kp,f107", *rows, ""]).encode()


GOOD = {
    "ionex": _write("day1150.19i", lambda: ionex_text(small_tec())),
    "ionex.gz": _write("day1150.19i.gz", lambda: gzip.compress(ionex_text(small_tec()), 1)),
    "ionex.Z": _write("day1150.19i.Z", lambda: compress(ionex_text(small_tec(2)))),
    "tec.nc": _tec_netcdf,
    "tec.npy": _tec_npy,
    "observations.npy": _observations_npy,
    "observations.txt": _write("20190425_0310.txt", _text_profile),
    "ionPrf": _netcdf_profile("ionPrf_made_nc", "scipy"),
    "gnos": _netcdf_profile("FY3D_GNOSX_20190425_0310_MS.NC", "h5netcdf"),
    "zarr": _store,
    "gfz": _write("gfz.txt", _gfz),
    "celestrak": _write("SW-All.txt", _celestrak),
    "csv": _write("drivers.csv", _csv),
    "weights": _weights,
    "settings": _settings,
    "checkpoint": _checkpoint("none"),
    "checkpoint.gz": _checkpoint("gzip"),
    "checkpoint.zst": _checkpoint("zstd"),
}


TABLES = {"gfz": read_gfz, "celestrak": read_celestrak, "csv": read_csv}


def read(reader: str, path):
    """Read a file as a run would."""
    if reader.startswith(("ionex", "tec")):
        return load_tec(path, start=START)
    if reader in TABLES:
        day = TABLES[reader](path).day.values
        return read_indices(path, day[0], day[-1])
    if reader == "weights":
        from rstmrf.model.weights import load_model

        return load_model(path)
    if reader == "settings":
        from rstmrf.config import RunConfig

        return RunConfig.load(path)
    if reader.startswith("checkpoint"):
        from rstmrf.training.checkpoints import read_checkpoint

        return read_checkpoint(path)
    return read_observations(path, start=START)


#: what results hold, whatever the file: the ranges that the readers promise
PLAUSIBLE = {
    "vtec_tecu": (-5.0, 500.0),
    "lat": (-90.0, 90.0),
    "lon": (-180.0, 180.0),
    "alt_km": (0.0, 40000.0),
    "log10_ne_m3": (3.99, 14.01),
    "kp": (0.0, 9.0),
    "f107_sfu": (40.0, 1500.0),
    "f107_81d_sfu": (40.0, 1500.0),
    "f107_81d_trailing_sfu": (40.0, 1500.0),
}


def implausible(result) -> str:
    """What a result holds that no observation, index or weight can be, or nothing."""
    if isinstance(result, xr.Dataset):
        years = result.time.dt.year
        if not result.time.size or not 1957 <= years.min() <= years.max() <= 2100:
            return "times"
        for name in set(PLAUSIBLE) & set(result.variables):
            low, high = PLAUSIBLE[name]
            if not ((result[name] >= low) & (result[name] <= high)).all():
                return name
        if "sigma_log10_ne" in result and (result.sigma_log10_ne <= 0).any():
            return "sigma_log10_ne"
    elif isinstance(result, tuple):
        weights = result[0].state_dict().values()
        return "" if all(bool(value.isfinite().all()) for value in weights) else "weights"
    return ""
