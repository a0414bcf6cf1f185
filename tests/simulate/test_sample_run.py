"""Simulated occultations and the nature run: facts of geometry, of the truth, and of the noise."""

import numpy as np
import pytest

from rstmrf.errors import InputError
from rstmrf.readers import sample
from rstmrf.simulate import sample_run as simulate
from rstmrf.simulate.orbits import GPS, LEVELS_KM, geodetic, occultations, read_tle, tangent_points, walker_orbit
from rstmrf.units import hours_since, local_time_hours

FIRST_HOUR = 12


pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(scope="module")
def one_day():
    pytest.importorskip("sgp4")
    return occultations(read_tle(simulate.TLE_FILE), "2019-04-25", "2019-04-26")


@pytest.fixture(scope="module")
def three_maps():
    from rstmrf.readers.tec import fill_poles, read_tec

    return fill_poles(read_tec(sample.TEC_FILE)).isel(time=slice(FIRST_HOUR, FIRST_HOUR + 3))


@pytest.fixture(scope="module")
def background():
    return sample.background()


@pytest.fixture(scope="module")
def truth(background, three_maps):
    return simulate.NatureRun(background, three_maps)


@pytest.fixture
def places():
    rng = np.random.default_rng(0)
    n = 300
    return rng.uniform(-89, 89, n), rng.uniform(-180, 180, n), FIRST_HOUR + rng.uniform(0, 2, n)


def test_a_day_has_some_hundreds_of_occultations(one_day):
    assert 200 < one_day.transmitter.size < 900
    assert set(one_day.transmitter) <= set(range(GPS.n_satellites))


def test_profiles_pass_every_level_once_and_in_order_of_time(one_day):
    alt_km = one_day.alt_km.reshape(-1, LEVELS_KM.size)
    assert np.array_equal(np.sort(alt_km, axis=1), np.broadcast_to(LEVELS_KM, alt_km.shape))
    steps = np.diff(alt_km, axis=1)
    assert np.all((steps == 5).all(axis=1) | (steps == -5).all(axis=1))
    assert 0.4 < (steps[:, 0] < 0).mean() < 0.6  # as many set as rise
    time = one_day.time.reshape(alt_km.shape)
    assert np.all(np.diff(time, axis=1) > np.timedelta64(0))
    minutes = (time[:, -1] - time[:, 0]) / np.timedelta64(1, "m")
    assert 1 < minutes.min() < minutes.max() < 6


def test_tangent_points_drift_by_hundreds_of_kilometres(one_day):
    lat, lon = (np.deg2rad(x.reshape(-1, LEVELS_KM.size)[:, [0, -1]]) for x in (one_day.lat, one_day.lon))
    cosine = np.sin(lat).prod(1) + np.cos(lat).prod(1) * np.cos(np.diff(lon, axis=1)[:, 0])
    drift_km = 6371 * np.arccos(np.clip(cosine, -1, 1))
    assert 200 < np.median(drift_km) < 600
    assert drift_km.max() < 2000


def test_low_latitudes_are_seen_at_two_local_times(one_day):
    low = np.abs(one_day.lat) < 30
    hours = hours_since(one_day.time, "2019-04-25")
    local = local_time_hours(hours, one_day.lon)[low]
    from_two = np.abs((local - 2 + 6) % 12 - 6)  # hours from 02 or 14, whichever is nearer
    assert from_two.max() < 5
    assert np.all(np.isin([1, 13], local.astype(int)))


def test_poles_and_all_longitudes_are_reached(one_day):
    assert one_day.lat.min() < -80 and one_day.lat.max() > 80
    assert np.histogram(one_day.lon, bins=12, range=(-180, 180))[0].min() > 0
    assert one_day.lon.min() >= -180 and one_day.lon.max() < 180


def test_tangent_point_is_the_lowest_of_the_ray_and_between_the_satellites():
    time_s = np.arange(0.0, 7200.0, 30.0)
    receiver = walker_orbit(GPS.__class__("low", 1, 1, 0, 98.7, 7207.0), 0, time_s)
    transmitter = walker_orbit(GPS, 3, time_s)
    velocity = np.gradient(receiver, time_s, axis=0)
    tangent, seen = tangent_points(receiver, velocity, transmitter)
    assert 0 < seen.sum() < time_s.size
    ray = transmitter - receiver
    assert np.allclose((tangent * ray).sum(1)[seen] / np.linalg.norm(ray, axis=1)[seen], 0, atol=1e-6)
    share = ((tangent - receiver) * ray).sum(1) / (ray**2).sum(1)
    assert np.all((share[seen] > 0) & (share[seen] < 1))
    assert np.all((receiver * ray).sum(1)[seen] < 0)  # the ray leaves below the horizontal


def test_geodetic_inverts_the_ellipsoid():
    lat, lon, alt_km = np.array([-90.0, -45, 0, 60, 90]), np.array([-180.0, -30, 0, 10, 170]), np.arange(120.0, 520, 80)
    a, e2 = 6378.137, 0.00669437999014
    phi, lam = np.deg2rad(lat), np.deg2rad(lon)
    n = a / np.sqrt(1 - e2 * np.sin(phi) ** 2)
    x, y = ((n + alt_km) * np.cos(phi) * f(lam) for f in (np.cos, np.sin))
    found = geodetic(np.stack([x, y, (n * (1 - e2) + alt_km) * np.sin(phi)], axis=1))
    assert np.allclose(found[0], lat, atol=1e-6)
    assert np.allclose(found[1][1:-1], lon[1:-1], atol=1e-9)
    assert np.allclose(found[2], alt_km, atol=1e-5)


def test_elements_that_are_not_there_are_named(tmp_path):
    file = tmp_path / "none.tle"
    file.write_text("# nothing\n")
    with pytest.raises(InputError, match=r"none\.tle: no two-line elements of FENGYUN 3D"):
        read_tle(file, "FENGYUN 3D")


def test_truth_follows_from_its_seed(background, three_maps, truth, places):
    lat, lon, hours = places
    again = simulate.NatureRun(background, three_maps)
    other = simulate.NatureRun(background, three_maps, seed=1)
    first = truth.log10_ne(lat, lon, 300.0, hours)
    assert np.array_equal(first, again.log10_ne(lat, lon, 300.0, hours))
    assert np.sqrt(np.mean((first - other.log10_ne(lat, lon, 300.0, hours)) ** 2)) > 0.03


def test_vtec_is_that_of_the_maps_with_the_centre_error(truth, three_maps):
    inside = np.abs(truth.scale_dex[1] - np.mean(np.log10(simulate.SCALE_LIMITS))) < 0.53  # not at a limit
    row, column = np.nonzero(inside)
    lat, lon = truth.lat[row], truth.lon[column]
    hours = np.full(lat.size, FIRST_HOUR + 1.0)
    maps = three_maps.vtec_tecu.values[1].astype(float)
    departure = truth.vtec_tecu(lat, lon, hours) - maps[row, column]
    mean = np.average(maps.mean(1), weights=np.cos(np.deg2rad(truth.lat)))
    expected = truth.centre_error(lat, lon, hours) * np.sqrt(maps[row, column] / mean)
    assert np.allclose(departure, expected, atol=0.05)
    assert 0.8 < np.sqrt(np.average(departure**2, weights=np.cos(np.deg2rad(lat)))) < 2.2
    assert inside.mean() > 0.75


def test_truth_is_iri_in_the_e_region_but_for_structure(truth, background, places):
    lat, lon, hours = places
    iri = background.log10_density(lat, lon, np.full(lat.size, 105.0), hours).numpy()
    assert np.allclose(truth.log10_ne(lat, lon, 105.0, hours) - iri, truth.structure(lat, lon, hours, 105.0), atol=1e-4)


def test_truth_goes_round_the_globe(truth):
    hours = np.full(3, FIRST_HOUR + 0.5)
    lat = np.array([-40.0, 0.0, 70.0])
    west, east = truth.log10_ne(lat, -179.9999, 250.0, hours), truth.log10_ne(lat, 179.9999, 250.0, hours)
    assert np.allclose(west, east, atol=1e-3)
    at_pole = truth.log10_ne(89.999, np.arange(-180.0, 180, 60), 250.0, FIRST_HOUR + 0.5)
    assert np.ptp(at_pole) < 0.02


def test_times_outside_the_maps_are_refused(truth, background, three_maps):
    with pytest.raises(InputError, match="hour 15 is outside 12 to 14"):
        truth.log10_ne(0.0, 0.0, 300.0, 15.0)
    with pytest.raises(InputError, match="give it all days"):
        late = three_maps.assign_coords(time=three_maps.time + np.timedelta64(3, "D"))
        simulate.NatureRun(background, late)


def test_smooth_field_has_its_deviation_and_its_scales():
    field = simulate.SmoothField(2.0, 1500.0, 6.0, np.random.default_rng(5), alt_scale_km=100.0, n_waves=512)
    rng = np.random.default_rng(6)
    lat, lon, hours = (
        np.rad2deg(np.arcsin(rng.uniform(-1, 1, 4000))),
        rng.uniform(-180, 180, 4000),
        400 * rng.random(4000),
    )
    values = field(lat, lon, hours, 300.0)
    assert abs(values.mean()) < 0.2 and 1.8 < values.std() < 2.2

    def correlation(**moved):
        at = {"lat": lat, "lon": lon, "hours": hours, "alt_km": 300.0} | moved
        return np.corrcoef(values, field(**at))[0, 1]

    assert correlation(hours=hours + 6.0) == pytest.approx(np.exp(-0.5), abs=0.1)
    assert correlation(alt_km=400.0) == pytest.approx(np.exp(-0.5), abs=0.1)
    assert correlation(lat=-lat, lon=lon + 180.0) == pytest.approx(0.0, abs=0.1)
    assert np.allclose(field.columns(lat, lon, hours, np.array([150.0, 300.0]))[:, 1], values)


def test_noise_grows_below_200_km_and_is_correlated_within_a_profile_only():
    sigma = simulate.sigma_log10_ne(LEVELS_KM)
    assert np.all(sigma[LEVELS_KM >= 200] == 0.03) and sigma[0] == pytest.approx(0.12)
    assert np.all(np.diff(sigma[LEVELS_KM <= 200]) < 0)
    n = 2000
    alt_km, profile = np.tile(LEVELS_KM, n), np.repeat(np.arange(n), LEVELS_KM.size)
    noise = simulate.profile_noise(alt_km, profile, np.random.default_rng(1)).reshape(n, -1)
    assert np.allclose(noise.std(axis=0), sigma, rtol=0.1)
    assert np.corrcoef(noise[:, 20], noise[:, 21])[0, 1] == pytest.approx(np.exp(-5 / 20), abs=0.05)
    assert np.corrcoef(noise[:, 20], noise[:, 40])[0, 1] == pytest.approx(np.exp(-100 / 20), abs=0.06)
    assert abs(np.corrcoef(noise[:-1, -1], noise[1:, 0])[0, 1]) < 0.08
