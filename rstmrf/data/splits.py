"""What is held out, and batches that see few windows.

Points of one profile are a few kilometres apart: drawn at random, they land on both sides and the score is a leak. So
whole blocks of hours or whole days are held out, then whole profiles of the rest.
"""

import hashlib
from typing import NamedTuple

import numpy as np
import torch
from torch.utils.data import Sampler

from rstmrf.errors import InputError

TRAIN, DEVELOPMENT, TEST_PROFILES, TEST_TIMES = range(4)
NAMES = ("train", "development", "held-out profiles", "held-out times")
HELD_OUT_TIME_SHARE, HELD_OUT_PROFILE_SHARE, DEVELOPMENT_SHARE = 0.2, 0.15, 0.15


class Split(NamedTuple):
    """The part each point belongs to, `[P]`, and a hash that names the split."""

    part: np.ndarray
    digest: str

    def rows(self, *parts: int) -> np.ndarray:
        """Numbers of the points in some parts."""
        return np.flatnonzero(np.isin(self.part, parts))


def split_points(hours, profile, *, mode="hours", block_hours=3, seed=0) -> Split:
    """Assign points `[P]` to training, development and two kinds of held-out points.

    Args:
        hours: h since start; profile: number of each point's profile.
        mode: "hours" holds out blocks of `block_hours`, "days" whole UTC days; of the rest, both hold out whole profiles.
            "random" draws points: the leak, for comparison only.
        seed: of the draw.

    Raises:
        InputError: too few blocks, days or profiles to hold any out.
    """
    hours, profile = np.asarray(hours, float), np.asarray(profile)
    rng = np.random.default_rng(seed)
    if mode == "random":
        draw = rng.random(len(hours))
        part = np.select([draw < 0.15, draw < 0.30], [DEVELOPMENT, TEST_PROFILES], TRAIN)
        return _named(part)
    numbers, of_point = np.unique(profile, return_inverse=True)
    first_hour = np.full(len(numbers), np.inf)
    np.minimum.at(first_hour, of_point, hours)
    block = np.floor(first_hour / (24 if mode == "days" else block_hours)).astype(int)
    blocks = np.unique(block)
    if len(blocks) < 5:
        unit, remedy = ("days", ", or use split='hours'") if mode == "days" else (f"blocks of {block_hours} h", "")
        raise InputError(
            f"split={mode!r}: the profiles fill {len(blocks)} {unit}, 5 are needed to hold any out{remedy}"
        )
    held = rng.choice(blocks, max(1, round(HELD_OUT_TIME_SHARE * len(blocks))), replace=False)
    draw = rng.random(len(numbers))
    thresholds = [draw < DEVELOPMENT_SHARE, draw < DEVELOPMENT_SHARE + HELD_OUT_PROFILE_SHARE]
    of_profile = np.where(np.isin(block, held), TEST_TIMES, np.select(thresholds, [DEVELOPMENT, TEST_PROFILES], TRAIN))
    missing = [NAMES[i] for i in range(4) if i not in of_profile]
    if missing:
        raise InputError(f"split={mode!r}: {len(numbers)} profiles are too few, none is left for {', '.join(missing)}")
    return _named(of_profile[of_point])


class TimeBinSampler(Sampler[list[int]]):
    """Batches of point numbers, each from one bin of time, so that few windows serve it; shards over ranks.

    Args:
        hours: h since start of each point, `[P]`.
        batch_size: points in a batch; the last of a bin may be smaller.
        bin_hours: length of a bin.
        shuffle: draw anew each epoch, by `seed` and the epoch set with `set_epoch`.
        rank, world: this process and how many there are; every rank gets the same number of batches.
    """

    def __init__(self, hours, batch_size, *, bin_hours=3, shuffle=True, seed=0, rank=0, world=1):
        bins = torch.floor(torch.as_tensor(hours) / bin_hours).long()
        order = torch.argsort(bins, stable=True)
        self._bins = torch.split(order, torch.unique_consecutive(bins[order], return_counts=True)[1].tolist())
        self.batch_size, self.shuffle, self.seed, self.rank, self.world = batch_size, shuffle, seed, rank, world
        self.epoch = 0

    def set_epoch(self, epoch: int) -> None:
        """Choose the draw of an epoch."""
        self.epoch = epoch

    def __len__(self) -> int:
        return -(-sum(-(-len(b) // self.batch_size) for b in self._bins) // self.world)

    def __iter__(self):
        generator = torch.Generator().manual_seed(self.seed * 1_000_003 + self.epoch)
        batches = []
        for rows in self._bins:
            if self.shuffle:
                rows = rows[torch.randperm(len(rows), generator=generator)]
            batches += rows.split(self.batch_size)
        order = torch.randperm(len(batches), generator=generator) if self.shuffle else torch.arange(len(batches))
        order = order.repeat(2)[: len(self) * self.world]  # a few repeat, so that ranks stay in step
        for i in order[self.rank :: self.world].tolist():
            yield batches[i].tolist()


def _named(part) -> Split:
    part = part.astype(np.int8)
    return Split(part, hashlib.sha256(part.tobytes()).hexdigest()[:16])
