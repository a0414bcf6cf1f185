"""Sliding windows of TEC maps and indices: few are unique, whatever the batch."""

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from rstmrf.background.drivers import F107_MEASURED
from rstmrf.config import RunConfig
from rstmrf.data.batch import Batch, Points, PointSet
from rstmrf.data.coverage import HOUR, WindowCoverage
from rstmrf.data.direction_table import DirectionTable
from rstmrf.errors import InputError
from rstmrf.readers.tec import downsample

#: in which a departure of Kp from its mean falls to 1/e: of 2010 to 2024 a third is left after 24 h
KP_MEMORY_HOURS = 22.0
KP_INTERVAL_HOURS = 3


class SlidingWindowBatchProcessor:
    """Makes a `Batch` of points: finds the unique hours among them and cuts one window for each.

    A point belongs to the last whole hour at or before its time; its window is that hour and the `seq_len` − 1 before.

    Args:
        tec: `vtec_tecu` (time, lat, lon) [TECU], hourly, on the 181 × 361 grid; None: a run without maps.
        indices: `kp` and `f107_sfu` (time), hourly.
        start: time zero of the points' hours.
        seq_len: hours in a window.
        tec_downsample_factor: divides 180; 4 gives 46 × 91.
        lead_hours: how long before a point's hour its window of maps ends; that of indices, and `target_tec_map`, stay.
        tec_input: give batches what a field needs that sees the value of TEC, too: the map of the hour after.
        driver_hours: hours of indices in a window; None: `seq_len`.
        missing_hours: "error" refuses maps or indices with gaps; "mask" leaves out the points that need them.
        shuffle_seed: give every hour the map of another one, drawn by this seed, for control.
        known_until: h since start; a forecast knows this hour to its end and no more. Maps and F10.7 are held at what
            they were then, F10.7 as it had been measured by then. Kp of the last three hours that are over goes back to
            its mean, with `KP_MEMORY_HOURS`.

    Attributes:
        tec: `[hours, 1, H, W]` [TECU], None without maps; sw: `[before + hours, 2]`, Kp and F10.7 [sfu];
        coverage: the hours, and which of them have whole windows.

    Raises:
        InputError: as `WindowCoverage`; a map or an index that holds something else than numbers.
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
        tec_input=False,
        driver_hours=None,
        missing_hours="error",
        shuffle_seed: int | None = None,
        known_until: float | None = None,
    ):
        self.start, self.seq_len = np.datetime64(start, "ns"), seq_len
        self.lead_hours, self.driver_hours, self.tec_input = lead_hours, driver_hours or seq_len, tec_input
        self.coverage = cover = WindowCoverage(
            None if tec is None else tec["time"].values,
            indices["time"].values,
            start=start,
            seq_len=seq_len,
            lead_hours=lead_hours,
            driver_hours=driver_hours,
            missing_hours=missing_hours,
        )
        drivers = np.stack([indices["kp"].values, indices["f107_sfu"].values], axis=-1)
        self.sw = cover.placed(indices["time"].values, drivers, cover.before)
        _check_finite(self.sw, cover.first - cover.before * HOUR, "Kp or F10.7")
        self.tec = self.lat = self.lon = None
        if tec is not None:
            small = downsample(tec, tec_downsample_factor)
            self.lat, self.lon = small["lat"].values, small["lon"].values
            self.tec = cover.placed(small["time"].values, small["vtec_tecu"].values[:, None])
            _check_finite(self.tec, cover.first, "the TEC map")
        last = None if known_until is None else int(cover.row(torch.tensor([float(known_until)])))
        if shuffle_seed is not None and self.tec is not None:
            self.tec = _of_other_hours(self.tec, cover.present, shuffle_seed, last)
        if last is not None:
            if self.tec is not None:
                self.tec[last + 1 :] = self.tec[last].clone()
            _forecast_drivers(self.sw, last + cover.before, hour_of_day=_hour_of_day(cover.first + last * HOUR))

    @property
    def first_hour(self) -> int:
        """First hour of maps and windows [h since start]."""
        return self.coverage.first_hour

    def usable(self, hours: Float[Tensor, " p"]) -> Bool[Tensor, " p"]:
        """Which times [h since start] have a whole window."""
        return self.coverage.usable(hours)

    def window_hour(self, hours: Float[Tensor, " p"]) -> Int[Tensor, " p"]:
        """Row of the hourly maps to which times [h since start] belong; it may lie outside the maps."""
        return self.coverage.row(hours)

    def unique_windows(self, hours: Float[Tensor, " b"]) -> tuple[Int[Tensor, " n"], Int[Tensor, " b"]]:
        """Rows of the unique hours among times [h since start], and each time's place among them."""
        return torch.unique(self.window_hour(hours), return_inverse=True)

    def map_windows(self, rows: Int[Tensor, " n"]) -> Float[Tensor, "n s 1 h w"]:
        """TEC maps [TECU] of the `seq_len` hours that end `lead_hours` before each row; InputError in a run without."""
        if self.tec is None:
            raise InputError("a run without TEC maps has no windows of them; give maps")
        return self.tec[rows[:, None] + torch.arange(1 - self.seq_len, 1) - self.lead_hours]

    def driver_windows(self, rows: Int[Tensor, " n"]) -> Float[Tensor, "n d 2"]:
        """Kp and F10.7 [sfu] of the hours up to those of the rows."""
        first = rows + (self.coverage.before - self.driver_hours + 1)
        return self.sw[first[:, None] + torch.arange(self.driver_hours)]

    def __call__(
        self, points: PointSet, collocation: PointSet | None = None, directions: DirectionTable | None = None
    ) -> Batch:
        """Cut the batch of some points, with collocation points of their own or of other hours; all of them usable.

        With tabulated `directions` the batch holds those of its hours, and no windows of maps to learn them from.
        """
        hours = points.coords[:, 3]
        every = hours if collocation is None else torch.cat([hours, collocation.coords[:, 3]])
        rows, window = self.unique_windows(every)
        window, elsewhere = window[: len(hours)], window[len(hours) :]
        others = None
        if collocation is not None:
            others = Points(collocation.coords, collocation.background, elsewhere, collocation.column)
        sequences = self.tec is not None and (directions is None or self.tec_input)
        return Batch(
            coords=points.coords,
            target_ne=points.log10_ne_m3,
            point_weight=points.weight,
            background=points.background,
            tec_indices=window,
            collocation=others,
            unique_sw_seq=self.driver_windows(rows),
            unique_tec_map_seq=self.map_windows(rows) if sequences else None,
            target_tec_map=None if self.tec is None else self.tec[rows],
            next_tec_map=self._later(self.tec, rows) if self.tec_input and not self.lead_hours else None,
            direction_maps=None if directions is None else directions.maps[rows],
            next_direction_maps=self._later(directions.maps, rows) if directions and directions.interpolated else None,
        )

    @staticmethod
    def _later(maps, rows):
        return maps[(rows + 1).clamp(max=len(maps) - 1)]


def _of_other_hours(maps, present, seed, last):
    """Maps in another order: every hour that has one, as far as `last`, gets that of another hour, none its own."""
    known = present.nonzero()[:, 0]
    known = known[known <= last] if last is not None else known
    order = known[torch.randperm(len(known), generator=torch.Generator().manual_seed(seed))]
    if len(order) < 2:
        raise InputError(f"shuffle_tec=True with {len(order)} hours of TEC maps: there is no other hour's map to give")
    shuffled = maps.clone()
    shuffled[order] = maps[order.roll(1)]
    return shuffled


def _hour_of_day(time) -> int:
    return int(time.astype("datetime64[h]").astype(int) % 24)


def _forecast_drivers(drivers, last: int, hour_of_day: int) -> None:
    """Kp and F10.7 after a row, in place, from what is known at its end: persistence that decays, and persistence.

    Kp of three hours is known when they are over, and F10.7 of a day from 20 UT on. Hours without an index are passed
    over.
    """
    given = drivers[:, 1] > 0  # zeros stand where an hour is masked
    over = last - (hour_of_day + 1) % KP_INTERVAL_HOURS
    known = given[: max(over, 0) + 1].nonzero()[:, 0]
    if not len(known):
        raise InputError(
            "no Kp and F10.7 are known at the last hour that a forecast knows; give indices that begin earlier"
        )
    newest, kp = int(known[-1]), drivers[known, 0]
    kept = torch.exp(-torch.arange(1, len(drivers) - newest) / KP_MEMORY_HOURS)
    drivers[newest + 1 :, 0] = kp.mean() + (kp[-1] - kp.mean()) * kept
    measured = last if hour_of_day + 1 >= F107_MEASURED / HOUR else last - hour_of_day - 1
    earlier = given[: max(measured + 1, 0)].nonzero()[:, 0]
    newest = int(earlier[-1]) if len(earlier) else newest  # indices that begin on this day hold no other value
    drivers[newest + 1 :, 1] = drivers[newest, 1].clone()


def _check_finite(values, first, name):
    bad = ~torch.isfinite(values).flatten(1).all(1)
    if bad.any():
        hour = first + int(bad.nonzero()[0]) * HOUR
        raise InputError(
            f"{name} of {str(hour)[:13]} UT holds a value that is not finite ({int(bad.sum())} hours do); "
            "leave these hours out, with missing_hours='mask', or give whole ones"
        )


def processor_of(config: RunConfig, start, tec, indices, **others) -> SlidingWindowBatchProcessor:
    """Windows by a run's settings; `others` are arguments of the processor that the settings do not decide alone.

    Raises:
        InputError: as `SlidingWindowBatchProcessor`.
    """
    names = ("seq_len", "tec_downsample_factor", "lead_hours", "tec_input", "driver_hours", "missing_hours")
    given = {name: getattr(config, name) for name in names}
    return SlidingWindowBatchProcessor(tec, indices, start=start, **(given | others))
