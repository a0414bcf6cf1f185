"""Which observations have no whole window of maps and indices, and why: counts and dates for the report."""

import numpy as np
import pandas as pd

from rstmrf.config import RunConfig
from rstmrf.errors import InputError

HOUR = np.timedelta64(1, "h")
WHOLE = "whole window"
COLUMNS = ("points", "hours", "first", "last")


def coverage(observations, tec, indices, config: RunConfig) -> pd.DataFrame:
    """Points by what their window lacks, each counted once, under the first reason that holds.

    A window of maps ends with a point's own hour, whose map the direction is learned from, whatever the lead.

    Args:
        observations: Dataset of `point` with `time`.
        tec: hourly maps, None in a run without; indices: hourly Kp and F10.7; both (time); hours left out are gaps.
        config: whose `seq_len`, `lead_hours` and `driver_hours` say how long the windows are.

    Returns:
        A row for each reason and one for whole windows: `points`, and `hours` (how many hours hold them), `first` and
        `last` of these [datetime64, NaT where there are none].

    Raises:
        InputError: no point, map or index at all.
    """
    maps = {} if tec is None else {"TEC maps": tec.sizes["time"]}
    for name, size in {"observations": hours_of(observations).size, **maps, "indices": indices.sizes["time"]}.items():
        if not size:
            raise InputError(f"{name}: there are none; give one at least")
    hour = hours_of(observations)
    rows, left, windows = {}, np.ones(hour.size, bool), []
    if tec is not None:
        windows.append(("maps", tec["time"].values, config.seq_len + config.lead_hours))
    windows.append(("indices", indices["time"].values, config.driver_hours or config.seq_len))
    for name, held, length in windows:
        held, first = np.unique(held.astype("datetime64[h]")), hour - (length - 1) * HOUR
        present = np.searchsorted(held, hour, side="right") - np.searchsorted(held, first)
        for reason, lacking in (
            (f"before the {name} begin, or within a window's length after", first < held[0]),
            (f"after the {name} end", hour > held[-1]),
            (f"in or after a gap of the {name}", present < length),
        ):
            rows[reason] = _row(hour[left & lacking])
            left &= ~lacking
    rows[WHOLE] = _row(hour[left])
    return pd.DataFrame.from_dict(rows, orient="index", columns=list(COLUMNS))


def hours_of(observations) -> np.ndarray:
    """The hour [datetime64] in which each observation lies."""
    return observations["time"].values.astype("datetime64[h]")


def sentences(table: pd.DataFrame) -> list[str]:
    """What a table of `coverage` says of the points that have no whole window: one sentence for each reason."""
    all_points = table["points"].sum()
    lacking = table.drop(index=WHOLE)
    return [
        f"{row['points']} of {all_points} points lie {reason}: {str(row['first'])[:13]} to {str(row['last'])[:13]} UT, "
        f"{row['hours']} h"
        for reason, row in lacking[lacking["points"] > 0].iterrows()
    ]


def missing_hours(held) -> np.ndarray:
    """Hours [datetime64] between the first and the last of `held` that are not there: dates of the gaps."""
    held = np.unique(np.asarray(held).astype("datetime64[h]"))
    return np.setdiff1d(np.arange(held[0], held[-1] + 1), held)


def _row(hour):
    found = np.unique(hour)
    ends = (found[0], found[-1]) if found.size else (np.datetime64("NaT", "h"),) * 2
    return [hour.size, found.size, *(pd.Timestamp(end) for end in ends)]
