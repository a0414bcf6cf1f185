"""Observations of any form as one Dataset: quality control that counts, inferred profiles, and the shared .npy form."""

import json

import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from rstmrf.errors import InputError
from rstmrf.readers import sample as packaged
from rstmrf.readers.observations import Limits, describe_quality, quality_control, read_observations, write_npy
from rstmrf.readers.occultations import Profile

IONPRF = "ro/ionPrf_C006.2008.319.07.40.G28.nc"
START = "2020-01-08"
ALT_KM = np.arange(100.0, 700.0, 10.0)


def layer(alt_km, nmf2_m3=1e12, hmf2_km=300.0):
    z = (alt_km - hmf2_km) / 60.0
    return nmf2_m3 * np.exp(0.5 * (1 - z - np.exp(-z))) + 1e9


def table(n_profiles, seed=0):
    """[n_profiles * 60, 5] rows of .npy: profiles of 60 levels, 5 min and some tens of degrees apart."""
    rng = np.random.default_rng(seed)
    lat, lon = rng.uniform(-80, 80, n_profiles), rng.uniform(0, 360, n_profiles)
    rows = np.empty((n_profiles, ALT_KM.size, 5))
    rows[:, :, 0] = lat[:, None] + np.linspace(0, 2, ALT_KM.size)
    rows[:, :, 1] = lon[:, None]
    rows[:, :, 2] = ALT_KM
    rows[:, :, 3] = np.arange(n_profiles)[:, None] / 12
    rows[:, :, 4] = np.log10(layer(ALT_KM))
    return rows.reshape(-1, 5)


def save(path, rows):
    np.save(path, rows)
    return path


def text(path, lon=10.0, ne_m3=None, alt_km=ALT_KM):
    ne_m3 = layer(alt_km) if ne_m3 is None else ne_m3
    path.parent.mkdir(exist_ok=True)
    np.savetxt(path, np.column_stack([np.full(alt_km.size, lon), np.full(alt_km.size, 20.0), alt_km, ne_m3]))
    return path


def counted(ds):
    names = ("fill", "outside_altitude", "non_positive", "in_rejected_profiles")
    return sum(ds.attrs[f"qc_points_{name}"] for name in names) + ds.sizes["point"]


def test_genuine_profile_keeps_its_positive_points_in_range(real_file):
    ds = read_observations(real_file(IONPRF))
    assert ds.sizes["point"] == 397 and ds.attrs["qc_points_read"] == 419 == counted(ds)
    assert (ds.attrs["qc_points_outside_altitude"], ds.attrs["qc_points_non_positive"]) == (5, 17)
    peak = int(ds["log10_ne_m3"].values.argmax())
    assert ds["log10_ne_m3"].values[peak] == pytest.approx(np.log10(2.2207973e11), abs=1e-6)
    assert ds["alt_km"].values[peak] == pytest.approx(212.20076, abs=1e-4)
    quality = describe_quality(ds)["count"]
    assert (quality["points kept"], quality["profiles kept"], quality["points outside the altitude range"]) == (
        397,
        1,
        5,
    )
    assert "CDAAC ionPrf" in ds.attrs["title"] and json.loads(ds.attrs["qc_rejected"]) == []


def test_the_dataset_has_the_agreed_names_types_and_units(tmp_path):
    ds = read_observations(text(tmp_path / "20200108_0417.txt", lon=350.0))
    assert ds["lat"].attrs["units"] == "degrees_north" and ds["lon"].attrs["units"] == "degrees_east"
    assert ds["alt_km"].attrs["units"] == "km" and ds["time"].dtype == "datetime64[ns]"
    assert ds["profile"].dtype == np.int32 and ds["log10_ne_m3"].dims == ("point",)
    assert set(ds["lon"].values) == {-10.0} and "sigma_log10_ne" not in ds
    ds.to_netcdf(tmp_path / "kept.nc", engine="h5netcdf")
    xr.testing.assert_identical(xr.load_dataset(tmp_path / "kept.nc", engine="h5netcdf"), ds)


def test_quality_control_counts_each_point_once():
    ne_m3 = np.concatenate([layer(ALT_KM), [1e10, np.nan, -1e9, 0.0, -1e9, 1e10]])
    alt_km = np.concatenate([ALT_KM, [1200.0, 1200.0, 200.0, 200.0, 60.0, np.nan]])
    position = np.zeros(alt_km.size)
    profile = Profile("made", "text", np.datetime64(START, "ns"), position, position, alt_km, ne_m3)
    result = quality_control(profile)
    assert result.columns["lat"].size == ALT_KM.size and not result.rejected
    found = {name.removeprefix("qc_points_"): n for name, n in result.counts.items() if "points" in name}
    assert found == {"read": 66, "fill": 2, "outside_altitude": 2, "non_positive": 2, "implausible": 0}
    narrow = quality_control(profile, Limits(alt_range_km=(295.0, 305.0)))
    assert narrow.rejected[0]["reason"] == "made: 1 usable points are left; at least 10 are needed."
    with pytest.raises(InputError, match=r"alt_range_km is \(800, 100\)"):
        Limits(alt_range_km=(800.0, 100.0))


@pytest.mark.parametrize("factor", [1e-6, 1e6])
def test_a_peak_no_ionosphere_has_is_refused(tmp_path, factor):
    path = text(tmp_path / "20200108_0417.txt", ne_m3=layer(ALT_KM) * factor)
    with pytest.raises(InputError, match=r"20200108_0417\.txt: its peak density is .* accepted is 1e\+08 to 1e\+14"):
        read_observations(path)
    unit = {"ne_unit": "el/cm3"} if factor < 1 else {"peak_ne_m3": (1e8, 1e19)}
    assert read_observations(path, **unit).sizes["point"] == ALT_KM.size


def test_one_bad_profile_among_good_ones_is_lost_alone(tmp_path):
    for minute in (10, 20, 30):
        text(tmp_path / "FY3D" / f"20200108_04{minute}.txt")
    (tmp_path / "FY3D" / "20200108_0420.txt").write_text("1 2 3\n")
    (tmp_path / "FY3D" / "ionPrf_cut_nc").write_bytes(b"CDF\x01\x00\x00")
    with pytest.warns(UserWarning, match=r"2 of 4 files lost profiles.*0420\.txt: line 1 is '1 2 3'.*ionPrf_cut_nc"):
        ds = read_observations(tmp_path)
    assert sorted(set(ds["profile"].values)) == [0, 1] and ds.sizes["point"] == 2 * ALT_KM.size
    lost = [entry["file"].rsplit("/")[-1] for entry in json.loads(ds.attrs["qc_rejected"])]
    assert lost == ["20200108_0420.txt", "ionPrf_cut_nc"]
    assert (ds.attrs["qc_profiles_read"], ds.attrs["qc_profiles_rejected"]) == (4, 2)


def test_if_all_fail_nothing_is_returned(tmp_path):
    text(tmp_path / "a.txt"), text(tmp_path / "b.txt")
    with pytest.raises(InputError, match=r"None of 2 files could be used; the first: .*a\.txt: the name holds no time"):
        read_observations(tmp_path)
    with pytest.raises(InputError, match="no observation file found there"):
        read_observations(tmp_path / "nowhere" / "*.nc")
    (tmp_path / "c.nc.gz").write_bytes(b"\x1f\x8b\x08")
    with pytest.raises(InputError, match="unpack it first"):
        read_observations(tmp_path / "c.nc.gz")


def test_folder_pattern_and_list_stand_for_the_same_files(tmp_path):
    files = [text(tmp_path / f"20200108_04{minute}.txt") for minute in (10, 30)]
    ds = read_observations(tmp_path)
    for path in (str(tmp_path / "2020*_04??.txt"), files, [str(tmp_path), files[0]]):
        xr.testing.assert_equal(read_observations(path), ds)
    assert list(ds["time"].values[[0, -1]]) == [np.datetime64(f"{START}T04:{minute}") for minute in (10, 30)]


def test_forms_mix_and_a_sigma_only_some_have_is_missing_in_others(tmp_path):
    columns = {"Ne": layer(ALT_KM), "alt": ALT_KM, "sigma_log10_ne": np.full(ALT_KM.size, 0.05)}
    netcdf = xr.Dataset({name: ("level", values) for name, values in columns.items()}, attrs={"Lat": 1.0, "Lon": 2.0})
    netcdf["Ne"].attrs["units"] = "m-3"
    netcdf.to_netcdf(tmp_path / "20200109_0000.nc", engine="scipy")
    text(tmp_path / "20200108_0410.txt"), save(tmp_path / "all.npy", table(3))
    ds = read_observations(tmp_path, start=START)
    assert np.unique(ds["profile"].values).tolist() == [0, 1, 2, 3, 4]
    has_sigma = np.isfinite(ds["sigma_log10_ne"].values)
    assert has_sigma.sum() == ALT_KM.size and set(ds["profile"].values[has_sigma]) == {1}
    assert ds.attrs["qc_profiles_single_position"] == 1


def test_npy_needs_a_start(tmp_path):
    path = save(tmp_path / "all.npy", table(2))
    with pytest.raises(InputError, match=r"column 4 holds hours since a start; name it, as in start='2020-01-08'"):
        read_observations(path)
    with pytest.raises(InputError, match="start is 'noon'; accepted is a date"):
        read_observations(path, start="noon")
    assert read_observations(path, start=START)["time"].values[-1] == np.datetime64("2020-01-08T00:05")


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda rows: rows[:, :4], r"its shape is \[120, 4\]; accepted is \[N, 5\]"),
        (lambda rows: rows.astype(int), "its type is int64; accepted are float32 and float64"),
        (
            lambda rows: np.c_[rows[:, :4], 10 ** rows[:, 4]],
            r"in column 5; column 5 must be log10 of Ne in m-3: take numpy",
        ),
        (lambda rows: rows - [0, 0, 0, 0, 6], "too low for log10 of Ne in m-3.*say ne_unit='el/cm3'"),
        (lambda rows: rows[:, [2, 1, 0, 3, 4]], r"row 0 holds 100 in column 1; column 1 must be latitude"),
        (lambda rows: rows - [0, 0, 0, 1.6e9, 0], "column 4 must be hours since start"),
        (lambda rows: rows * np.nan, "none of its 120 rows is finite"),
    ],
)
def test_npy_that_is_not_what_it_should_be_is_refused(tmp_path, change, sentence):
    with pytest.raises(InputError, match=sentence):
        read_observations(save(tmp_path / "odd.npy", change(table(2))), start=START)


def test_npy_in_el_cm3_and_with_holes(tmp_path):
    rows = table(4) - [0, 0, 0, 0, 6]
    rows[70, 4], rows[71, 0] = np.nan, np.inf
    ds = read_observations(save(tmp_path / "cm.npy", rows), start=START, ne_unit="el/cm3")
    assert ds.attrs["qc_points_fill"] == 2 and counted(ds) == 240
    assert ds["log10_ne_m3"].values.max() == pytest.approx(np.log10(layer(300.0)), abs=1e-6)


def test_profiles_begin_at_gaps_of_time_place_or_altitude(tmp_path):
    level = np.arange(20)
    one = np.column_stack([np.full(20, 5.0), np.full(20, 179.9), 200.0 + level, level / 3600, np.full(20, 12.0)])
    steps = ([0, 0.2, 0, 0, 0], [0, 0, 0, 0.1, 0], [4, 0, 0, 0, 0], [0, 0, 150, 0, 0], [0, -360, 0, 0, 0])
    rows, here = [one], one
    for step in steps:  # after the first step the longitude has passed 180, the last step only writes it otherwise
        here = here[::-1] + step
        rows.append(here)
    ds = read_observations(save(tmp_path / "gaps.npy", np.vstack(rows)), start=START)
    assert np.bincount(ds["profile"].values).tolist() == [40, 20, 20, 40]
    assert ds.attrs["profiles_inferred"] == "inferred from gaps"


def test_short_profiles_of_npy_are_rejected_and_the_rest_numbered_anew(tmp_path):
    rows = np.vstack([table(3)[:60], table(3)[60:65], table(3)[120:]])
    with pytest.warns(UserWarning, match=r"1 of its profiles have fewer than 10 points left"):
        ds = read_observations(save(tmp_path / "short.npy", rows), start=START)
    assert np.bincount(ds["profile"].values).tolist() == [60, 60]
    assert ds.attrs["qc_points_in_rejected_profiles"] == 5 and counted(ds) == 125


@pytest.mark.parametrize("factor", [3600.0, 60.0])
def test_seconds_or_minutes_in_the_column_of_hours_are_refused(tmp_path, factor):
    """Two days of seconds are twenty years of hours, which no limit of the column alone notices."""
    day = "2019-04-25"
    file = write_npy(packaged.observations(), tmp_path / "hours.npy", start=day)
    rows = np.load(file)[:5000]
    assert read_observations(save(tmp_path / "right.npy", rows), start=day).sizes["point"] > 4000
    rows[:, 3] *= factor
    with pytest.raises(InputError, match=r"h apart, where seconds are usual; column 4 must be hours"):
        read_observations(save(tmp_path / "other.npy", rows), start=day)


def test_a_station_that_sounds_every_quarter_of_an_hour_is_no_profile_in_seconds(tmp_path):
    hours = np.arange(400) / 4
    peak_km = 280 + 20 * np.random.default_rng(0).standard_normal(len(hours))
    rows = np.column_stack([np.full((len(hours), 2), 50.0), peak_km, hours, np.full(len(hours), 11.5)])
    with pytest.warns(UserWarning, match="look shuffled"):
        assert read_observations(save(tmp_path / "peaks.npy", rows), start=START).sizes["point"] == len(hours)


def test_shuffled_rows_are_noticed(tmp_path):
    rows = np.random.default_rng(1).permutation(table(50))
    with pytest.warns(UserWarning, match="rows look shuffled; do not split"):
        ds = read_observations(save(tmp_path / "shuffled.npy", rows), start=START)
    assert ds.attrs["profiles_inferred"] == "shuffled" and ds.sizes["point"] == 3000


def test_many_points_in_float32_across_blocks(tmp_path, monkeypatch):
    monkeypatch.setattr("rstmrf.readers.point_tables.BLOCK_ROWS", 30_011)  # borders of blocks inside profiles
    rows = table(3400).astype(np.float32)  # 204 000 points
    ds = read_observations(save(tmp_path / "many.npy", rows), start=START, alt_range_km=(120.0, 800.0))
    assert ds.sizes["point"] == 3400 * 58 and ds.attrs["qc_points_outside_altitude"] == 3400 * 2
    np.testing.assert_array_equal(np.bincount(ds["profile"].values), 58)
    np.testing.assert_array_equal(ds["log10_ne_m3"].values, rows[rows[:, 2] >= 120.0, 4])
    assert ds["lon"].values.min() >= -180.0 and ds["lon"].values.max() < 180.0


@settings(max_examples=40, deadline=None)
@given(
    shift=st.tuples(st.floats(-85, 80), st.floats(-180, 359), st.floats(-4000, 9000)),
    log10_ne=arrays(np.float32, 60, elements=st.floats(8.5, 13.5, width=32)),
)
def test_npy_round_trip_gives_back_every_point(tmp_path_factory, shift, log10_ne):
    folder = tmp_path_factory.mktemp("trip")
    rows = table(1) * [0, 0, 1, 0, 0] + [shift[0], shift[1], 0, shift[2], 0]
    rows[:, 0] += np.linspace(0, 2, 60)
    rows[:, 4] = log10_ne
    first = read_observations(save(folder / "first.npy", rows), start=START)
    again = read_observations(write_npy(first, folder / "again.npy", "2019-12-31"), start="2019-12-31")
    xr.testing.assert_equal(again, first)
    np.testing.assert_array_equal(first["log10_ne_m3"], log10_ne)


def test_write_npy_says_what_it_lacks(tmp_path, real_file):
    ds = read_observations(save(tmp_path / "all.npy", table(2)), start=START)
    with pytest.raises(InputError, match="the Dataset lacks alt_km"):
        write_npy(ds.drop_vars("alt_km"), tmp_path / "out.npy", START)
    with pytest.raises(InputError, match=r"must end in \.npy"):
        write_npy(ds, tmp_path / "out.txt", START)
    genuine = read_observations(real_file(IONPRF))
    again = read_observations(write_npy(genuine, tmp_path / "genuine.npy", "2008-11-14"), start="2008-11-14")
    xr.testing.assert_equal(again, genuine.drop_vars("slant_tecu"))


def test_a_sixth_column_is_the_azimuth_and_may_be_unknown(tmp_path):
    azimuth = np.repeat([350.0, np.nan], 60)
    path = save(tmp_path / "six.npy", np.column_stack([table(2), azimuth]))
    ds = read_observations(path, start=START)
    assert np.array_equal(ds.azimuth_deg, np.repeat([-10.0, np.nan], 60), equal_nan=True)
    xr.testing.assert_equal(read_observations(write_npy(ds, tmp_path / "again.npy", START), start=START), ds)
    xr.testing.assert_equal(
        ds.drop_vars("azimuth_deg"), read_observations(save(tmp_path / "five.npy", table(2)), start=START)
    )


def test_exchanged_columns_of_a_folder_are_not_half_taken(tmp_path, thin_observations):
    """Half of all longitudes could be latitudes, so half of the files would pass."""
    number = thin_observations["profile"].values
    for count, one in enumerate(np.unique(number)[:24]):
        some = thin_observations.isel(point=number == one)
        columns = [some["lat"], some["lon"], some["alt_km"], 10.0 ** some["log10_ne_m3"]]  # latitude first: wrong
        np.savetxt(tmp_path / f"20190425_{count:02d}00.txt", np.stack(columns, axis=1), fmt="%.6g")
    with pytest.raises(InputError, match="longitude and latitude may be exchanged in all of them; text profiles begin"):
        read_observations(tmp_path)


def test_altitudes_in_metres_are_refused(tmp_path):
    rows = np.tile([10.0, 20.0, 300e3, 1.0, 11.0], (40, 1))
    rows[:, 2] += 5000.0 * np.arange(40)
    np.save(tmp_path / "metres.npy", rows)
    with pytest.raises(InputError, match="half of column 3 lies above 397500; it must be altitude in km, not in m"):
        read_observations(tmp_path / "metres.npy", start="2019-04-25")
