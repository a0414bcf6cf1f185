"""CRPS, coverage and PIT of uncertainties that are right, wrong, and constant."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rstmrf.metrics import calibration_table, calibration_verdict, crps_gaussian, recalibration_factor

N = 20_000
PROFILE = np.repeat(np.arange(N // 20), 20)
BANDS = {"altitude": np.tile(np.repeat(["low", "high"], 10), N // 20)}


@pytest.fixture
def truth():
    """A true σ that differs fourfold between two bands, and errors drawn from it."""
    sigma = np.where(BANDS["altitude"] == "low", 0.2, 0.05)
    return sigma, np.random.default_rng(0).normal(0, sigma)


def test_crps_of_a_true_gaussian_is_its_sigma_over_root_pi(truth):
    sigma, error = truth
    assert crps_gaussian(error / sigma, np.ones(N)).mean() == pytest.approx(1 / np.sqrt(np.pi), rel=0.02)


@given(error=st.floats(-3, 3), sigma=st.floats(0.05, 3))
def test_crps_is_the_integral_of_its_definition(error, sigma):
    from scipy.special import ndtr

    x = np.linspace(-30, 30, 60001)
    expected = np.trapezoid((ndtr(x / sigma) - (x >= error)) ** 2, x)
    assert crps_gaussian(error, sigma) == pytest.approx(expected, abs=2e-3)


def test_crps_of_a_sure_and_right_prediction_is_its_error():
    assert crps_gaussian(0.3, 1e-9) == pytest.approx(0.3, abs=1e-8)


def test_a_true_uncertainty_passes(truth):
    sigma, error = truth
    table = calibration_table(error, sigma, PROFILE, BANDS).set_index("cell")
    assert table.loc["all", "coverage_50"] == pytest.approx(0.5, abs=0.01)
    assert table.loc["all", "coverage_90"] == pytest.approx(0.9, abs=0.01)
    assert table.loc["all", "pit_distance"] < 0.02
    assert all(calibration_verdict(table.reset_index()).values())
    assert recalibration_factor(error, sigma, PROFILE) == pytest.approx(1, abs=0.03)


def test_an_untrained_sigma_fails_and_recalibration_mends_its_coverage(truth):
    _, error = truth
    untrained = np.full(N, np.log(2.0))  # softplus of zero
    assert not calibration_verdict(calibration_table(error, untrained, PROFILE, BANDS))["coverage_90"]
    mended = untrained * recalibration_factor(error, untrained, PROFILE)
    assert calibration_verdict(calibration_table(error, mended, PROFILE, BANDS))["coverage_90"]


def test_a_constant_sigma_fails_even_at_its_best(truth):
    _, error = truth
    constant = np.full(N, 0.1) * recalibration_factor(error, np.full(N, 0.1), PROFILE)
    verdict = calibration_verdict(calibration_table(error, constant, PROFILE, BANDS))
    assert verdict["coverage_90"] and not verdict["tells_places_apart"] and not verdict["coverage_90_by_altitude"]


def test_bands_with_too_few_profiles_are_not_judged(truth):
    sigma, error = truth
    table = calibration_table(error[:400], sigma[:400], PROFILE[:400])
    assert not table.loc[0, "estimable"] and np.isnan(table.loc[0, "crps"])
