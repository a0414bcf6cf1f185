"""Which blocks of time are held out, and the gap that keeps training away from them."""

import numpy as np
from jaxtyping import Bool, Float, Int


def draw_blocks(
    blocks: Int[np.ndarray, " d"], n_held: int, n_development: int, rng, activity=None
) -> tuple[np.ndarray, np.ndarray]:
    """Blocks that are locked, and those of the development part, drawn at random.

    With `activity`, one number for each block [`d`], such as its highest Kp, both parts are drawn evenly over it, and
    each holds one of the most active blocks: a plain draw of a few days of a month may hold no storm at all.
    """
    if activity is None:
        drawn = rng.permutation(blocks)
        return drawn[:n_held], drawn[n_held : n_held + n_development]
    ties = rng.random(len(blocks))
    by_activity = blocks[np.lexsort((ties, np.asarray(activity, float)))]
    locked = _one_of_each(by_activity, n_held, rng)
    return locked, _one_of_each(by_activity[~np.isin(by_activity, locked)], n_development, rng)


def last_blocks(blocks: Int[np.ndarray, " d"], n_held: int, n_development: int) -> tuple[np.ndarray, np.ndarray]:
    """The last blocks are locked, those before them are the development part: a forecast."""
    return blocks[-n_held:], blocks[-n_held - n_development : -n_held]


def within_gap(
    hours: Float[np.ndarray, " p"], blocks: Int[np.ndarray, " d"], block_hours: float, gap_hours: float
) -> Bool[np.ndarray, " p"]:
    """Which hours [h] lie less than `gap_hours` before one of the blocks or after it, or within it."""
    start = np.asarray(blocks, float)[:, None] * block_hours
    near = (hours > start - gap_hours) & (hours < start + block_hours + gap_hours)
    return np.any(near, axis=0)


def _one_of_each(ordered, n_groups, rng):
    """One block of each of some groups of equal size; of the last group, the most active, one of its upper half."""
    groups = np.array_split(ordered, n_groups)
    groups[-1] = groups[-1][len(groups[-1]) // 2 :]
    return np.array([rng.choice(group) for group in groups])
