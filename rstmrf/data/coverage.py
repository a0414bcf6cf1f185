"""Which hours have a whole window of maps and indices, told from the times of both alone."""

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from rstmrf.errors import InputError

HOUR = np.timedelta64(1, "h")


class WindowCoverage:
    """The hourly axis that maps and indices share, and the hours at which a window of either ends whole.

    Args:
        map_times: of the hourly TEC maps; None: a run without maps.
        index_times: of the hourly indices.
        start: time zero of the points' hours.
        seq_len, lead_hours, driver_hours, missing_hours: as in `SlidingWindowBatchProcessor`.

    Attributes:
        first: first hour of the axis; first_hour: the same in h since start; n_hours: its length.
        before: by so many hours the indices reach further back than the axis, for windows longer than the maps'.
        whole: whether a window ends whole at each hour, `[n_hours]`.

    Raises:
        InputError: no hour common to both; hours missing within either (named), unless they are masked.
    """

    def __init__(
        self, map_times, index_times, *, start, seq_len=6, lead_hours=0, driver_hours=None, missing_hours="error"
    ):
        start, driver_hours = np.datetime64(start, "ns"), driver_hours or seq_len
        self.first, last = _common_hours(index_times if map_times is None else map_times, index_times)
        self.n_hours = int((last - self.first) / HOUR) + 1
        self.first_hour = int((self.first - start) / HOUR)
        of_maps = 0 if map_times is None else seq_len + lead_hours - 1  # hours that a window's maps reach back
        self.before = max(0, driver_hours - 1 - of_maps) if map_times is not None else 0
        has_maps = np.ones(self.n_hours, bool) if map_times is None else self._present(map_times, 0)
        has_indices = self._present(index_times, self.before)
        complete = has_maps & has_indices[self.before :]
        if missing_hours == "error" and not complete.all():
            _refuse_gaps([str(self.first + i * HOUR)[:13] for i in np.flatnonzero(~complete)], self.n_hours)
        self.present = torch.from_numpy(has_maps)
        ends = _ends_of_runs(has_maps, of_maps + 1), _ends_of_runs(has_indices, driver_hours)[self.before :]
        self.whole: Bool[Tensor, " hours"] = torch.from_numpy(ends[0] & ends[1])

    def row(self, hours: Float[Tensor, " p"]) -> Int[Tensor, " p"]:
        """Row of the axis to which times [h since start] belong; it may lie outside."""
        return torch.floor(hours).long() - self.first_hour

    def usable(self, hours: Float[Tensor, " p"]) -> Bool[Tensor, " p"]:
        """Which times [h since start] have a whole window: not before the data, after it, or over missing hours."""
        row = self.row(hours)
        inside = (row >= 0) & (row < self.n_hours)
        return inside & self.whole[row.clamp(0, self.n_hours - 1)]

    def placed(self, times, values, before: int = 0) -> Float[Tensor, "hours ..."]:
        """Values on the axis, from `before` hours earlier on; zero where an hour is missing."""
        row = self._rows(times, before)
        inside = (row >= 0) & (row < before + self.n_hours)
        out = np.zeros((before + self.n_hours, *values.shape[1:]), np.float32)
        out[row[inside]] = values[inside]
        return torch.from_numpy(out)

    def _present(self, times, before):
        row, present = self._rows(times, before), np.zeros(before + self.n_hours, bool)
        present[row[(row >= 0) & (row < len(present))]] = True
        return present

    def _rows(self, times, before):
        return ((times - self.first) / HOUR).astype(int) + before


def _common_hours(maps, indices):
    first, last = max(maps.min(), indices.min()), min(maps.max(), indices.max())
    if first > last:
        raise InputError(
            f"TEC maps cover {str(maps.min())[:16]} to {str(maps.max())[:16]}, the indices {str(indices.min())[:16]} "
            f"to {str(indices.max())[:16]}; they need hours in common"
        )
    return first, last


def _refuse_gaps(gaps, n_hours):
    shown = ", ".join(gaps[:5]) + (f" and {len(gaps) - 5} more" if len(gaps) > 5 else "")
    raise InputError(
        f"TEC maps or indices lack {len(gaps)} of {n_hours} hours: {shown}; give them, "
        "or set missing_hours='mask' to leave out the points that need them"
    )


def _ends_of_runs(present, length):
    """Hours at which `length` hours end that are all there."""
    return np.convolve(present, np.ones(length, int))[: len(present)] == length
