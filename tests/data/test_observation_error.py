"""The error of observations that pairs tell, against errors that are known."""

import numpy as np
import pytest
import torch

from rstmrf.data.observation_error import BANDS_KM, FEWEST_PAIRS, observation_error
from rstmrf.simulate.smooth_fields import SmoothField

LEVELS_KM = np.arange(130.0, 500.0, 20.0)


def profiles(n_profiles, noise_dex, field_dex=0.12, seed=0):
    """Departures of profiles whose background errs smoothly and whose own errors are drawn apart, by altitude."""
    rng = np.random.default_rng(seed)
    lat = np.rad2deg(np.arcsin(rng.uniform(-1, 1, n_profiles)))
    lon, hours = rng.uniform(-180, 180, n_profiles), rng.uniform(0, 72, n_profiles)
    field = SmoothField(field_dex, 2500.0, 14.0, rng)(lat, lon, hours)
    coords = np.stack([np.repeat(x, len(LEVELS_KM)) for x in (lat, lon, hours, hours)], axis=1)
    coords[:, 2] = np.tile(LEVELS_KM, n_profiles)
    own = rng.standard_normal((n_profiles, len(LEVELS_KM))) * noise_dex(LEVELS_KM)
    return coords, (field[:, None] + own).ravel(), np.repeat(np.arange(n_profiles), len(LEVELS_KM))


@pytest.mark.parametrize("seed", [0, 1])
def test_it_finds_what_was_added_to_a_smooth_field(seed):
    noise = lambda alt_km: np.where(alt_km < 200, 0.2, np.where(alt_km < 300, 0.1, 0.06))  # noqa: E731
    found = observation_error(*profiles(1500, noise, seed=seed))
    assert found.known and (found.pairs > FEWEST_PAIRS).all()
    np.testing.assert_allclose(found.sigma_dex, np.array([[0.2], [0.1], [0.06]]) * np.ones(2), rtol=0.2, atol=0.012)
    lowest = np.sqrt(found.sigma_dex[0] ** 2 - found.sigma_dex[2] ** 2)
    np.testing.assert_allclose(found.excess_dex, [lowest, [0.0, 0.0], [0.0, 0.0]])


def test_observations_without_an_error_have_none():
    found = observation_error(*profiles(1500, lambda alt_km: 0 * alt_km))
    assert (found.sigma_dex < 0.05).all()


def test_too_few_pairs_tell_nothing():
    found = observation_error(*profiles(20, lambda alt_km: 0.1 + 0 * alt_km))
    assert not found.known and found.sigma_dex.shape == (len(BANDS_KM) - 1, 2)


def test_more_profiles_than_are_needed_are_drawn_from(monkeypatch):
    monkeypatch.setattr("rstmrf.data.observation_error.MOST_PROFILES", 900)
    given = profiles(1500, lambda alt_km: 0.1 + 0 * alt_km)
    first, again = observation_error(*given), observation_error(*given)
    np.testing.assert_array_equal(first.sigma_dex, again.sigma_dex)
    np.testing.assert_allclose(first.sigma_dex, 0.1, atol=0.03)


def test_a_band_without_points_is_unknown():
    coords, departures, profile = profiles(1500, lambda alt_km: 0.1 + 0 * alt_km)
    high = coords[:, 2] > 200
    found = observation_error(coords[high], departures[high], profile[high])
    assert (found.sigma_dex[0] == 0).all() and (found.sigma_dex[1:] > 0.05).all()


def test_tensors_are_accepted():
    coords, departures, profile = profiles(200, lambda alt_km: 0.1 + 0 * alt_km)
    given = torch.from_numpy(coords).float(), torch.from_numpy(departures), torch.from_numpy(profile)
    assert observation_error(*given).sigma_dex.shape == (3, 2)
