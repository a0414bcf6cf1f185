"""TEC maps: files joined, hours interpolated, the global grid, and what is refused."""

from functools import lru_cache

import numpy as np
import pytest
import unlzw3
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st

from rstmrf.errors import InputError
from rstmrf.readers.ionex import read_ionex, tec_dataset
from rstmrf.readers.tec import downsample, fill_poles, hourly, load_tec, read_tec, to_global_grid

LAT, LON = np.arange(-90.0, 91.0, 10.0), np.arange(-180.0, 180.0, 5.0)


@lru_cache
def read_once(path):
    return read_ionex(path)


def maps_of(function, hours, lat=LAT, lon=LON):
    """Dataset of function(hours UT, lat, lon) [TECU] on 2020-01-08."""
    time = np.datetime64("2020-01-08", "ns") + (np.asarray(hours) * 3600).astype("m8[s]")
    values = function(np.asarray(hours, float)[:, None, None], lat[:, None], lon)
    values = np.broadcast_to(values, (len(time), len(lat), len(lon)))
    return tec_dataset(time, lat, lon, {"vtec_tecu": values}, {"source_centre": "made", "file_name": "made"})


def day_side(hours, lat, lon):
    """TEC that depends on latitude and local solar time only, linear in local time between whole hours."""
    local = (hours + lon / 15.0) % 24.0
    return 5.0 + 0.05 * (90.0 - np.abs(lat)) * (12.0 - np.abs(local - 12.0))


def global_mean_tecu(ds):
    return float(ds.vtec_tecu.astype(float).weighted(np.cos(np.radians(ds.lat))).mean())


# --- reading ---


def test_two_days_of_code_join_to_49_hours_on_the_global_grid(real_file, tmp_path):
    # decompress is the slow part, so that it is done once
    paths = [tmp_path / name for name in ("codg0090.20i", "codg0080.20i")]
    for path in paths:
        path.write_bytes(unlzw3.unlzw(real_file(f"ionex/{path.name}.Z").read_bytes()))
    native, ds = read_tec(paths), load_tec(paths)
    assert native.vtec_tecu.shape == native.rms_tecu.shape == (49, 71, 72)
    assert ds.vtec_tecu.shape == (49, 181, 361)
    assert ds.vtec_tecu.dtype == np.float32
    assert (np.diff(ds.time.values) == np.timedelta64(1, "h")).all()
    assert (ds.time.values[0], ds.time.values[-1]) == (np.datetime64("2020-01-08"), np.datetime64("2020-01-10"))
    np.testing.assert_array_equal(ds.vtec_tecu[..., 0], ds.vtec_tecu[..., -1])
    at_nodes = ds.vtec_tecu.sel(lat=[-85.0, 0.0, 85.0], lon=LON)
    np.testing.assert_array_equal(at_nodes, native.vtec_tecu.sel(lat=[-85.0, 0.0, 85.0]))
    assert global_mean_tecu(native) == pytest.approx(9.246, abs=0.01)
    assert global_mean_tecu(ds) == pytest.approx(global_mean_tecu(native), abs=0.02)
    for pole, ring in ((-90, -87.5), (90, 87.5)):
        assert float(ds.vtec_tecu.sel(lat=pole).std("lon").max()) < 1e-5
        np.testing.assert_allclose(ds.vtec_tecu.sel(lat=pole, lon=0), native.vtec_tecu.sel(lat=ring).mean("lon"), 1e-5)
    assert (ds.lat.units, ds.lon.units, ds.vtec_tecu.units) == ("degrees_north", "degrees_east", "TECU")
    midnight = native.vtec_tecu.sel(time="2020-01-09T00")
    np.testing.assert_array_equal(midnight, read_once(paths[0]).vtec_tecu[0])


def test_folder_and_pattern_find_the_same_files(real_file, tmp_path):
    for name in ("esag0080.20i", "esag0090.20i"):
        (tmp_path / name).write_bytes(unlzw3.unlzw(real_file(f"ionex/{name}.Z").read_bytes()))
    (tmp_path / "README.md").write_text("not a map")
    folder = read_tec(tmp_path)
    assert folder.sizes["time"] == 25
    assert folder.file_name == "esag0080.20i, esag0090.20i"
    assert read_tec(str(tmp_path / "esag*i")).equals(folder)


def test_files_of_two_centres_are_refused_by_name(real_file):
    names = ("COD0OPSFIN_20240350000_01D_01H_GIM.INX.gz", "IGS0OPSFIN_20240350000_01D_02H_GIM.INX")
    paths = [real_file(f"ionex/{name}") for name in names]
    with pytest.raises(InputError, match=r"COD0OPSFIN.*AIUB.* and IGS0OPSFIN.*GRL/UWM.* do not go together"):
        read_tec(paths)


@pytest.mark.parametrize("path", ["nowhere/*.20i.Z", "nowhere/codg0080.20i.Z", ["nowhere/a.nc"]])
def test_nothing_found_names_the_pattern(path):
    with pytest.raises(InputError, match="nothing matches nowhere"):
        read_tec(path)


def test_an_empty_folder_and_an_empty_list(tmp_path):
    with pytest.raises(InputError, match="no TEC file is in the folder"):
        read_tec(tmp_path)
    with pytest.raises(InputError, match="list of TEC files is empty"):
        read_tec([])


@pytest.mark.parametrize(("units", "scale"), [("TECU", 1.0), ("1e16 m-2", 1.0), ("m-2", 1e16)])
@pytest.mark.parametrize("name", ["vtec_tecu", "vtec", "tec", "TEC"])
def test_netcdf_of_any_accepted_unit_and_name(tmp_path, units, scale, name):
    made = maps_of(day_side, [0, 1])
    other = (made.vtec_tecu.astype(float) * scale).rename(name).assign_attrs(units=units)
    other = other.rename(lat="latitude", lon="longitude").transpose("longitude", "time", "latitude")
    other.isel(latitude=slice(None, None, -1)).to_netcdf(tmp_path / "maps.nc")
    ds = read_tec(tmp_path / "maps.nc")
    np.testing.assert_allclose(ds.vtec_tecu, made.vtec_tecu, rtol=1e-6)
    np.testing.assert_array_equal(ds.lat, LAT)


def test_netcdf_without_a_known_unit_or_variable_is_refused(tmp_path):
    made, path = maps_of(day_side, [0, 1]), tmp_path / "maps.nc"
    refused = {
        "maps.nc: vtec_tecu has no units; accepted are TECU": made.vtec_tecu.drop_attrs(),
        "has the units 'el/m2'; accepted are TECU": made.vtec_tecu.assign_attrs(units="el/m2"),
        "no variable of .time, lat, lon. with dates": made.vtec_tecu.rename("density"),
    }
    for sentence, variable in refused.items():
        variable.to_netcdf(path)
        with pytest.raises(InputError, match=sentence):
            read_tec(path)
    path.write_text("no netCDF")
    with pytest.raises(InputError, match=r"maps\.nc: cannot be read as netCDF"):
        read_tec(path)


@pytest.mark.parametrize(("columns", "step"), [(361, 1.0), (360, 1.0), (73, 5.0), (72, 5.0)])
def test_npy_with_and_without_the_seam_column(tmp_path, columns, step):
    lon = -180.0 + step * np.arange(columns)
    values = day_side(np.arange(3.0)[:, None, None], np.linspace(-90, 90, 37)[:, None], lon).astype(np.float32)
    np.save(tmp_path / "maps.npy", values)
    ds = read_tec(tmp_path / "maps.npy", start="2020-01-08T06", step_hours=0.5)
    np.testing.assert_allclose(ds.lon, np.arange(-180, 180, step))
    np.testing.assert_allclose(ds.lat, np.arange(-90, 91, 5))
    np.testing.assert_array_equal(ds.vtec_tecu, values[..., : ds.lon.size])
    assert ds.time.values[-1] == np.datetime64("2020-01-08T07")
    # a view of the file, not a copy of it
    assert not ds.vtec_tecu.values.flags.owndata


def test_a_second_npy_goes_on_where_the_first_ends(tmp_path):
    for name, value in (("a.npy", 1.0), ("b.npy", 2.0)):
        np.save(tmp_path / name, np.full((24, 19, 37), value))
    ds = load_tec(tmp_path, start="2020-01-08")
    assert ds.vtec_tecu.shape == (48, 181, 361)
    np.testing.assert_allclose(ds.vtec_tecu[:, 90, 0], np.repeat([1.0, 2.0], 24), rtol=1e-6)


@pytest.mark.parametrize(
    ("values", "options", "sentence"),
    [
        (np.zeros((2, 19, 36)), {}, "give start, the UT of its first map"),
        (np.zeros((2, 19, 36)), {"start": "yesterday"}, "start is 'yesterday'; a date such as"),
        (np.zeros((2, 19, 36)), {"start": "2020-01-08", "step_hours": 0}, "step_hours is 0; a positive number"),
        (np.zeros((2, 19)), {"start": "2020-01-08"}, r"holds float64 \[2, 19\]; floats \[time, lat, lon\]"),
        (np.zeros((2, 19, 36), int), {"start": "2020-01-08"}, r"holds int64 \[2, 19, 36\]"),
    ],
)
def test_npy_that_cannot_be_used(tmp_path, values, options, sentence):
    np.save(tmp_path / "maps.npy", values)
    with pytest.raises(InputError, match=sentence):
        read_tec(tmp_path / "maps.npy", **options)


def test_a_file_that_is_no_npy(tmp_path):
    (tmp_path / "maps.npy").write_text("hello")
    with pytest.raises(
        InputError, match=r"maps\.npy: cannot be read as \.npy.*accepted is TEC maps as numpy.save writes plain numbers"
    ):
        read_tec(tmp_path / "maps.npy", start="2020-01-08")


# --- poles and grid ---


def test_poles_are_the_mean_of_the_last_ring():
    lat = np.arange(-87.5, 88, 2.5)
    ds = fill_poles(maps_of(lambda hours, lat, lon: lat + 10 * np.cos(np.radians(lon)) + hours, [0, 1], lat=lat))
    np.testing.assert_array_equal(ds.lat, np.concatenate([[-90], lat, [90]]))
    np.testing.assert_allclose(ds.vtec_tecu.sel(lat=90), np.repeat([[87.5], [88.5]], 72, axis=1), rtol=1e-6)
    assert ds.vtec_tecu.dtype == np.float32
    assert fill_poles(ds) is ds
    with pytest.raises(InputError, match="latitudes end at -60, too far from the pole at -90"):
        fill_poles(maps_of(day_side, [0], lat=np.arange(-60.0, 61.0, 10.0)))


def test_global_grid_is_bilinear_and_periodic():
    ds = to_global_grid(maps_of(lambda hours, lat, lon: 20 + lat / 10 + np.abs(lon) / 20, [0]))
    assert ds.vtec_tecu.shape == (1, 181, 361)
    expected = 20 + ds.lat / 10 + np.abs(ds.lon) / 20
    np.testing.assert_allclose(ds.vtec_tecu[0], expected, rtol=1e-5)
    assert ds.filled_cells == 0
    np.testing.assert_array_equal(to_global_grid(ds).vtec_tecu, ds.vtec_tecu)


def test_global_grid_needs_the_whole_globe():
    with pytest.raises(InputError, match="latitudes go from -80 to 80; -90 to 90 is needed"):
        to_global_grid(maps_of(day_side, [0], lat=np.arange(-80.0, 81.0, 10.0)))
    with pytest.raises(InputError, match="longitudes from -180 to 175 in 36 columns do not go round the globe"):
        to_global_grid(maps_of(day_side, [0], lon=np.append(np.arange(-180.0, -5.0, 5.0), 175.0)))
    with pytest.raises(InputError, match="longitudes from 0 to 90 in 10 columns"):
        to_global_grid(maps_of(day_side, [0], lon=np.arange(0.0, 91.0, 10.0)))


def test_missing_cells_are_filled_and_counted():
    ds = maps_of(lambda hours, lat, lon: 20 + lat / 10 + 0 * lon, [0, 1])
    ds.vtec_tecu[0, 3, [0, 1, -1]] = np.nan
    ds.vtec_tecu[1, 5, :] = np.nan
    full = to_global_grid(ds)
    assert full.filled_cells == 3 + 72
    expected = np.broadcast_to((20 + full.lat.values / 10)[:, None], full.vtec_tecu.shape)
    np.testing.assert_allclose(full.vtec_tecu, expected, rtol=1e-6)
    ds.vtec_tecu[1] = np.nan
    with pytest.raises(InputError, match="TEC map of 2020-01-08T01:00 has no value at all"):
        to_global_grid(ds)


# --- hours ---


@settings(max_examples=30, deadline=None)
@given(shift_deg=st.floats(-720, 720), hour=st.integers(1, 3))
def test_a_pattern_that_turns_with_the_sun_is_met_exactly(shift_deg, hour):
    def pattern(hours, lat, lon):
        return day_side(hours, lat, lon + shift_deg)

    found = hourly(maps_of(pattern, [0, 4]))
    # 15° are three columns here, so that no interpolation in longitude blurs the pattern
    np.testing.assert_allclose(found.vtec_tecu[hour], maps_of(pattern, [hour]).vtec_tecu[0], atol=1e-4)


def test_between_columns_the_turned_pattern_is_linear():
    found = hourly(maps_of(day_side, [0.5, 1.75]), frame="sun-fixed")
    assert found.sizes["time"] == 1
    # the kinks of the pattern, at noon and midnight, lose at most half the change across a column
    np.testing.assert_allclose(found.vtec_tecu, maps_of(day_side, [1]).vtec_tecu, atol=0.5 * 4.5 / 3)


def test_earth_fixed_is_the_weighted_mean():
    ds = maps_of(lambda hours, lat, lon: 10 + hours + lat / 30 + lon / 60, [0, 4])
    found = hourly(ds, frame="earth-fixed")
    expected = maps_of(lambda hours, lat, lon: 10 + hours + lat / 30 + lon / 60, [0, 1, 2, 3, 4])
    np.testing.assert_allclose(found.vtec_tecu, expected.vtec_tecu, rtol=1e-5)
    assert (found.time_interpolation, found.interpolated_hours) == ("earth-fixed", 3)


def test_the_seam_column_stays_equal_when_maps_turn():
    ds = hourly(to_global_grid(maps_of(day_side, [0, 2])))
    assert ds.vtec_tecu.shape == (3, 181, 361)
    np.testing.assert_array_equal(ds.vtec_tecu[..., 0], ds.vtec_tecu[..., -1])
    np.testing.assert_allclose(ds.vtec_tecu[1], to_global_grid(maps_of(day_side, [1])).vtec_tecu[0], atol=1e-4)


def test_igs_two_hourly_maps_become_hourly(real_file):
    native = read_once(real_file("ionex/IGS0OPSFIN_20240350000_01D_02H_GIM.INX"))
    ds = hourly(native)
    assert ds.vtec_tecu.shape == (25, 71, 72)
    np.testing.assert_array_equal(ds.vtec_tecu[::2], native.vtec_tecu)
    assert global_mean_tecu(ds) == pytest.approx(global_mean_tecu(native), rel=0.005)


@pytest.mark.parametrize(("step", "turning_wins"), [(2, False), (12, True)])
def test_turning_with_the_sun_wins_over_long_gaps_only(real_file, step, turning_wins):
    """In 2024 the crests follow the magnetic equator, not a parallel, so that turning maps misplaces them."""
    every_hour = read_once(real_file("ionex/COD0OPSFIN_20240350000_01D_01H_GIM.INX.gz")).vtec_tecu
    thinned = every_hour[::step].to_dataset()

    def error_tecu(frame):
        return float(np.sqrt(((hourly(thinned, frame=frame, max_gap_hours=12).vtec_tecu - every_hour) ** 2).mean()))

    better, worse = ("sun-fixed", "earth-fixed") if turning_wins else ("earth-fixed", "sun-fixed")
    assert error_tecu(better) < 0.8 * error_tecu(worse)


def test_quarter_hours_are_thinned_without_a_copy():
    ds = maps_of(day_side, np.arange(0.25, 6, 0.25))
    found = hourly(ds)
    np.testing.assert_array_equal(found.vtec_tecu, maps_of(day_side, [1, 2, 3, 4, 5]).vtec_tecu)
    assert np.shares_memory(found.vtec_tecu.values, ds.vtec_tecu.values)


def test_the_hours_asked_for():
    ds = maps_of(day_side, [0, 2, 4])
    found = hourly(ds, start="2020-01-08T00:30", end="2020-01-08T03:00")
    assert found.time.dt.hour.values.tolist() == [1, 2, 3]
    with pytest.raises(InputError, match="wanted; the maps go from 2020-01-08T00:00 to 2020-01-08T04:00"):
        hourly(ds, end="2020-01-09")
    with pytest.raises(InputError, match="no whole hour lies between 2020-01-08T00:15 and 2020-01-08T00:45"):
        hourly(maps_of(day_side, [0.25, 0.75]))
    with pytest.raises(InputError, match="frame is 'moon'; accepted are sun-fixed and earth-fixed"):
        hourly(ds, frame="moon")


def test_a_gap_names_the_missing_hours():
    ds = maps_of(day_side, [0, 1, 6, 7])
    hours = "2020-01-08T02, 2020-01-08T03, 2020-01-08T04, 2020-01-08T05"
    with pytest.raises(InputError, match=rf"no TEC for 4 hours \({hours}\): maps are up to 5 h apart"):
        hourly(ds)
    assert hourly(ds, max_gap_hours=5).sizes["time"] == 8
    assert hourly(ds, end="2020-01-08T01").sizes["time"] == 2


# --- thinning ---


@settings(deadline=None)
@given(st.integers(1, 180))
def test_thinning_keeps_both_ends_or_refuses(factor):
    grid = xr.Dataset(coords={"lat": np.arange(-90.0, 91.0), "lon": np.arange(-180.0, 181.0)})
    if 180 % factor:
        with pytest.raises(InputError, match=f"factor is {factor}; accepted are 1, 2, 3, 4, 5, 6, 9"):
            downsample(grid, factor)
        return
    thin = downsample(grid, factor)
    assert (thin.sizes["lat"], thin.sizes["lon"]) == (180 // factor + 1, 360 // factor + 1)
    assert (*thin.lat.values[[0, -1]], *thin.lon.values[[0, -1]]) == (-90, 90, -180, 180)


@pytest.mark.parametrize(("factor", "shape"), [(4, (46, 91)), (6, (31, 61)), (np.int64(1), (181, 361))])
def test_thinned_shapes(factor, shape):
    thin = downsample(to_global_grid(maps_of(day_side, [0])), factor)
    assert thin.vtec_tecu.shape == (1, *shape)


@pytest.mark.parametrize("factor", [0, -4, 7, 4.0, True, "4", None])
def test_factors_that_are_refused(factor):
    grid = xr.Dataset(coords={"lat": np.arange(-90.0, 91.0), "lon": np.arange(-180.0, 181.0)})
    with pytest.raises(InputError, match=r"factor is .*; accepted are 1, 2, 3"):
        downsample(grid, factor)
    with pytest.raises(InputError, match="maps of 91 x 181 nodes cannot be thinned; 181 x 361"):
        downsample(downsample(grid, 2), 2)
