"""What is held out, and batches that see few windows.

Points of one profile are a few kilometres apart: drawn at random, they land on both sides and the score is a leak. So
whole blocks of hours or whole days are held out, then whole profiles of the rest.
"""

import hashlib
from typing import NamedTuple

import numpy as np
import torch
from torch.utils.data import Sampler

from rstmrf.data.held_out_days import draw_blocks, last_blocks, within_gap
from rstmrf.errors import InputError

TRAIN, DEVELOPMENT, TEST_PROFILES, TEST_TIMES, GAP = range(5)  # GAP: too near to what is held out, not used
NAMES = ("train", "development", "held-out profiles", "held-out times")
HELD_OUT_SHARE, DEVELOPMENT_SHARE = 0.2, 0.1  # of blocks of time, and again of the profiles in the other blocks
LEAST_BLOCKS = 5  # of hours, or days, so that one in five can be held out


class Split(NamedTuple):
    """The part each point belongs to, `[P]`, and a hash that names the split."""

    part: np.ndarray
    digest: str

    def rows(self, *parts: int) -> np.ndarray:
        """Numbers of the points in some parts, int32."""
        chosen = np.zeros(GAP + 1, bool)
        chosen[list(parts)] = True
        return np.flatnonzero(chosen[self.part]).astype(np.int32)


def split_points(hours, profile, *, mode="hours", block_hours=3, seed=0, gap_hours=0.0, activity=None) -> Split:
    """Assign points `[P]` to training, development and two kinds of held-out points.

    Development is like what is held out: blocks of time, and profiles of the blocks that training sees.

    Args:
        hours: h since start; profile: number of each point's profile.
        mode: "hours" holds out blocks of `block_hours`, "days" whole UTC days, "last-days" the last of them; of the
            rest, all hold out whole profiles. "random" draws points: the leak, for comparison only.
        seed: of the draw.
        gap_hours: h; with days, profiles of training this near to a development or held-out day are not used, nor
            those of development this near to a held-out day.
        activity: one number for each UTC day since start, such as its highest Kp; days are drawn evenly over it.

    Raises:
        InputError: too few blocks, days or profiles to hold any out.
    """
    hours, profile = np.asarray(hours), np.asarray(profile)
    rng = np.random.default_rng(seed)
    if mode == "random":
        draw = rng.random(len(hours))
        part = np.select([draw < 0.15, draw < 0.30], [DEVELOPMENT, TEST_PROFILES], TRAIN)
        return named_split(part)
    numbers, of_point = _renumbered(profile)
    first_hour = np.full(len(numbers), np.inf, hours.dtype)
    np.minimum.at(first_hour, of_point, hours)
    of_days = mode in ("days", "last-days")
    length = 24 if of_days else block_hours
    first_hour = first_hour.astype(float)
    block = np.floor(first_hour / length).astype(int)
    blocks = np.unique(block)
    if len(blocks) < LEAST_BLOCKS:
        plural = "" if len(blocks) == 1 else "s"
        unit, remedy = (
            (f"day{plural}", ", or use split='hours'") if of_days else (f"block{plural} of {block_hours} h", "")
        )
        raise InputError(
            f"split={mode!r}: the profiles fill {len(blocks)} {unit}, {LEAST_BLOCKS} are needed to hold any out{remedy}"
        )
    n_held, n_development = (max(1, round(share * len(blocks))) for share in (HELD_OUT_SHARE, DEVELOPMENT_SHARE))
    if mode == "last-days":
        held, development = last_blocks(blocks, n_held, n_development)
    else:
        active = None if activity is None or not of_days else np.asarray(activity)[blocks]
        held, development = draw_blocks(blocks, n_held, n_development, rng, active)
    draw = rng.random(len(numbers))
    of_profile = np.select(
        [
            np.isin(block, held),
            np.isin(block, development) | (draw < DEVELOPMENT_SHARE),
            draw < DEVELOPMENT_SHARE + HELD_OUT_SHARE,
        ],
        [TEST_TIMES, DEVELOPMENT, TEST_PROFILES],
        TRAIN,
    )
    if of_days and gap_hours:
        beside_held = within_gap(first_hour, held, length, gap_hours) & (of_profile != TEST_TIMES)
        beside_development = within_gap(first_hour, development, length, gap_hours) & ~np.isin(block, development)
        of_profile[beside_held | (beside_development & (of_profile != TEST_TIMES))] = GAP
    missing = [NAMES[i] for i in range(4) if i not in of_profile]
    if missing:
        raise InputError(f"split={mode!r}: {len(numbers)} profiles are too few, none is left for {', '.join(missing)}")
    return named_split(of_profile.astype(np.int8)[of_point])


def _renumbered(profile):
    """The profiles' numbers in order, and for each point where its own stands among them; without sorting points."""
    first = profile.min()
    there = np.zeros(profile.max() - first + 1, bool)
    there[profile - first] = True
    place = np.cumsum(there, dtype=np.int32) - 1
    return np.flatnonzero(there) + first, place[profile - first]


class TimeBinSampler(Sampler[list[int]]):
    """Batches of point numbers from a few bins of time each, so that few windows serve a batch; shards over ranks.

    The bins of a batch are drawn at random over the whole run: batches of neighbouring hours would each pull the field
    to their own part of the globe.

    Args:
        hours: h since start of each point, `[P]`.
        batch_size: points in a batch; the last of a group of bins may be smaller.
        bin_hours: length of a bin.
        bins_per_batch: bins that share a batch; N is at most `bin_hours` times this.
        shuffle: draw anew each epoch, by `seed` and the epoch set with `set_epoch`; else all in order of time.
        rank, world: this process and how many there are; every rank gets the same number of batches.
        epoch: see `set_epoch`.
    """

    def __init__(
        self, hours, batch_size, *, bin_hours=1, bins_per_batch=1, shuffle=True, seed=0, rank=0, world=1, epoch=0
    ):
        bins = torch.floor(torch.as_tensor(hours) / bin_hours).int()
        bins, order = torch.sort(bins, stable=True)
        self._bins = torch.split(order.int(), torch.unique_consecutive(bins, return_counts=True)[1].tolist())
        self.batch_size, self.bins_per_batch = batch_size, bins_per_batch
        self.shuffle, self.seed, self.rank, self.world = shuffle, seed, rank, world
        self.epoch = epoch

    def set_epoch(self, epoch: int) -> None:
        """Choose the draw of an epoch."""
        self.epoch = epoch

    def __len__(self) -> int:
        """Batches of this epoch on this rank; epochs differ by a few where bins are grouped."""
        groups = self._groups(self._generator())
        batches = sum(-(-sum(map(len, group)) // self.batch_size) for group in groups)
        return -(-batches // self.world)

    def __iter__(self):
        batches = self._batches()
        n_all = -(-len(batches) // self.world) * self.world  # a few repeat, so that ranks stay in step
        for i in range(self.rank, n_all, self.world):
            yield batches[i % len(batches)].tolist()

    def _generator(self):
        return torch.Generator().manual_seed(self.seed * 1_000_003 + self.epoch)

    def _drawn(self, items, generator):
        if not self.shuffle:
            return list(items)
        return [items[i] for i in torch.randperm(len(items), generator=generator).tolist()]

    def _groups(self, generator):
        bins = self._drawn(self._bins, generator)
        return [bins[first : first + self.bins_per_batch] for first in range(0, len(bins), self.bins_per_batch)]

    def _batches(self):
        generator, batches = self._generator(), []
        for group in self._groups(generator):
            rows = torch.cat(group)
            if self.shuffle:
                rows = rows[torch.randperm(len(rows), generator=generator)]
            batches += rows.split(self.batch_size)
        return self._drawn(batches, generator)


def named_split(part) -> Split:
    """A split of points `[P]` by the number of each one's part, with its hash."""
    part = part.astype(np.int8)
    return Split(part, hashlib.sha256(part.tobytes()).hexdigest()[:16])
