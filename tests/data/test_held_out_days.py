"""Held-out days: storms among them, a forecast, and the gap round them."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from rstmrf.data.held_out_days import draw_blocks, last_blocks, within_gap
from rstmrf.data.splits import DEVELOPMENT, GAP, TEST_TIMES, TRAIN, split_points

DAYS = np.arange(30)


@given(seed=st.integers(0, 10_000))
def test_a_storm_is_locked_and_one_is_left_to_develop_on(seed):
    activity = np.where(np.isin(DAYS, (11, 12, 16)), 7.0, 3.0) + np.linspace(0, 0.5, 30)
    locked, development = draw_blocks(DAYS, 6, 3, np.random.default_rng(seed), activity)
    assert len(np.unique([*locked, *development])) == 9
    assert np.isin(locked, (11, 12, 16)).sum() == 1
    quiet_third = np.argsort(activity)[:10]
    assert np.isin(locked, quiet_third).sum() == 2


def test_the_last_days_are_the_forecast():
    locked, development = last_blocks(DAYS, 6, 3)
    assert locked.tolist() == [24, 25, 26, 27, 28, 29] and development.tolist() == [21, 22, 23]


def test_the_gap_is_open_at_its_ends():
    assert within_gap(np.array([17.9, 18.0, 18.1, 30.0, 54.0, 53.9]), np.array([1]), 24, 6).tolist() == [
        False,
        False,
        True,
        True,
        False,
        True,
    ]


@given(seed=st.integers(0, 1000), gap_hours=st.integers(1, 12), mode=st.sampled_from(["days", "last-days"]))
def test_nothing_that_trains_is_near_a_held_out_day(seed, gap_hours, mode):
    rng = np.random.default_rng(seed)
    hours, profile = np.sort(rng.uniform(0, 720, 1500)), np.arange(1500)
    part = split_points(hours, profile, mode=mode, seed=seed, gap_hours=gap_hours).part
    held = np.unique(hours[part == TEST_TIMES] // 24)
    near_held = within_gap(hours, held, 24, gap_hours)
    assert set(part[near_held]) <= {TEST_TIMES, GAP}
    only_development = np.setdiff1d(np.unique(hours[part == DEVELOPMENT] // 24), np.unique(hours[part == TRAIN] // 24))
    assert not within_gap(hours[part == TRAIN], only_development, 24, gap_hours).any()


def test_a_forecast_trains_on_nothing_after_the_last_observed_hour():
    hours = np.linspace(0, 719.9, 3000)
    part = split_points(hours, np.arange(3000), mode="last-days", gap_hours=6).part
    assert hours[(part == TRAIN) | (part == DEVELOPMENT)].max() < hours[part == TEST_TIMES].min() - 5
