"""The month with known truth, a few hours of it: TEC, hidden structure, two centres, profiles with their errors."""

import numpy as np
import pytest

from rstmrf.background import vtec
from rstmrf.errors import InputError
from rstmrf.globe import mean_cosine
from rstmrf.simulate import month, month_profiles, nature

pytestmark = pytest.mark.usefixtures("one_thread")
HOURS = 4


@pytest.fixture(scope="module")
def iri():
    return month.background()


@pytest.fixture(scope="module")
def made(iri):
    return month.make_truth(iri, n_hours=HOURS)


@pytest.fixture(scope="module")
def found():
    pytest.importorskip("sgp4")
    return month_profiles.tracks(1500, n_hours=HOURS)


@pytest.fixture(scope="module")
def observed(made, found):
    return month_profiles.observe(made[0], found)


def nodes(hour):
    lat, lon = (x.ravel() for x in np.meshgrid(nature.LAT, nature.LON, indexing="ij"))
    return lat, lon, np.full(lat.size, float(hour))


def test_tec_of_the_truth_is_the_integral_of_its_density(made):
    truth, ds = made
    assert ds.sizes["time"] == HOURS + 1
    assert np.allclose(truth.vtec_tecu(*nodes(2)), ds.vtec_tecu.values[2].ravel(), rtol=1e-4, atol=1e-3)


def test_what_is_hidden_is_hidden_from_tec(made):
    """Without what TEC shows, TEC is IRI's own, though density is not."""
    truth, ds = made
    at, levels = nodes(2), np.broadcast_to(vtec.LEVELS_KM, (nodes(2)[0].size, vtec.LEVELS_KM.size))
    seen = truth.departures.visible_dex(*at, levels)
    hidden_only = truth.columns(*at, levels) - seen
    own = ds.vtec_iri_tecu.values[2].ravel() - vtec.plasmasphere_tecu(at[0])
    assert np.allclose(vtec.integrate(hidden_only, np.zeros(own.size))[0], own, rtol=2e-3)
    at_350 = np.argmin(abs(vtec.LEVELS_KM - 350))
    departure = hidden_only[:, at_350] - vtec.iri_columns(truth.background, *at, levels)[:, at_350]
    assert 0.05 < departure.std() < 0.2


def test_density_does_not_climb_where_tec_does_everywhere(made):
    truth, ds = made
    ne = truth.columns(*nodes(2), np.full((nodes(2)[0].size, 1), 350.0)).reshape(1, nature.LAT.size, -1)
    assert 0.6 < mean_cosine(ne, ds.vtec_tecu.values[2:3]) < 0.92


def test_two_centres_err_apart(made):
    ds = made[1]
    true = ds.vtec_tecu.values[:-1, 1:-1]
    first, other = (month.centre_maps(ds, k).vtec_tecu.values - true for k in (0, 1))
    assert first.shape == (HOURS, 71, 72)
    for error in (first, other):
        assert 1.0 < error.std() < 3.5
    assert abs(np.corrcoef(first.ravel(), other.ravel())[0, 1]) < 0.6  # four hours: some chance agreement, and the blur
    assert "simulated" in month.centre_maps(ds, 0).attrs["source"]


def test_a_truth_is_read_again(made, tmp_path, iri):
    truth, ds = made
    ds.to_netcdf(tmp_path / "truth.nc", engine="h5netcdf")
    again = month.read_truth(tmp_path / "truth.nc", iri)
    place = np.array([10.0]), np.array([20.0]), np.array([300.0]), np.array([1.5])
    assert again.log10_ne(*place) == pytest.approx(truth.log10_ne(*place), abs=1e-6)


def test_profiles_are_as_many_as_the_points_ask_for(found):
    assert found.alt_km.tolist() == np.arange(120.0, 501.0, 10.0).tolist()
    assert len(found.lat) == round(1500 / 39 / month_profiles.KEPT_SHARE)
    fine = month_profiles.tracks(20_000, n_hours=HOURS)
    assert np.diff(fine.alt_km).max() < 10
    with pytest.raises(InputError, match="points=10000000"):
        month_profiles.tracks(10_000_000, n_hours=HOURS)


def test_fine_levels_agree_with_those_of_5_km(made, found):
    lat, lon, hours = (np.full((1, 381), x) for x in (15.0, 30.0, 1.5))
    fine = month_profiles._true_profiles(made[0], lat, lon, np.arange(120.0, 501.0), hours)[0]
    exact = made[0].log10_ne(lat[0], lon[0], np.arange(120.0, 501.0), hours[0])
    assert np.abs(fine - exact).max() < 0.02


def test_observations_are_those_of_real_data_with_the_truth_beside_them(observed, found):
    from rstmrf.readers.observations import COORDINATES

    assert set(COORDINATES) <= set(observed.coords) and {"log10_ne_m3", "sigma_log10_ne"} <= set(observed)
    assert "simulated" in observed.attrs["source"] and observed.attrs["profiles"] == len(found.lat)
    dropped = observed.attrs["points_dark"] + observed.attrs["points_faint"]
    assert observed.sizes["point"] + dropped == found.lat.size
    error = (observed.log10_ne_m3 - observed.true_log10_ne_m3).values
    low, high = observed.alt_km.values < 200, observed.alt_km.values > 300
    assert np.std(error[high]) < 0.1 < np.std(error[low])


def test_what_inversion_drowns_is_left_out(observed):
    frame = observed.to_dataframe()
    highest = frame.groupby("profile")["log10_ne_m3"].transform("max")
    assert (frame["log10_ne_m3"] >= highest + np.log10(month_profiles.FAINTEST_SHARE) - 1e-5).all()


def test_profiles_follow_from_their_seed(made, found, observed):
    again = month_profiles.observe(made[0], found)
    assert np.array_equal(again.log10_ne_m3, observed.log10_ne_m3)


@pytest.mark.parametrize("name", month.MONTHS)
def test_each_month_has_indices_for_its_days_and_the_longest_history(name):
    its = month.MONTHS[name]
    kp = month.indices(its)["kp"]
    first, last = its.hours
    assert kp.time.values[0] <= first - np.timedelta64(240, "h") and kp.time.values[-1] >= last - np.timedelta64(1, "h")
    assert np.isfinite(kp).all()
    assert str(month.background(its).start) == name


def test_the_storm_month_has_ten_days_of_storm():
    kp = month.indices(month.STORMS)["kp"].sel(time=slice(*month.STORMS.hours))
    assert (kp.resample(time="1D").max() > 4.5).sum() == 10 and kp.max() == pytest.approx(9.0, abs=0.1)


def test_the_storm_months_truth_and_profiles_begin_on_its_first_day():
    iri = month.background(month.STORMS)
    truth, made = month.make_truth(iri, 1, n_hours=4, month=month.STORMS)
    assert str(made.time.values[0])[:10] == "2024-04-19"
    found = month_profiles.tracks(400, n_hours=4, start=month.STORMS.start)
    observed = month_profiles.observe(truth, found)
    assert observed.time.min() >= month.STORMS.start and "2024-04-19" in observed.attrs["title"]
    error = (observed.log10_ne_m3 - observed.true_log10_ne_m3).values
    assert np.sqrt(np.mean(error**2)) < 0.2
