"""Sliding windows of TEC maps and indices: few are unique, whatever the batch (S2–S5)."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from rstmrf.data.batch import Batch, Points, PointSet
from rstmrf.errors import InputError
from rstmrf.readers.tec import downsample
from rstmrf.units import wrap_longitude

HOUR = np.timedelta64(1, "h")


class SlidingWindowBatchProcessor:
    """Makes a `Batch` of points: finds the unique hours among them and cuts one window for each.

    A point belongs to the last whole hour at or before its time; its window is that hour and the `seq_len` − 1 before.

    Args:
        tec: `vtec_tecu` (time, lat, lon) [TECU], hourly, on the 181 × 361 grid.
        indices: `kp` and `f107_sfu` (time), hourly.
        start: time zero of the points' hours.
        seq_len: hours in a window.
        tec_downsample_factor: divides 180; 4 gives 46 × 91.
        lead_hours: how long before a point's hour its window of maps ends; that of indices, and `target_tec_map`, stay.
        next_map: give batches the maps of the hour after, too.
        driver_hours: hours of indices in a window; None: `seq_len`.
        missing_hours: "error" refuses maps or indices with gaps; "mask" leaves out the points that need them.

    Raises:
        InputError: hours missing within the maps or the indices (named), unless masked; no hour common to both.
    """

    def __init__(
        self,
        tec,
        indices,
        *,
        start,
        seq_len=6,
        tec_downsample_factor=4,
        lead_hours=0,
        next_map=False,
        driver_hours=None,
        missing_hours="error",
    ):
        self.start, self.seq_len = np.datetime64(start, "ns"), seq_len
        self.lead_hours, self.next_map, self.driver_hours = lead_hours, next_map, driver_hours or seq_len
        small = downsample(tec, tec_downsample_factor)
        self.lat, self.lon = small["lat"].values, small["lon"].values
        first, last = _common_hours(small["time"].values, indices["time"].values)
        n_hours = int((last - first) / HOUR) + 1
        self.first_hour = int((first - self.start) / HOUR)
        self.tec, has_tec = _on_hours(small["time"].values, small["vtec_tecu"].values[:, None], first, n_hours)
        drivers = np.stack([indices["kp"].values, indices["f107_sfu"].values], axis=-1)
        before = max(0, self.driver_hours - seq_len - lead_hours)  # by so much indices reach back further than maps
        self.sw, has_sw = _on_hours(indices["time"].values, drivers, first - before * HOUR, before + n_hours)
        complete = has_tec & has_sw[before:]
        if missing_hours == "error" and not complete.all():
            gaps = [str(first + i * HOUR)[:13] for i in np.flatnonzero(~complete)]
            shown = ", ".join(gaps[:5]) + (f" and {len(gaps) - 5} more" if len(gaps) > 5 else "")
            raise InputError(
                f"TEC maps or indices lack {len(gaps)} of {n_hours} hours: {shown}; give them, "
                "or set missing_hours='mask' to leave out the points that need them"
            )
        maps_whole = _ends_of_runs(has_tec, seq_len + lead_hours)
        self._whole = torch.from_numpy(maps_whole & _ends_of_runs(has_sw, self.driver_hours)[before:])

    def window_hour(self, hours: Tensor) -> Tensor:
        """Row of the hourly maps to which times [h since start], `[P]`, belong; it may lie outside the maps."""
        return torch.floor(hours).long() - self.first_hour

    def usable(self, hours: Tensor) -> Tensor:
        """Which points `[P]` have a whole window: not before the data, after it, or over missing hours."""
        row = self.window_hour(hours)
        inside = (row >= 0) & (row < len(self._whole))
        return inside & self._whole[row.clamp(0, len(self._whole) - 1)]

    def unique_windows(self, hours: Tensor):
        """Unique windows of times [h since start] `[B]`: rows `[N, S]` of the hourly maps, and each point's window."""
        unique, window = torch.unique(self.window_hour(hours), return_inverse=True)
        return unique[:, None] + torch.arange(1 - self.seq_len, 1), window

    def driver_windows(self, rows: Tensor) -> Tensor:
        """Kp and F10.7 of the hours up to those of the maps' rows `[N]`: `[N, driver_hours, 2]`."""
        first = rows + (len(self.sw) - len(self.tec) - self.driver_hours + 1)
        return self.sw[first[:, None] + torch.arange(self.driver_hours)]

    def shuffle_tec(self, seed: int = 0) -> None:
        """Give every hour the map of another one, for control."""
        self.tec = self.tec[torch.randperm(len(self.tec), generator=torch.Generator().manual_seed(seed))]

    def forget_after(self, hour: float) -> None:
        """Hold maps and indices at what they were in the hour of `hour` [h since start]: a forecast knows no more."""
        row = int(self.window_hour(torch.tensor(float(hour))))
        for values, last in ((self.tec, row), (self.sw, row + len(self.sw) - len(self.tec))):
            values[last + 1 :] = values[last]

    def __call__(self, points: PointSet, collocation: PointSet | None = None) -> Batch:
        """Cut the batch of some points, with collocation points of their own or of other hours; all of them usable."""
        hours = points.coords[:, 3]
        every = hours if collocation is None else torch.cat([hours, collocation.coords[:, 3]])
        rows, window = self.unique_windows(every)
        window, elsewhere = window[: len(hours)], window[len(hours) :]
        return Batch(
            coords=points.coords,
            target_ne=points.log10_ne_m3,
            background=points.background,
            tec_indices=window,
            collocation=None if collocation is None else Points(collocation.coords, collocation.background, elsewhere),
            unique_sw_seq=self.driver_windows(rows[:, -1]),
            unique_tec_map_seq=self.tec[rows - self.lead_hours],
            target_tec_map=self.tec[rows[:, -1]],
            next_tec_map=self.tec[(rows[:, -1] + 1).clamp(max=len(self.tec) - 1)] if self.next_map else None,
        )


class BatchDataset(Dataset):
    """Batches by lists of point numbers: what a data loader with a batch sampler asks for.

    Args:
        points, processor: where batches come from.
        rows: the numbers of the points that take part, `[R]`, in whose order they are asked for; by default all.
        longitude_jitter_deg: standard deviation by which data points are moved in longitude and time at fixed local
            time. It says that departures from IRI follow the Sun, and keeps a network from drawing the tracks of one
            orbit; the physics losses stay at the true places.
        collocate: from the points of a batch to its collocation points; None: physics losses at the observations.
        physics_points: how many of the observations, drawn anew each step; None: all of them.
        rank, world: this process and how many there are; each holds a part of every batch.
    """

    def __init__(
        self,
        points: PointSet,
        processor: SlidingWindowBatchProcessor,
        longitude_jitter_deg: float = 0.0,
        rows: np.ndarray | None = None,
        collocate: Callable[[PointSet], PointSet] | None = None,
        physics_points: int | None = None,
        rank: int = 0,
        world: int = 1,
    ):
        self.points, self.processor, self.jitter_deg, self.rows = points, processor, longitude_jitter_deg, rows
        self.collocate, self.physics_points = collocate, physics_points
        self.rank, self.world = rank, world

    def __len__(self) -> int:
        return len(self.points if self.rows is None else self.rows)

    def __getitem__(self, chosen) -> Batch:
        rows = torch.as_tensor(chosen if self.rows is None else self.rows[chosen])
        eastward = self.jitter_deg * torch.randn(len(rows)) if self.jitter_deg else None
        if self.world > 1:
            own, holders = self._part(rows)
            batch = self.processor(self.points.select(rows[own]))
            # A window that several processes hold must weigh in all of them together what it weighs in one.
            batch = replace(batch, target_tec_map=batch.target_tec_map / holders[:, None, None, None])
        else:
            own, points = slice(None), self.points.select(rows)
            batch = self.processor(points, self.collocate(points) if self.collocate else None)
        if self.physics_points and batch.collocation is None and self.physics_points < len(batch.coords):
            few = torch.randperm(len(batch.coords))[: self.physics_points]
            batch = replace(batch, collocation=Points(*(x[few] for x in vars(batch.physics).values())))
        if eastward is None:
            return batch
        eastward = eastward[own]
        lat, lon, alt_km, hours = batch.coords.unbind(1)
        moved = torch.stack([lat, wrap_longitude(lon + eastward), alt_km, hours - eastward / 15.0], dim=1)
        return replace(batch, coords=moved, collocation=batch.physics)

    def _part(self, rows):
        """Which points of a batch are this process's, neighbours in time, and how many processes hold each window."""
        windows, window = torch.unique(self.processor.window_hour(self.points.coords[rows, 3]), return_inverse=True)
        parts = torch.argsort(window, stable=True).tensor_split(self.world)
        if not len(parts[-1]):  # fewer points than processes: all of them hold all
            parts = [torch.arange(len(rows))] * self.world
        held = torch.stack([torch.bincount(window[part], minlength=len(windows)) > 0 for part in parts])
        return parts[self.rank], held.sum(0)[held[self.rank]].float()


def _common_hours(maps, indices):
    first, last = max(maps.min(), indices.min()), min(maps.max(), indices.max())
    if first > last:
        raise InputError(
            f"TEC maps cover {str(maps.min())[:16]} to {str(maps.max())[:16]}, the indices {str(indices.min())[:16]} "
            f"to {str(indices.max())[:16]}; they need hours in common"
        )
    return first, last


def _ends_of_runs(present, length):
    """Hours at which `length` hours end that are all there."""
    return np.convolve(present, np.ones(length, int))[: len(present)] == length


def _on_hours(time, values, first, n_hours):
    """Values placed on a whole hourly axis, and which hours were there."""
    row = ((time - first) / HOUR).astype(int)
    inside = (row >= 0) & (row < n_hours)
    placed = np.zeros((n_hours, *values.shape[1:]), np.float32)
    present = np.zeros(n_hours, bool)
    placed[row[inside]], present[row[inside]] = values[inside], True
    return torch.from_numpy(placed), present
