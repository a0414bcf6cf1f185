"""The folder of a run holds what predictions need: weights, their description, and the hours of maps and indices."""

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import xarray as xr

from rstmrf.background import IriBackground
from rstmrf.data.coverage import HOUR
from rstmrf.data.windows import SlidingWindowBatchProcessor
from rstmrf.errors import InputError
from rstmrf.files import whole_file, writing
from rstmrf.model.weights import save_model
from rstmrf.model.whole import RSTMRF
from rstmrf.readers.hdf5 import check_heaps

INPUTS = "inputs.nc"
#: attributes in which readers say where data come from
_SAID = ("source", "file", "file_name", "credit", "source_centre")
_FORMAT = 1


class RunInputs(NamedTuple):
    """Thinned hourly maps (None: a run without), hourly indices, and the background's drivers by day."""

    tec: xr.Dataset | None
    indices: xr.Dataset
    iri: IriBackground


def save_run(run_dir, model: RSTMRF, data, *, training: dict[str, Any] | None = None) -> Path:
    """Write `model.safetensors`, `model.json` and `inputs.nc` of a run, for `rstmrf.load`; returns the folder.

    Args:
        data: its `RunData`, whose maps are kept at the thinned grid: 12 MB a month at 46 × 91, before compression.
        training: a summary that JSON holds.
    """
    run_dir = Path(run_dir)
    start = np.datetime64(data.points.start, "D")
    hours = usable_hours(data.processor, data.iri)
    save_model(
        model,
        data.config,
        run_dir,
        start=start,
        period=(hours[0], hours[-1]),
        sources=getattr(data, "sources", None) or sources_of(indices=data.indices),
        split=data.split.digest,
        fingerprint=data.fingerprint(),
        training={"points": len(data.points), **(training or {})},
    )
    _write_inputs(run_dir / INPUTS, data.processor, data.iri)
    return run_dir


def sources_of(**inputs: xr.Dataset | None) -> dict[str, str]:
    """Where inputs come from, by kind, as their readers' attributes tell it: names of files, never of folders."""
    said = {}
    for kind, ds in inputs.items():
        parts = [str(ds.attrs[key]) for key in _SAID if ds is not None and ds.attrs.get(key)]
        names = [Path(part).name if Path(part).is_absolute() else part for part in parts]
        if names:
            said[kind] = "; ".join(dict.fromkeys(names))
    return said


def usable_hours(processor: SlidingWindowBatchProcessor, iri: IriBackground) -> np.ndarray:
    """Hours, datetime64[h], that have a whole window and lie on a day of the background."""
    cover = processor.coverage
    usable = cover.first + np.flatnonzero(cover.whole.numpy()) * HOUR
    first = np.datetime64(iri.start.isoformat(), "ns")
    return usable[(usable >= first) & (usable < first + iri.n_days * np.timedelta64(24, "h"))].astype("datetime64[h]")


def read_run_inputs(run_dir) -> RunInputs | None:
    """What `save_run` kept of maps, indices and background; None where a folder holds weights alone.

    Raises:
        InputError: a damaged file, or one of a later format.
    """
    path = Path(run_dir) / INPUTS
    if not path.exists():
        return None
    try:
        check_heaps(path)
        with xr.open_dataset(path, engine="h5netcdf") as packed:
            ds = packed.load()
        if ds.attrs["format"] != _FORMAT:
            raise InputError(f"its format is {ds.attrs['format']}, this version of rstmrf reads {_FORMAT}")
        indices = ds[["kp", "f107_sfu"]].rename(index_time="time").dropna("time")
        iri = IriBackground(ds["day"].values[0], ds["ig12"].values, ds["f107_81d_sfu"].values)
        tec = ds[["vtec_tecu"]].dropna("time", how="all") if "vtec_tecu" in ds else None
    except (OSError, KeyError, ValueError) as error:
        raise InputError(f"{path}: the run's maps and indices cannot be read ({str(error).splitlines()[0]})") from None
    return RunInputs(tec, indices, iri)


def _write_inputs(path: Path, processor, iri) -> None:
    """Maps and indices of the hours that some whole window holds: the others serve no prediction."""
    cover = processor.coverage
    rows = np.flatnonzero(cover.whole.numpy())
    # The hours of maps begin no earlier than those of indices, so the first map's hour is among these, too; no whole
    # window begins there that did not before.
    first_map = max(0, rows[0] + 1 - processor.seq_len - processor.lead_hours) if processor.tec is not None else rows[0]
    drivers = np.unique(np.append(rows[:, None] - np.arange(processor.driver_hours), first_map) + cover.before)
    day = np.datetime64(iri.start.isoformat(), "ns") + np.arange(iri.n_days) * np.timedelta64(24, "h")
    sfu, kp, f107 = {"units": "1e-22 W m-2 Hz-1"}, *processor.sw.numpy()[drivers].T
    ds = xr.Dataset(
        {
            "kp": ("index_time", kp, {"units": "1", "long_name": "Kp index"}),
            "f107_sfu": ("index_time", f107, {**sfu, "long_name": "observed daily F10.7"}),
            "ig12": ("day", iri.ig12, {"units": "1", "long_name": "IG12 of the background"}),
            "f107_81d_sfu": ("day", iri.f107, {**sfu, "long_name": "mean F10.7 of the background"}),
        },
        {
            "index_time": cover.first + (drivers - cover.before) * HOUR,
            "day": day,
        },
        {"Conventions": "CF-1.11", "title": "maps and indices under a trained model", "format": _FORMAT},
    )
    encoding: dict[str, dict[str, Any]] = {}
    if processor.tec is not None:
        ds = ds.merge(_maps(processor, rows))
        encoding = {"vtec_tecu": {"zlib": True, "complevel": 4, "shuffle": True}}
    times = [name for name in ("time", "index_time", "day") if name in ds.coords]
    encoding |= {name: {"units": "hours since 1970-01-01", "dtype": "int64"} for name in times}
    with writing(path), whole_file(path) as place:
        ds.to_netcdf(place, engine="h5netcdf", encoding=encoding)


def _maps(processor, rows) -> xr.Dataset:
    """The maps of windows that end at some rows, and the one after each."""
    back = rows[:, None] - np.arange(max(processor.seq_len + processor.lead_hours, 1))
    held = np.unique(np.append(back[back >= 0], np.minimum(rows + 1, len(processor.tec) - 1)))
    coords = {
        "time": processor.coverage.first + held * HOUR,
        "lat": ("lat", processor.lat, {"units": "degrees_north"}),
        "lon": ("lon", processor.lon, {"units": "degrees_east"}),
    }
    return xr.Dataset(
        {"vtec_tecu": (("time", "lat", "lon"), processor.tec.numpy()[held, 0], {"units": "1e16 m-2"})}, coords
    )
