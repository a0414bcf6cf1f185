"""Which observations have no whole window of maps and indices, and why: counts and dates for the report."""

import numpy as np
import pandas as pd

from rstmrf.config import RunConfig
from rstmrf.errors import InputError

HOUR = np.timedelta64(1, "h")
COLUMNS = ("points", "hours", "first", "last")


def coverage(observations, tec, indices, config: RunConfig) -> pd.DataFrame:
    """Points by what their window lacks, each counted once, under the first reason that holds.

    A window of maps ends with a point's own hour, whose map the direction is learned from, whatever the lead.

    Args:
        observations: Dataset of `point` with `time`.
        tec: hourly maps, indices: hourly Kp and F10.7, both (time); hours left out are gaps.
        config: whose `seq_len`, `lead_hours` and `driver_hours` say how long the windows are.

    Returns:
        A row for each reason and one for whole windows: `points`, and `hours` (how many hours hold them), `first` and
        `last` of these [datetime64, NaT where there are none].

    Raises:
        InputError: no point, map or index at all.
    """
    sizes = {"observations": observations.sizes["point"], "TEC maps": tec.sizes["time"]}
    for name, size in {**sizes, "indices": indices.sizes["time"]}.items():
        if not size:
            raise InputError(f"{name}: there are none; give one at least")
    hour = observations["time"].values.astype("datetime64[h]")
    rows, left = {}, np.ones(hour.size, bool)
    for name, held, length in (
        ("maps", tec["time"].values, config.seq_len + config.lead_hours),
        ("indices", indices["time"].values, config.driver_hours or config.seq_len),
    ):
        held, first = np.unique(held.astype("datetime64[h]")), hour - (length - 1) * HOUR
        present = np.searchsorted(held, hour, side="right") - np.searchsorted(held, first)
        for reason, lacking in (
            (f"before the {name} begin, or within a window's length after", first < held[0]),
            (f"after the {name} end", hour > held[-1]),
            (f"in or after a gap of the {name}", present < length),
        ):
            rows[reason] = _row(hour[left & lacking])
            left &= ~lacking
    rows["whole window"] = _row(hour[left])
    return pd.DataFrame.from_dict(rows, orient="index", columns=list(COLUMNS))


def missing_hours(held) -> np.ndarray:
    """Hours [datetime64] between the first and the last of `held` that are not there: dates of the gaps."""
    held = np.unique(np.asarray(held).astype("datetime64[h]"))
    return np.setdiff1d(np.arange(held[0], held[-1] + 1), held)


def _row(hour):
    found = np.unique(hour)
    ends = (found[0], found[-1]) if found.size else (np.datetime64("NaT", "h"),) * 2
    return [hour.size, found.size, *(pd.Timestamp(end) for end in ends)]
