"""Density from a trained model: with units, equal to IRI plus the residual, and refused where a window is missing."""

import numpy as np
import pytest
import torch
import xarray as xr

from rstmrf.data.batch import attach_background
from rstmrf.data.run_data import RunData
from rstmrf.errors import InputError
from rstmrf.model.whole import RSTMRF
from rstmrf.predict import Predictor
from rstmrf.units import NE_PER_MHZ2, wrap_longitude

NOON = np.datetime64("2019-04-25T12:30", "ns")


@pytest.fixture(scope="module")
def predictor(tiny_data, trained):
    """Of a model that states no σ, put together by hand."""
    return Predictor(trained[0], tiny_data.iri, tiny_data.processor)


@pytest.fixture(scope="module")
def grid(predictor):
    times = NOON + np.array([0, 6]) * np.timedelta64(1, "h")
    return predictor.grid(times, np.arange(-60, 61, 30.0), np.arange(-180, 180, 60.0), np.arange(120, 501, 20.0))


def places(n=50, seed=0):
    rng = np.random.default_rng(seed)
    time = NOON + (rng.uniform(-6, 30, n) * 3600).astype("timedelta64[s]")
    return rng.uniform(-85, 85, n), rng.uniform(-180, 180, n), rng.uniform(120, 500, n), time


def test_background_at_points_is_iri(predictor):
    lat, lon, alt_km, time = places()
    iri, fused = predictor.at_points(lat, lon, alt_km, time)
    hours = (time - np.datetime64("2019-04-25")) / np.timedelta64(1, "h")
    assert np.allclose(iri, predictor.iri.log10_density(lat, lon, alt_km, hours), atol=1e-4)
    assert 0 < np.abs(fused - iri).max() < 3


def test_points_keep_their_order_whatever_their_times(predictor):
    given = places()
    _, fused = predictor.at_points(*given)
    turned = np.random.default_rng(1).permutation(50)
    assert np.allclose(predictor.at_points(*(x[turned] for x in given))[1], fused[turned], atol=1e-5)


def test_longitude_may_be_counted_to_360(predictor):
    lat, lon, alt_km, time = places()
    assert np.allclose(
        predictor.at_points(lat, lon % 360, alt_km, time)[1], predictor.at_points(lat, lon, alt_km, time)[1], atol=1e-3
    )
    assert np.allclose(wrap_longitude(lon % 360), lon)


def test_residual_is_what_the_model_adds(predictor, tiny_data):
    points = tiny_data.points.select(torch.arange(0, 2000, 13))
    batch = predictor.processor(points)
    with torch.no_grad():
        fused = predictor.model.log10_density(batch)
    assert torch.allclose(points.background[:, 0] + predictor.residual(points), fused, atol=1e-5)


def test_every_variable_of_the_grid_has_its_unit(grid):
    assert {name: v.attrs["units"] for name, v in grid.data_vars.items()} == {
        "ne_m3": "m-3",
        "ne_iri_m3": "m-3",
        "log10_ne_m3": "1",
        "residual_dex": "1",
        "nm_f2_m3": "m-3",
        "hm_f2_km": "km",
        "fo_f2_mhz": "MHz",
        "muf3000_f2_mhz": "MHz",
        "vtec_tecu": "1e16 m-2",
    }
    assert all(v.attrs["long_name"] for v in grid.data_vars.values())
    assert grid["ne_m3"].dims == ("time", "alt_km", "lat", "lon") and grid["ne_m3"].shape == (2, 20, 5, 6)
    assert grid["vtec_tecu"].dims == ("time", "lat", "lon")


def test_a_model_without_sigma_gives_none(predictor, grid):
    assert "sigma_dex" not in predictor.at(lat=0.0, lon=0.0, alt_km=300.0, time=NOON)
    with pytest.raises(InputError, match=r"\['sigma_dex'\] cannot be given"):
        predictor.grid(NOON, [0.0], [0.0], [300.0], variables=["sigma_dex"])


def test_grid_holds_the_points_of_its_axes(predictor, grid):
    one = grid["ne_m3"].isel(time=1, alt_km=7, lat=3, lon=2)
    place = (np.array([float(one[name])]) for name in ("lat", "lon", "alt_km"))
    assert np.log10(one.item()) == pytest.approx(predictor.at_points(*place, one["time"].values[None])[1][0], abs=1e-4)


def test_columns_equal_points_within_rounding(predictor):
    lat, lon, *_ = places(40)
    alt_km = np.linspace(120, 800, 23)
    columns = predictor.columns(lat, lon % 360, alt_km, NOON)
    points = predictor.at_points(np.repeat(lat, 23), np.repeat(lon, 23), np.tile(alt_km, 40), np.full(920, NOON))
    for ours, plain in zip(columns, points, strict=True):
        assert np.allclose(ours.ravel(), plain, atol=2e-5)


def test_a_grid_written_time_by_time_is_the_grid(predictor, grid, tmp_path):
    axes = [grid[name].values for name in ("time", "lat", "lon", "alt_km")]
    predictor.write_grid(tmp_path / "grid.zarr", NOON, [0.0, 1.0], [0.0], [300.0])  # will be replaced
    with xr.open_zarr(predictor.write_grid(tmp_path / "grid.zarr", *axes), consolidated=False) as stored:
        assert stored["ne_m3"].chunks[0] == (1, 1)
        xr.testing.assert_identical(stored.load(), grid)


def test_a_grid_may_be_appended_by_hand(predictor, grid, tmp_path):
    places = [grid[name].values for name in ("lat", "lon", "alt_km")]
    first, second = (predictor.grid(time, *places) for time in grid["time"].values)
    first.to_zarr(tmp_path / "grid.zarr", consolidated=False)
    second.to_zarr(tmp_path / "grid.zarr", append_dim="time", consolidated=False)
    with xr.open_zarr(tmp_path / "grid.zarr", consolidated=False) as stored:
        assert (stored["time"].values == grid["time"].values).all()


def test_a_product_that_cannot_be_written_is_refused_first(predictor, tmp_path):
    (tmp_path / "kept").mkdir()
    with pytest.raises(InputError, match=r"must end in \.zarr"):
        predictor.write_grid(tmp_path / "kept", NOON, [0.0], [0.0], [300.0])
    early = np.array(["2019-04-25T12:30", "2019-04-24T23:00"], "datetime64[ns]")
    with pytest.raises(InputError, match="2019-04-24T23:00"):
        predictor.write_grid(tmp_path / "new.zarr", early, [0.0], [0.0], [300.0])
    assert sorted(p.name for p in tmp_path.iterdir()) == ["kept"]


def test_what_is_read_off_the_profiles_is_theirs(grid):
    assert (grid["ne_m3"] <= grid["nm_f2_m3"] * (1 + 1e-5)).all()
    assert ((grid["nm_f2_m3"] / grid["ne_m3"].max("alt_km")) < 1.05).all()  # levels are 20 km apart
    assert (abs(grid["hm_f2_km"] - grid["ne_m3"].idxmax("alt_km")) < 20).all()
    assert np.allclose(NE_PER_MHZ2 * grid["fo_f2_mhz"] ** 2, grid["nm_f2_m3"])
    by_levels = grid["ne_m3"].integrate("alt_km") * 1e3 / 1e16
    assert np.allclose(grid["vtec_tecu"], by_levels, rtol=0.02)


@pytest.mark.parametrize("time", ["2019-04-25T01:30", "2019-04-24T23:00", "2019-04-27T05:00"])
def test_a_time_without_its_window_is_named(predictor, time):
    with pytest.raises(InputError, match=r"2019-04-2|hours\[0\]"):
        predictor.at_points([0.0], [0.0], [300.0], np.array([time], "datetime64[ns]"))


def test_altitudes_outside_are_named(predictor):
    with pytest.raises(InputError, match=r"alt_km\[0\] is 50"):
        predictor.at_points([0.0], [0.0], [50.0], np.array([NOON]))


def test_background_columns_are_single_precision(predictor):
    columns = attach_background(*torch.rand(2, 4), torch.full((4,), 300.0), torch.rand(4).double(), predictor.iri)
    assert columns.dtype == torch.float32 and columns.shape == (4, 5)


def test_points_grids_and_batches_see_the_same_drivers(thin_observations, sample_tec, sample_indices, tiny_config):
    """Where all that matters is the window of Kp and F10.7, of any length, every way to a prediction has it alike."""
    indices = sample_indices.assign(kp=("time", np.random.default_rng(0).uniform(0, 9, sample_indices.sizes["time"])))
    for changes in ({}, {"driver_hours": 9}, {"driver_hours": 1}, {"lead_hours": 2}):
        config = tiny_config.changed(**changes)
        data = RunData(thin_observations, sample_tec, indices, config)
        torch.manual_seed(0)
        model = RSTMRF(config, data.duration_hours)
        with torch.no_grad():
            for parameter in model.residual_field.drivers.parameters():
                parameter.mul_(4.0)
            model.residual_field.decoder[1].weight.mul_(100.0)
        predictor = Predictor(model, data.iri, data.processor)
        points = data.points.select(torch.arange(0, 300, 7))
        with torch.no_grad():
            of_batch = model.log10_density(data.processor(points)) - points.background[:, 0]
        assert torch.allclose(predictor.residual(points), of_batch, atol=1e-4)
        place = np.array([20.0]), np.array([-100.0]), np.array([250.0, 350.0])
        noon, later = (predictor.columns(*place, NOON + h * np.timedelta64(1, "h"))[1][0] for h in (0, 7))
        at = predictor.at_points(np.full(2, 20.0), np.full(2, -100.0), place[2], np.full(2, NOON))[1]
        assert np.allclose(noon, at, atol=1e-3) and np.abs(noon - later).min() > 0.01
