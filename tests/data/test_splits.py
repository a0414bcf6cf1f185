"""Nothing held out is seen in training; batches see few windows and every point once."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from rstmrf.data.splits import DEVELOPMENT, TEST_PROFILES, TEST_TIMES, TRAIN, TimeBinSampler, split_points
from rstmrf.errors import InputError

POINTS_A_PROFILE = 20


def occultations(profiles=200, days=6.0, seed=0):
    """Hours and profile numbers; each profile lasts two minutes."""
    rng = np.random.default_rng(seed)
    first = np.sort(rng.uniform(0, 24 * days, profiles))
    hours = (first[:, None] + np.linspace(0, 1 / 30, POINTS_A_PROFILE)).ravel()
    return hours, np.repeat(np.arange(profiles), POINTS_A_PROFILE)


@pytest.mark.parametrize("mode", ["hours", "days", "random"])
@given(seed=st.integers(0, 1000))
@settings(max_examples=25)
def test_parts_are_disjoint_and_complete(mode, seed):
    hours, profile = occultations()
    split = split_points(hours, profile, mode=mode, seed=seed)
    rows = np.concatenate([split.rows(part) for part in (TRAIN, DEVELOPMENT, TEST_PROFILES, TEST_TIMES)])
    assert np.array_equal(np.sort(rows), np.arange(len(hours)))
    assert 0.35 < (split.part == TRAIN).mean() < 0.8


@pytest.mark.parametrize("mode", ["hours", "days"])
@given(seed=st.integers(0, 1000))
@settings(max_examples=25)
def test_no_profile_is_on_two_sides(mode, seed):
    hours, profile = occultations()
    part = split_points(hours, profile, mode=mode, seed=seed).part
    assert all(len(np.unique(part[profile == number])) == 1 for number in range(200))


def test_random_draw_is_the_leak_it_is_said_to_be():
    hours, profile = occultations()
    part = split_points(hours, profile, mode="random").part
    on_both_sides = [len(np.unique(part[profile == number])) > 1 for number in range(200)]
    assert np.mean(on_both_sides) > 0.9


@pytest.mark.parametrize(("mode", "length"), [("hours", 3), ("hours", 6), ("days", 24)])
def test_held_out_blocks_hold_no_training_profile(mode, length):
    hours, profile = occultations()
    part = split_points(hours, profile, mode=mode, block_hours=length, seed=3).part
    first = hours[::POINTS_A_PROFILE]
    of_profile, block = part[::POINTS_A_PROFILE], np.floor(first / length)
    held = np.unique(block[of_profile == TEST_TIMES])
    assert not np.isin(block[of_profile != TEST_TIMES], held).any()
    assert len(held) == max(1, round(0.2 * len(np.unique(block))))


def test_development_is_like_what_is_held_out():
    """Blocks of their own and single profiles of the blocks that training sees: it judges both kinds of skill."""
    hours, profile = occultations(profiles=600)
    of_profile = split_points(hours, profile).part[::POINTS_A_PROFILE]
    block = np.floor(hours[::POINTS_A_PROFILE] / 3)
    seen = np.isin(block[of_profile == DEVELOPMENT], block[of_profile == TRAIN])
    assert 0.1 < seen.mean() < 0.9


def test_a_profile_over_the_edge_of_a_block_goes_with_its_first_point():
    hours, profile = occultations()
    hours[:POINTS_A_PROFILE] = 2.99 + np.linspace(0, 0.03, POINTS_A_PROFILE)
    for seed in range(20):
        part = split_points(hours, profile, seed=seed).part
        assert len(np.unique(part[:POINTS_A_PROFILE])) == 1


def test_digest_names_the_split():
    given = occultations()
    digests = [split_points(*given, seed=seed).digest for seed in (0, 0, 1)]
    assert digests[0] == digests[1] != digests[2]


@pytest.mark.parametrize(
    ("mode", "days", "sentence"),
    [("days", 3.0, "fill 3 days, 5 are needed.*or use split='hours'"), ("hours", 0.4, "fill 4 blocks of 3 h, 5 are")],
)
def test_too_few_blocks_is_said(mode, days, sentence):
    with pytest.raises(InputError, match=sentence):
        split_points(*occultations(days=days), mode=mode)


def test_too_few_profiles_is_said():
    with pytest.raises(InputError, match="5 profiles are too few, none is left for"):
        split_points(np.arange(5) * 3.0, np.arange(5))


# Batches


@pytest.fixture
def hours():
    return torch.from_numpy(occultations()[0])


def test_every_point_is_seen_once_in_an_epoch(hours):
    sampler = TimeBinSampler(hours, 64)
    batches = list(sampler)
    assert sorted(i for b in batches for i in b) == list(range(len(hours)))
    assert len(batches) == len(sampler) and max(map(len, batches)) <= 64


@given(bin_hours=st.integers(1, 24), size=st.integers(1, 500))
@settings(max_examples=25)
def test_a_batch_comes_from_one_bin(bin_hours, size):
    times = torch.from_numpy(occultations()[0])
    for batch in TimeBinSampler(times, size, bin_hours=bin_hours):
        assert len(set(torch.floor(times[batch] / bin_hours).tolist())) == 1


def test_epochs_differ_and_a_seed_gives_the_same_again(hours):
    def order(epoch, seed=0):
        sampler = TimeBinSampler(hours, 64, seed=seed)
        sampler.set_epoch(epoch)
        return list(sampler)

    assert order(0) == order(0) != order(1)
    assert order(0) != order(0, seed=1)
    assert sorted(i for b in order(0) for i in b) == sorted(i for b in order(1) for i in b)


def test_without_shuffling_time_goes_on(hours):
    order = [i for batch in TimeBinSampler(hours, 64, shuffle=False) for i in batch]
    assert order == list(range(len(hours)))


@pytest.mark.parametrize("world", [2, 3, 5])
def test_ranks_share_the_batches_and_stay_in_step(hours, world):
    shards = [list(TimeBinSampler(hours, 64, seed=4, rank=rank, world=world)) for rank in range(world)]
    assert len({len(s) for s in shards}) == 1 == len({len(TimeBinSampler(hours, 64, world=world)), len(shards[0])})
    batches = [tuple(b) for s in shards for b in s]
    assert len(batches) - len(set(batches)) < world  # only what fills the last round is seen twice
    assert set(batches) == {tuple(b) for b in TimeBinSampler(hours, 64, seed=4)}


def test_one_batch_still_serves_many_ranks():
    few = torch.zeros(10)
    shards = [list(TimeBinSampler(few, 64, rank=rank, world=4)) for rank in range(4)]
    assert [len(s) for s in shards] == [1, 1, 1, 1]
