"""Scores by profile and by day: known values, and intervals that know what they do not know."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rstmrf.metrics.moments import SCORES, bootstrap, daily_moments, profile_days, profile_weights, scores_of


def moments(error, day=None, profile=None, seed=0):
    rng = np.random.default_rng(seed)
    observed = rng.normal(11, 0.5, len(error))
    day = np.arange(len(error)) if day is None else day
    weight = np.ones(len(error)) if profile is None else profile_weights(profile)
    return daily_moments(observed + error, observed, observed + 0.2, weight, day), observed


def test_a_profile_counts_once_whatever_its_points():
    weight = profile_weights(np.array([7, 7, 7, 7, 3, 3, 9]))
    assert weight.tolist() == [0.25, 0.25, 0.25, 0.25, 0.5, 0.5, 1.0]
    found, _ = moments(np.array([0.1, 0.1, 0.1, 0.1, -0.3]), profile=np.array([0, 0, 0, 0, 1]))
    assert scores_of(found.sum(0))["bias"] == pytest.approx(-0.1)


def test_scores_are_those_of_the_textbook():
    error = np.random.default_rng(1).normal(0.05, 0.1, 400)
    found, observed = moments(error)
    scores = scores_of(found.sum(0))
    assert scores["rmse"] == pytest.approx(np.sqrt(np.mean(error**2)))
    assert scores["mae"] == pytest.approx(np.abs(error).mean())
    assert scores["bias"] == pytest.approx(error.mean())
    assert scores["pearson"] == pytest.approx(np.corrcoef(observed, observed + error)[0, 1])
    assert scores["r2"] == pytest.approx(1 - np.mean(error**2) / observed.var())
    assert scores["skill"] == pytest.approx(1 - scores["rmse"] / 0.2)


@given(error=st.floats(0.01, 1.0), days=st.integers(3, 30))
def test_bootstrap_of_a_constant_has_no_width(error, days):
    found, _ = moments(np.full(days * 5, error), day=np.repeat(np.arange(days), 5))
    low, high = bootstrap(found, n=50)["rmse"]
    assert high - low == pytest.approx(0.0, abs=1e-7) and low == pytest.approx(error, rel=1e-6)


def test_bootstrap_knows_that_points_of_a_day_go_together():
    """Errors that are one number a day: the interval is that of ten witnesses, not of ten thousand."""
    rng = np.random.default_rng(3)
    of_day = rng.normal(0, 0.1, 10)
    found, _ = moments(np.repeat(of_day, 1000), day=np.repeat(np.arange(10), 1000))
    low, high = bootstrap(found)["bias"]
    assert 0.8 < (high - low) / (2 * 1.96 * of_day.std() / np.sqrt(10)) < 1.2


def test_two_days_tell_no_spread():
    found, _ = moments(np.array([0.1, 0.2]))
    assert all(np.isnan(bootstrap(found)[name]).all() for name in SCORES)


def test_a_profile_that_passes_midnight_is_of_the_day_it_begins():
    hours, profile = np.array([23.9, 24.1, 24.2, 50.0]), np.array([7, 7, 3, 9])
    assert profile_days(hours, profile).tolist() == [0, 0, 1, 2]
