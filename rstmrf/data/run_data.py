"""A run's data: observations, maps and indices, split and ready for batches."""

import copy
import hashlib
import warnings
from dataclasses import replace

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor
from torch.utils.data import DataLoader

from rstmrf.background import IriBackground
from rstmrf.background.drivers import ionosphere_drivers
from rstmrf.config import RunConfig
from rstmrf.data.batch import PointSet, prepare_points
from rstmrf.data.collocation import collocator
from rstmrf.data.coverage import WindowCoverage
from rstmrf.data.coverage_report import coverage, sentences
from rstmrf.data.curtains import Curtains
from rstmrf.data.dataset import BatchDataset
from rstmrf.data.direction_table import DirectionTable
from rstmrf.data.night import believed
from rstmrf.data.saved_run import sources_of
from rstmrf.data.splits import DEVELOPMENT, TRAIN, Split, TimeBinSampler, split_points
from rstmrf.data.windows import processor_of
from rstmrf.errors import InputError
from rstmrf.globe import tec_gradient
from rstmrf.units import hours_since

EVALUATION_BATCH = 8192
_BLOCK = 1 << 18  # points whose times are held in double precision


class RunData:
    """Observations, maps and indices of a run, split and ready for batches.

    Args:
        observations: Dataset of `point`, from `read_observations`.
        tec: hourly TEC maps, from `load_tec`; None: a run without maps, which knows no directions.
        indices: hourly Kp and F10.7, from `read_indices`.
        config: the run's settings.

    Attributes:
        config: the settings, with the split's own seed written out;
        points: the usable points; used: which of the observations they are; split: their parts;
        left_out: how many observations have no whole window; lacking: why, in sentences with their hours;
        last_hour: the last that a forecast knows, None for an analysis;
        sources: where the inputs came from, as their readers' attributes say;
        directions: of all hours, where they are known beforehand (`with_directions`, or observed ones);
        targets, weights: log10 Ne and weight of each point as batches take them, where they are not the observed ones,
            `[P]`; curtains: of the profiles, where slant TEC is fitted.

    Raises:
        InputError: nothing usable, or too little to hold any out.
    """

    def __init__(self, observations, tec, indices, config: RunConfig):
        self.config = config = _resolved(config, has_maps=tec is not None)
        time = observations["time"].values
        days = _days(time)
        of_windows = {"start": days[0], "seq_len": config.seq_len, "lead_hours": config.lead_hours}
        of_windows |= {"driver_hours": config.driver_hours, "missing_hours": config.missing_hours}
        map_times = None if tec is None else tec["time"].values
        hours = _hours(time, days[0])
        windows = WindowCoverage(map_times, indices["time"].values, **of_windows)
        self.used: Bool[np.ndarray, " o"] = windows.usable(torch.from_numpy(hours)).numpy()
        self.left_out = int((~self.used).sum())
        self.lacking = sentences(coverage(observations, tec, indices, config)) if self.left_out else []
        if not self.used.any():
            raise InputError(
                f"none of {len(hours)} observations has a whole window of {config.seq_len} h of TEC maps and indices; "
                "the maps must begin that many hours before the observations"
            )
        hours = hours[self.used]
        self.split: Split = split_by(config, hours, observations["profile"].values[self.used], indices, days)
        forecast = config.mode == "forecast"
        self.last_hour = float(hours[self.split.rows(TRAIN, DEVELOPMENT)].max()) if forecast else None
        known = None if self.last_hour is None else days[0] + np.timedelta64(round(self.last_hour * 3600), "s")
        drivers = ionosphere_drivers(indices, days, known_until=known)
        self.iri = IriBackground(days[0], drivers["ig12"], drivers["f107_81d_sfu"])
        self.points = prepare_points(observations, self.iri, self.used)
        self.indices, self.duration_hours = indices, 24.0 * len(days)
        shuffle_seed = config.seed if config.shuffle_tec else None
        self.processor = processor_of(
            config, days[0], tec, indices, shuffle_seed=shuffle_seed, known_until=self.last_hour
        )
        self.sources = sources_of(observations=observations, tec=tec, indices=indices)
        self.directions: DirectionTable | None = None
        if tec is not None and config.direction_source == "observed" and config.uses_directions:
            self.directions = DirectionTable.tabulate(self._observed, self.processor)
        self._collocate = None
        self.targets: Tensor | None = None
        self.weights: Tensor | None = None
        self.curtains: Curtains | None = None
        if config.observation == "slant":
            self.curtains = Curtains(self.points, self.iri)
            self.points = replace(self.points, curtain=torch.from_numpy(self.curtains.row))

    def with_seed(self, seed: int) -> "RunData":
        """The same data and split for a run with another seed of weights and batches."""
        other = copy.copy(self)
        other.config, other._collocate = self.config.changed(seed=seed), None
        return other

    def with_directions(self, directions: DirectionTable) -> "RunData":
        """The same data with directions of all hours known beforehand."""
        other = copy.copy(self)
        other.directions = directions
        return other

    def _observed(self, maps):
        return tec_gradient(maps[:, -1], self.config.direction_mode)

    def fingerprint(self) -> str:
        """Hash of the points and maps that the run sees."""
        digest = hashlib.sha256()
        for tensor in (self.points.coords, self.points.log10_ne_m3, self.processor.tec, self.processor.sw):
            if tensor is not None:
                digest.update(tensor.numpy())
        return digest.hexdigest()[:16]

    def part(self, *parts: int) -> PointSet:
        """The points of some parts of the split."""
        return self.points.select(self.split.rows(*parts))

    def fitted(self) -> PointSet:
        """The points as they are fitted: with `targets` and `weights` of their own, and by `night_low_weight`."""
        points = self.points
        if self.targets is not None:
            points = replace(points, log10_ne_m3=self.targets, weight=self.weights)
        return believed(points, self.iri, self.config.night_low_weight)

    def train_dataloader(self, epoch: int = 0, *, rank: int = 0, world: int = 1) -> DataLoader:
        """Batches of an epoch, shuffled by the seed and its number; of `world` processes, those of number `rank`."""
        rows, c = self.split.rows(TRAIN), self.config
        sampler = TimeBinSampler(
            self.points.coords[rows, 3],
            c.batch_size,
            bin_hours=c.bin_hours,
            bins_per_batch=c.bins_per_batch,
            seed=c.seed,
            epoch=epoch,
        )
        if c.collocation_points and self._collocate is None:
            hours = self.points.coords[rows, 3]
            self._collocate = collocator(c, self.processor, self.iri, hours, self.last_hour)
        dataset = BatchDataset(
            self.fitted(),
            self.processor,
            rows=rows,
            longitude_jitter_deg=c.longitude_jitter_deg,
            collocate=self._collocate,
            physics_points=c.physics_points,
            directions=self.directions,
            curtains=self.curtains,
            seed=c.seed * 1_000_003 + epoch,
            rank=rank,
            world=world,
        )
        return DataLoader(dataset, sampler=sampler, batch_size=None)

    def val_dataloader(self) -> DataLoader:
        """The points of the development part, in order of time."""
        points, rows = self.fitted(), self.split.rows(DEVELOPMENT)
        sampler = TimeBinSampler(points.coords[rows, 3], EVALUATION_BATCH, bin_hours=24, shuffle=False)
        return DataLoader(BatchDataset(points, self.processor, rows=rows), sampler=sampler, batch_size=None)


def split_by(config: RunConfig, hours, profile, indices, days) -> Split:
    """The split that a run of these settings has, of points at hours since the first of `days`.

    Raises:
        InputError: too little to hold any out.
    """
    gap_hours = max(config.seq_len, config.driver_hours or 0) if config.gap_hours is None else config.gap_hours
    return split_points(
        hours,
        profile.astype(np.int32),
        mode=config.split,
        block_hours=config.holdout_hours,
        seed=config.seed if config.split_seed is None else config.split_seed,
        gap_hours=gap_hours,
        activity=_highest_kp(indices, days),
    )


def _resolved(config: RunConfig, has_maps: bool) -> RunConfig:
    """Settings as the run has them: the split's own seed, and no direction loss where there are no maps."""
    changes = {"split_seed": config.seed if config.split_seed is None else config.split_seed}
    if not has_maps:
        if config.tec_input:
            raise InputError("tec_input=True without TEC maps; give tec_path, or set tec_input=False")
        if config.uses_directions:
            warnings.warn("no TEC maps are given, so there is no direction loss: w_tec_direction is 0", stacklevel=3)
        changes["w_tec_direction"] = 0.0
    return config.changed(**changes)


def _days(time: np.ndarray) -> np.ndarray:
    if len(time) == 0:
        raise InputError("observations: there are no points; see the quality report for what was rejected")
    return np.arange(time.min().astype("datetime64[D]"), time.max().astype("datetime64[D]") + 1)


def _highest_kp(indices, days) -> np.ndarray:
    """Highest Kp of each day; indices may end within the last one."""
    of_day = indices["kp"].to_series().groupby(indices["time"].values.astype("datetime64[D]")).max()
    return of_day.reindex(days.astype("datetime64[s]"), fill_value=0.0).to_numpy()


def _hours(time: np.ndarray, start) -> Float[np.ndarray, " p"]:
    """Times as h since start, float32; of millions, never all in double precision."""
    start = np.datetime64(start, "ns")
    blocks = (hours_since(time[first : first + _BLOCK], start) for first in range(0, len(time), _BLOCK))
    return np.concatenate([block.astype(np.float32) for block in blocks])
