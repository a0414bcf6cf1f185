"""A run's data: observations, maps and indices, split and ready for batches."""

import hashlib

import lightning as L
import numpy as np
import torch
from torch.utils.data import DataLoader

from rstmrf.background import IriBackground
from rstmrf.background.drivers import ionosphere_drivers
from rstmrf.config import RunConfig
from rstmrf.data.batch import PointSet, prepare_points
from rstmrf.data.collocation import collocator
from rstmrf.data.night import believed
from rstmrf.data.splits import DEVELOPMENT, TRAIN, Split, TimeBinSampler, split_points
from rstmrf.data.windows import BatchDataset, SlidingWindowBatchProcessor
from rstmrf.errors import InputError

EVALUATION_BATCH = 8192


class RunData(L.LightningDataModule):
    """Observations, maps and indices of a run, split and ready for batches.

    Args:
        observations: Dataset of `point`, from `read_observations`.
        tec: hourly TEC maps, from `load_tec`.
        indices: hourly Kp and F10.7, from `read_indices`.
        config: the run's settings.

    Attributes:
        points: the usable points; targets: the same as they are fitted, by `night_low_weight`; used: which of the
            observations they are; split: their parts; left_out: how many observations have no whole window;
            last_hour: the last that a forecast knows, None for an analysis.

    Raises:
        InputError: nothing usable, or too little to hold any out.
    """

    def __init__(self, observations, tec, indices, config: RunConfig):
        super().__init__()
        self.config = config
        days = _days(observations["time"].values)
        drivers = ionosphere_drivers(indices, days)
        self.iri = IriBackground(days[0], drivers["ig12"], drivers["f107_81d_sfu"])
        self.processor = SlidingWindowBatchProcessor(
            tec,
            indices,
            start=days[0],
            seq_len=config.seq_len,
            tec_downsample_factor=config.tec_downsample_factor,
            lead_hours=config.lead_hours,
            driver_hours=config.driver_hours,
            next_map=(config.direction_source == "observed" or config.tec_input) and config.lead_hours == 0,
            missing_hours=config.missing_hours,
        )
        if config.shuffle_tec:
            self.processor.shuffle_tec(config.seed)
        self.points, self.used = _usable(observations, self.iri, self.processor)
        self.targets = believed(self.points, self.iri, config.night_low_weight)
        self.left_out = int((~self.used).sum())
        self.split: Split = split_points(
            self.points.coords[:, 3],
            self.points.profile,
            mode=config.split,
            block_hours=config.holdout_hours,
            seed=config.seed if config.split_seed is None else config.split_seed,
            gap_hours=max(config.seq_len, config.driver_hours or 0) if config.gap_hours is None else config.gap_hours,
            activity=_highest_kp(indices, days),
        )
        self.indices, self.duration_hours = indices, 24.0 * len(days)
        self._collocate = None
        self.last_hour = None  # of what a forecast may know
        if config.mode == "forecast":
            self.last_hour = float(self.part(TRAIN, DEVELOPMENT).coords[:, 3].max())
            self.processor.forget_after(self.last_hour)

    def fingerprint(self) -> str:
        """Hash of the points and maps that the run sees."""
        digest = hashlib.sha256()
        for tensor in (self.points.coords, self.points.log10_ne_m3, self.processor.tec, self.processor.sw):
            digest.update(tensor.numpy())
        return digest.hexdigest()[:16]

    def part(self, *parts: int) -> PointSet:
        """The points of some parts of the split."""
        return self.points.select(self.split.rows(*parts))

    def train_dataloader(self) -> DataLoader:
        rows = self.split.rows(TRAIN)
        t = self.trainer
        world, rank, epoch = (t.world_size, t.global_rank, t.current_epoch) if t else (1, 0, 0)
        c = self.config
        sampler = TimeBinSampler(
            self.points.coords[rows, 3],
            c.batch_size,
            bin_hours=c.bin_hours,
            bins_per_batch=c.bins_per_batch,
            seed=c.seed,
            epoch=epoch,
        )
        if c.collocation_points and world > 1:
            raise InputError(
                f"collocation_points={c.collocation_points} with {world} processes: collocation takes one process; "
                "use physics_points, or devices=1"
            )
        if c.collocation_points and self._collocate is None:
            hours = self.points.coords[rows, 3]
            self._collocate = collocator(c, self.processor, self.iri, hours, self.last_hour)
        # Every process draws the same batches and takes its part of each: a step is the same on any number of them.
        dataset = BatchDataset(
            self.targets, self.processor, c.longitude_jitter_deg, rows, self._collocate, c.physics_points, rank, world
        )
        return DataLoader(dataset, sampler=sampler, batch_size=None)

    def val_dataloader(self) -> DataLoader:
        return self.evaluation_loader(self.targets.select(self.split.rows(DEVELOPMENT)))

    def evaluation_loader(self, points: PointSet) -> DataLoader:
        """Batches of points, a day at a time, in order; its sampler tells which points each holds."""
        sampler = TimeBinSampler(points.coords[:, 3], EVALUATION_BATCH, bin_hours=24, shuffle=False)
        return DataLoader(BatchDataset(points, self.processor), sampler=sampler, batch_size=None)


def _days(time: np.ndarray) -> np.ndarray:
    if len(time) == 0:
        raise InputError("observations: there are no points; see the quality report for what was rejected")
    return np.arange(time.min().astype("datetime64[D]"), time.max().astype("datetime64[D]") + 1)


def _highest_kp(indices, days) -> np.ndarray:
    """Highest Kp of each day; indices may end within the last one."""
    of_day = indices["kp"].to_series().groupby(indices["time"].values.astype("datetime64[D]")).max()
    return of_day.reindex(days.astype("datetime64[s]"), fill_value=0.0).to_numpy()


def _usable(observations, iri, processor) -> tuple[PointSet, np.ndarray]:
    masks = []

    def usable(hours):
        masks.append(processor.usable(hours))
        return masks[-1]

    points = prepare_points(observations, iri, usable)
    if not len(points):
        raise InputError(
            f"none of {observations.sizes['point']} observations has a whole window of {processor.seq_len} h of TEC "
            "maps and indices; the maps must begin that many hours before the observations"
        )
    return points, torch.cat(masks).numpy()
