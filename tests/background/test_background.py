"""The IRI background equals PyIRI, its derivatives equal differences, and it is smooth round the globe.

Monthly maps come from the user's cache folder; where it is empty, PyIRI makes them first (half a minute, once).
"""

import datetime
import warnings

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from rstmrf.background import IriBackground, maps, profile
from rstmrf.background.days import DayMaps
from rstmrf.errors import InputError
from rstmrf.runtime import in_threads

START, IG12, N_DAYS = datetime.date(2019, 4, 25), 2.0, 2
ALT_KM = np.arange(100.0, 801.0, 20.0)
N_TIMES, N_PLACES = 20, 25

latitudes, longitudes = st.floats(-90, 90), st.floats(-180, 180)
altitudes, hours = st.floats(80, 1000), st.floats(0, 24 * N_DAYS, exclude_max=True)


def f107_of(ig12):
    """The F10.7 from which PyIRI would find this IG12: then both drivers agree."""
    from PyIRI.main_library import IG12_2_F107

    return float(IG12_2_F107(ig12))


def background(dtype=torch.float32, start=START, days=N_DAYS, ig12=IG12):
    return IriBackground(start, [ig12] * days, [f107_of(ig12)] * days, dtype=dtype)


@pytest.fixture(scope="module")
def iri():
    return background()


@pytest.fixture(scope="module")
def exact():
    return background(torch.float64)


def random_points(n, seed=0):
    rng = np.random.default_rng(seed)
    lat = np.rad2deg(np.arcsin(rng.uniform(-1, 1, n)))
    return lat, rng.uniform(-180, 180, n), rng.uniform(80, 1000, n), rng.uniform(0, 24 * N_DAYS, n)


# Against PyIRI itself


def pyiri_log10_density(time, lat, lon, f107):
    """PyIRI at places `[P]`, `[altitude, P]`; a place beside the subsolar point anchors its F1 probability."""
    import PyIRI.sh_library as pyiri_sh

    sun_lon, sun_lat = (float(np.squeeze(x)) for x in pyiri_sh.find_subsolar(time, adjust_type="to180"))
    lat, lon = np.append(lat, sun_lat + 0.05), np.append(lon, sun_lon)  # exactly under the Sun PyIRI gives NaN
    ut = np.array([time.hour + (time.minute + 1e-6) / 60])  # PyIRI drops what is less than a whole minute
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        *_, density = pyiri_sh.IRI_density_1day(
            time.year, time.month, time.day, ut, lon, lat, ALT_KM, f107, old_output=False
        )
    return np.log10(density[0, :, :-1])


def test_equals_pyiri_at_random_times_and_places(iri):
    rng = np.random.default_rng(3)
    differences = []
    for minute in rng.integers(0, 24 * 60 * N_DAYS, N_TIMES).tolist():
        lat, lon = np.rad2deg(np.arcsin(rng.uniform(-1, 1, N_PLACES))), rng.uniform(-180, 180, N_PLACES)
        time = datetime.datetime.combine(START, datetime.time()) + datetime.timedelta(minutes=minute)
        truth = pyiri_log10_density(time, lat, lon, f107_of(IG12))
        alt_at, lat_at = (x.ravel() for x in np.meshgrid(ALT_KM, lat, indexing="ij"))
        lon_at = np.tile(lon, len(ALT_KM))
        ours = iri.log10_density(lat_at, lon_at, alt_at, np.full(lat_at.shape, minute / 60))
        differences.append(ours.numpy().reshape(truth.shape) - truth)
    differences = np.stack(differences)
    assert np.isfinite(differences).all()
    assert np.sqrt(np.mean(differences**2)) <= 0.002
    assert np.quantile(np.abs(differences), 0.999) <= 0.01
    assert np.abs(differences).max() <= 0.05


# Derivatives


@pytest.mark.parametrize(
    ("member", "axis", "step"), [("d_dlat_per_deg", 0, 1e-4), ("d_dlon_per_deg", 1, 1e-4), ("d_dalt_per_km", 2, 1e-3)]
)
def test_first_derivatives_equal_central_differences(exact, member, axis, step):
    points = [torch.from_numpy(x) for x in random_points(4000)]
    points[0].clamp_(-89.9, 89.9), points[2].clamp_(80.1, 999.9)
    ahead, behind = list(points), list(points)
    ahead[axis], behind[axis] = points[axis] + step, points[axis] - step
    difference = (exact.log10_density(*ahead) - exact.log10_density(*behind)) / (2 * step)
    ours = getattr(exact.evaluate(*points), member)
    error = (ours - difference).abs()  # one in a hundred may lie at a kink, where layers join
    assert error.quantile(0.99) < 0.01 * difference.square().mean().sqrt()


def test_second_derivative_equals_the_difference_of_the_first(exact):
    lat, lon, alt_km, hours = (torch.from_numpy(x) for x in random_points(4000))
    alt_km.clamp_(80.1, 999.9)
    ahead, behind = (exact.evaluate(lat, lon, alt_km + step, hours).d_dalt_per_km for step in (1e-3, -1e-3))
    difference = (ahead - behind) / 2e-3
    error = (exact.evaluate(lat, lon, alt_km, hours).d2_dalt2_per_km2 - difference).abs()
    assert error.quantile(0.99) < 0.01 * difference[error < 1e-3].square().mean().sqrt()


def test_single_precision_is_enough(iri, exact):
    points = random_points(4000, seed=5)
    for ours, truth in zip(iri.evaluate(*points), exact.evaluate(*points), strict=True):
        assert (ours - truth).abs().quantile(0.99) < 0.01 * truth.std()


def test_evaluate_and_log10_density_agree(iri):
    points = random_points(2000, seed=6)
    assert torch.allclose(iri.evaluate(*points).log10_ne_m3, iri.log10_density(*points), atol=2e-6)


def test_points_are_what_they_are_alone_whatever_lies_beside_them(iri, monkeypatch):
    """Chunks, their order in time and the threads that take them leave no trace, and errors name the point given."""
    points = random_points(3000, seed=7)
    whole = iri.evaluate(*points)
    monkeypatch.setattr("rstmrf.background.iri._CHUNK", 128)
    monkeypatch.setattr("rstmrf.background.iri._BLOCK", 512)
    for ours, truth in zip(iri.evaluate(*points), whole, strict=True):
        assert torch.allclose(ours, truth, rtol=1e-5, atol=1e-5 * truth.abs().max())
    points[2][[1700, 2900]] = 50.0, 60.0
    with pytest.raises(InputError, match=r"alt_km\[1700\] is 50"):
        iri.evaluate(*points)


@pytest.mark.parametrize("threads", [1, 3])
def test_pieces_are_all_done_and_the_first_error_is_raised(threads):
    done, before = [], torch.get_num_threads()

    def work(piece):
        if piece in (5, 7):
            raise ValueError(str(piece))
        done.append((piece, torch.get_num_threads()))

    torch.set_num_threads(threads)
    try:
        in_threads(work, range(5))
        assert sorted(done) == [(piece, 1) for piece in range(5)]
        with pytest.raises(ValueError, match="5"):
            in_threads(work, range(9))
        assert torch.get_num_threads() == threads
    finally:
        torch.set_num_threads(before)


def test_columns_are_the_points_above_each_place(iri):
    lat, lon, _, hours = random_points(200, seed=12)
    alt_km = np.linspace(80, 1000, 31)
    columns = iri.log10_density_columns(lat, lon, alt_km, hours)
    points = [np.repeat(x, 31) for x in (lat, lon, hours)]
    expected = iri.log10_density(points[0], points[1], np.tile(alt_km, 200), points[2])
    assert torch.allclose(columns, expected.view(200, 31), atol=2e-6)
    with pytest.raises(InputError, match=r"alt_km\[1\] is 50, outside 80 to 1000"):
        iri.log10_density_columns(lat, lon, [100.0, 50.0], hours)


# Everywhere on the globe, at any time


@given(lat=latitudes, lon=longitudes, alt_km=altitudes, hour=hours)
def test_finite_at_any_point(iri, lat, lon, alt_km, hour):
    found = torch.cat(list(iri.evaluate([lat], [lon], [alt_km], [hour])))
    assert torch.isfinite(found).all()
    assert 0 <= found[0] < 14


def test_finite_densely_and_in_the_corners(iri):
    corners = np.meshgrid(
        [-90.0, -89.999, 0.0, 90.0], [-180.0, 0.0, 179.999, 180.0], [80.0, 110.0, 300.0, 1000.0], range(48)
    )
    for points in (random_points(20000, seed=9), [x.ravel().astype(float) for x in corners]):
        assert all(torch.isfinite(member).all() for member in iri.evaluate(*points))


@given(lat=latitudes, lon=longitudes, alt_km=altitudes, hour=hours)
def test_periodic_in_longitude(exact, lat, lon, alt_km, hour):
    here, there = (
        torch.stack(list(exact.evaluate([lat], [x], [alt_km], [hour]))) for x in np.float64([lon, lon + 360])
    )
    assert torch.allclose(here, there, rtol=1e-6, atol=1e-9)


def test_one_value_at_each_pole(exact):
    lon = np.linspace(-180, 180, 13)
    for lat in (-90.0, 90.0):
        values = exact.log10_density(np.full(13, lat), lon, np.full(13, 300.0), np.full(13, 7.5))
        assert np.ptp(values.numpy()) < 1e-3


def test_no_step_at_midnight(iri):
    lat, lon, alt_km, _ = random_points(500, seed=2)
    before, after = (iri.log10_density(lat, lon, alt_km, np.full(500, x)) for x in (24 - 1e-4, 24.0))
    step = (before - after).abs()  # the maps themselves change by a thirtieth of a month
    assert step.median() < 0.01 and step.max() < 0.05


def test_a_day_is_the_same_whichever_day_the_count_begins(iri):
    second = background(start=START + datetime.timedelta(days=1), days=1)
    lat, lon, alt_km, hours = random_points(500, seed=4)
    alone = second.log10_density(lat, lon, alt_km, hours % 24)
    assert torch.allclose(iri.log10_density(lat, lon, alt_km, hours % 24 + 24), alone, atol=1e-5)


def test_peak_is_the_highest_density_of_the_profile(exact):
    lat, lon, _, hours = random_points(30, seed=8)
    nm_f2, hm_f2 = exact.peak(lat, lon, hours)
    assert ((hm_f2 > 180) & (hm_f2 < 450)).all()
    at_peak = exact.evaluate(lat, lon, hm_f2, hours)
    assert torch.allclose(at_peak.log10_ne_m3, torch.log10(nm_f2), atol=1e-3)
    for above in (-20.0, 20.0):
        assert (exact.log10_density(lat, lon, hm_f2 + above, hours) < at_peak.log10_ne_m3).all()


def test_more_solar_activity_makes_more_density():
    noon = ([10.0], [0.0], [12.0])
    quiet, active = (background(ig12=ig12, days=1).peak(*noon)[0] for ig12 in (0.0, 100.0))
    assert 1.5 < active / quiet < 4


def test_r12_is_iris_own_conversion():
    from PyIRI.main_library import F107_2_R12

    flux = np.array([65.0, 100.0, 200.0])
    assert np.allclose(profile.r12_from_f107(torch.from_numpy(flux)).numpy(), F107_2_R12(flux), rtol=1e-6)


# What is refused


@pytest.mark.parametrize(
    ("point", "sentence"),
    [
        ((0.0, 0.0, 50.0, 1.0), r"alt_km\[1\] is 50, outside 80 to 1000"),
        (
            (0.0, 0.0, 300.0, 48.0),
            r"hours\[1\] is 48, outside 0 to 48 h since 2019-04-25; give drivers for that day too",
        ),
        ((0.0, 0.0, 300.0, -0.5), r"hours\[1\] is -0.5"),
        ((91.0, 0.0, 300.0, 1.0), r"lat\[1\] is 91, outside -90 to 90"),
        ((0.0, np.nan, 300.0, 1.0), r"lon\[1\] is nan"),
    ],
)
def test_points_outside_are_named(iri, point, sentence):
    good = (0.0, 0.0, 300.0, 1.0)
    with pytest.raises(InputError, match=sentence):
        iri.evaluate(*zip(good, point, strict=True))


@pytest.mark.parametrize(
    ("ig12", "f107", "sentence"),
    [([1.0], [70.0, 71.0], "1 IG12 values and 2 F10.7"), ([np.nan], [70.0], "IG12 nan"), ([1.0], [7.0], "F10.7 7 is")],
)
def test_drivers_outside_are_named(ig12, f107, sentence):
    with pytest.raises(InputError, match=sentence):
        IriBackground("2019-04-25", ig12, f107)


# Maps and their cache


@pytest.fixture
def made(tmp_path, monkeypatch):
    """A cache folder of its own and a maker that counts its calls instead of asking PyIRI."""
    monkeypatch.setenv("RSTMRF_CACHE", str(tmp_path))
    calls = []

    def make(year, month):
        calls.append((year, month))
        lat = np.deg2rad(np.linspace(-90, 90, maps.N_LAT))[:, None, None]
        lon = np.deg2rad(np.linspace(-180, 180, maps.N_LON, endpoint=False))[:, None]
        return np.broadcast_to(5 + month + np.cos(lat) * np.cos(lon), (2, maps.N_UT, maps.N_LAT, maps.N_LON, 5))

    monkeypatch.setattr(maps, "_pyiri_maps", make)
    return calls


def test_maps_are_made_once(made, tmp_path):
    first, again = maps.monthly_coefficients(2019, 4), maps.monthly_coefficients(2019, 4)
    assert made == [(2019, 4)] and np.array_equal(first, again)
    assert [f.suffix for f in tmp_path.iterdir()] == [".npy"]


@pytest.mark.parametrize("damage", [b"", b"no array", "cut", "other shape"])
def test_a_damaged_file_is_made_again(made, tmp_path, damage):
    whole = maps.monthly_coefficients(2019, 4)
    (file,) = tmp_path.iterdir()
    if damage == "other shape":
        np.save(file, np.zeros(3))
    else:
        file.write_bytes(file.read_bytes()[:5000] if damage == "cut" else damage)
    assert np.array_equal(maps.monthly_coefficients(2019, 4), whole) and len(made) == 2
    assert np.array_equal(maps.monthly_coefficients(2019, 4), whole) and len(made) == 2


def test_a_folder_that_cannot_be_written_is_no_error(made, tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    monkeypatch.setenv("RSTMRF_CACHE", str(tmp_path / "file"))
    assert maps.monthly_coefficients(2019, 4).shape == (2, 48, 53, 96, 5)


def test_splines_pass_through_the_maps_also_at_the_poles(made):
    coefficients = maps.monthly_coefficients(2019, 4)[0, :, :, :, 0].astype(float)
    smooth = lambda x, axis: (np.roll(x, 1, axis) + 4 * x + np.roll(x, -1, axis)) / 6  # noqa: E731
    at_nodes = smooth(smooth(smooth(coefficients, 0), 2), 1)[:, 2:-2]
    assert np.allclose(at_nodes, maps._pyiri_maps(2019, 4)[0, ..., 0], atol=1e-5)


def test_days_are_mixed_from_the_mid_months_around_them(made):
    days = [datetime.date(2019, *day) for day in ((4, 15), (4, 30), (5, 15))]
    tables = DayMaps(days, [0.0] * 3, [63.75] * 3, torch.float32)
    level = [tables(number).mean().item() for number in range(3)]
    assert level[2] - level[0] == pytest.approx(1.0, abs=1e-4)
    assert level[1] - level[0] == pytest.approx(0.5, abs=1e-4)


def test_days_come_back_as_they_were_after_others_took_their_place(made):
    days = [datetime.date(2019, 4, day) for day in range(1, 13)]
    tables = DayMaps(days, [10.0] * 12, [70.0] * 12, torch.float32)
    first = tables(0).clone()
    assert not torch.equal(tables(11), first)
    for number in range(12):
        tables(number)
    assert torch.equal(tables(0), first) and len(tables._tables) < 12


def test_each_place_may_have_altitudes_of_its_own():
    iri = background()
    rng = np.random.default_rng(7)
    lat, lon, hours = rng.uniform(-90, 90, 40), rng.uniform(-180, 180, 40), rng.uniform(0, 20, 40)
    alt_km = rng.uniform(80, 1000, (40, 5))
    one_by_one = iri.log10_density(*(np.repeat(x, 5) for x in (lat, lon)), alt_km.ravel(), np.repeat(hours, 5))
    assert np.allclose(iri.log10_density_columns(lat, lon, alt_km, hours).ravel(), one_by_one, atol=2e-5)


def test_dip_equator_lies_north_of_the_equator_in_africa_and_south_of_it_in_peru():
    from rstmrf.background.dip import dip_latitude

    jicamarca, africa = dip_latitude(np.array([-11.95, 10.5]), np.array([-76.87, 10.0]), 2024)
    assert abs(jicamarca) < 2 and abs(africa) < 2
    assert dip_latitude(np.array([0.0]), np.array([-76.87]), 2024)[0] > 8
    poleward = dip_latitude(np.arange(-60.0, 61, 5), np.full(25, 120.0), 2024)
    assert (np.diff(poleward) > 0).all()
