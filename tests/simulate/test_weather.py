"""The simulated weather: signs, places and delays of storms, driven by the real Kp."""

import numpy as np
import pytest

from rstmrf.simulate import month
from rstmrf.simulate.weather import FIELDS, Drive, Weather, anomaly_shape, ap_from_kp
from rstmrf.units import hours_since

pytestmark = pytest.mark.usefixtures("one_thread")
ONSET = float(hours_since(np.datetime64("2024-09-16T22"), month.START))  # before the storm of 17 September
STORM = float(hours_since(np.datetime64("2024-09-17T05"), month.START))


@pytest.fixture(scope="module")
def drive():
    return Drive(month.indices(), month.START)


@pytest.fixture(scope="module")
def weather():
    return month.weather()


def test_kp_is_that_of_september_2024():
    kp = month.indices().kp
    assert kp.sel(time="2024-09-17T01") == pytest.approx(7.333, abs=1e-3)
    assert kp.sel(time="2024-09-12T19") == pytest.approx(7.0)
    assert kp.sel(time=slice("2024-09-01", "2024-09-30T23")).max() == pytest.approx(7.333, abs=1e-3)
    assert kp.sel(time=slice("2024-09-01", "2024-09-30T23")).sizes["time"] == 720


def test_ap_of_kp_is_the_table():
    assert ap_from_kp([0.0, 1.0, 4.0, 4.333, 7.333, 9.0]).tolist() == [0, 4, 27, 32, 154, 400]


def test_the_delayed_drive_comes_after_the_prompt_one(drive):
    hours = np.arange(ONSET, ONSET + 48)
    assert np.argmax(drive.fast(hours)) + 4 < np.argmax(drive.slow(hours))
    assert drive.fast(STORM) > 0.6 > 0.1 > drive.fast(ONSET - 24 * 10)


def test_storms_raise_the_day_at_middle_and_lower_the_morning_at_high_latitudes(weather):
    def storm(hour, lon, dip):
        return weather.storm_dex(np.zeros(1), np.array([lon]), np.array([hour]), np.array([dip]))[0]

    assert storm(STORM, 15.0 * (14 - STORM % 24), 38.0) > 0.05
    later = STORM + 14
    assert storm(later, 15.0 * (5 - later % 24), 65.0) < -0.1
    assert storm(later, 15.0 * (18 - later % 24), 16.0) < 0  # the disturbance dynamo takes from the crests


def test_the_anomaly_has_two_crests_and_a_trough_in_the_evening_only():
    dip = np.array([-16.0, 0.0, 16.0, 60.0])
    assert np.allclose(anomaly_shape(dip, 18.0), [1, -0.6, 1, 0], atol=0.01)
    assert np.allclose(anomaly_shape(dip, 6.0), 0)


def test_travelling_waves_run_to_the_equator(weather):
    """The crest is found 550 km nearer to the equator a quarter of a period later."""
    km, dip = 2200.0 / 4, np.linspace(60, 30, 601)
    at = np.zeros(dip.size)

    def crest(hour):
        wave = weather.travelling_dex(at, at, at + hour, np.full((dip.size, 1), 300.0), dip)[:, 0]
        first = np.flatnonzero((wave[1:-1] > wave[:-2]) & (wave[1:-1] > wave[2:]))
        return dip[first + 1]

    now, later = crest(STORM)[0], crest(STORM + 1.2 / 4)
    assert np.abs((now - later) * 111.2 - km).min() < 60


def test_no_altitude_is_passed_twice(weather):
    rng = np.random.default_rng(0)
    n = 300
    lat, lon, hours = rng.uniform(-90, 90, n), rng.uniform(-180, 180, n), rng.uniform(0, 720, n)
    alt_km = np.broadcast_to(np.arange(80.0, 1000.0, 5.0), (n, 184))
    moved = alt_km - weather.descent_km(lat, lon, hours, alt_km)
    assert (np.diff(moved, axis=1) > 0).mean() > 0.999


def test_weather_without_its_random_fields_is_the_drivers(weather):
    bare = weather.only()
    at = (np.array([10.0, 50.0]), np.array([20.0, -60.0]), np.array([300.0, 400.0]), np.full((2, 1), 300.0))
    assert (bare.hidden_dex(*at) == 0).all() and (weather.hidden_dex(*at) != 0).all()
    assert np.abs(bare.visible_dex(*at)).max() > 0
    assert weather.only(*FIELDS).visible_dex(*at) == pytest.approx(weather.visible_dex(*at))


def test_weather_follows_from_its_seed(drive):
    at = (np.array([10.0]), np.array([20.0]), np.array([300.0]), np.array([[300.0]]))
    first, again, other = (Weather(drive, 2024, seed).visible_dex(*at) for seed in (1, 1, 2))
    assert first == again and first != other
    assert Weather(drive, 2024, 1, visible=2.0).visible_dex(*at) == pytest.approx(2 * first)
    assert Weather(drive, 2024, 1, hidden=0.0).hidden_dex(*at) == 0
