"""Analysis and forecast: where the physics is asked, and what may be known."""

import numpy as np
import pandas as pd
import pytest
import torch
import xarray as xr

from rstmrf.data.run_data import RunData
from rstmrf.data.splits import TEST_TIMES
from rstmrf.data.windows import SlidingWindowBatchProcessor
from rstmrf.errors import InputError
from rstmrf.model.whole import RSTMRF
from rstmrf.readers.indices import given_indices
from rstmrf.training.losses import loss_terms, means

pytestmark = pytest.mark.usefixtures("one_thread")


def test_physics_is_asked_at_the_collocation_points(thin_observations, sample_tec, sample_indices, tiny_config):
    config = tiny_config.changed(collocation_points=64, collocation_hours="all")
    data = RunData(thin_observations, sample_tec, sample_indices, config)
    batch = next(iter(data.train_dataloader()))
    assert len(batch.collocation.coords) == 64 and batch.physics is batch.collocation
    assert torch.isfinite(batch.collocation.background).all()
    terms = means(loss_terms(batch, RSTMRF(config, 48.0), config))
    assert all(torch.isfinite(term) for term in terms.values())


@pytest.fixture(scope="module")
def five_days(sample_tec):
    """Invented points of five days, with maps and indices."""
    rng = np.random.default_rng(0)
    n, first = 300, np.datetime64("2019-04-25T06", "ns")
    time = first + np.sort(rng.integers(0, 108 * 60, n)) * np.timedelta64(1, "m")
    two_days = sample_tec.isel(time=slice(0, 48))
    later = [two_days.assign_coords(time=two_days.time + k * np.timedelta64(48, "h")) for k in range(3)]
    hours = pd.date_range("2019-04-22", "2019-04-30T23", freq="h")
    indices = given_indices(hours[0], hours[-1], rng.uniform(0, 6, len(hours)), 80.0)
    values = {"lat": rng.uniform(-80, 80, n), "lon": rng.uniform(-180, 179, n), "alt_km": np.full(n, 300.0)}
    values |= {"time": time, "profile": np.arange(n), "log10_ne_m3": np.full(n, 11.0)}
    return xr.Dataset({name: ("point", x) for name, x in values.items()}), xr.concat(later, dim="time"), indices


def test_a_forecast_knows_nothing_after_the_last_observed_hour(five_days, tiny_config):
    config = tiny_config.changed(split="last-days", mode="forecast", gap_hours=3, collocation_points=40)
    data = RunData(*five_days, config.changed(collocation_hours="all"))
    assert data.part(TEST_TIMES).coords[:, 3].min() > data.last_hour
    row = int(data.last_hour) - data.processor.first_hour
    maps, drivers = data.processor.tec, data.processor.sw
    assert (maps[row:] == maps[row]).all() and not (maps[row - 1] == maps[row]).all()
    assert (drivers[row:, 1] == drivers[row, 1]).all()
    whole = row - (int(data.last_hour) + 1) % 3  # Kp of three hours is known when they are over
    mean, kp = drivers[: whole + 1, 0].mean(), drivers[whole:, 0]
    torch.testing.assert_close(kp[22] - mean, (kp[0] - mean) / np.e)  # Kp goes back to its mean of the known hours
    assert ((kp[1:] - mean).abs() <= (kp[:-1] - mean).abs()).all()
    for batch in data.train_dataloader():
        assert batch.collocation.coords[:, 3].max() < np.floor(data.last_hour) + 1


@pytest.mark.parametrize(("hour", "known"), [(41, True), (42, False), (43, False), (44, True)])
def test_kp_of_an_interval_that_is_not_over_is_not_known(five_days, hour, known):
    """Kp of 15 to 18 UT is told at 18 UT: a forecast that knows hour 41, to 18 UT of the second day, has it."""
    _, _, indices = five_days
    start = np.datetime64("2019-04-25T00", "s")
    begun = start + np.timedelta64(3 * (hour // 3), "h")
    of_interval = (indices["time"].values >= begun) & (indices["time"].values < begun + np.timedelta64(3, "h"))
    stormy = indices.assign(kp=xr.where(xr.DataArray(of_interval, dims="time"), 9.0, indices["kp"]))
    kp = [
        SlidingWindowBatchProcessor(None, table, start=start, known_until=hour + 0.5).sw[:, 0]
        for table in (indices, stormy)
    ]
    assert (not torch.equal(*kp)) == known


def drivers_known(indices, hour, start="2019-04-25T00", **options):
    """Kp and F10.7 as a forecast has them that knows the hours up to one, counted from midnight of 25 April."""
    start = np.datetime64(start, "s")
    until = hour - (start - np.datetime64("2019-04-25T00")) / np.timedelta64(1, "h") + 0.5
    windows = SlidingWindowBatchProcessor(None, indices, start=start, known_until=float(until), **options)
    return windows.sw


@pytest.mark.parametrize(("hour", "known"), [(42, False), (43, True), (47, True)])
def test_f107_of_a_day_is_known_from_20_ut_on(five_days, hour, known):
    _, _, indices = five_days
    today = (indices["time"].values >= np.datetime64("2019-04-26")).nonzero()[0]
    brighter = indices.assign(
        f107_sfu=xr.where(xr.DataArray(np.isin(np.arange(indices.sizes["time"]), today), dims="time"), 150.0, 80.0)
    )
    f107 = drivers_known(brighter, hour)[:, 1]
    assert f107[-1] == (150.0 if known else 80.0) and f107[0] == 80.0
    assert (f107 == 150.0).any() == known


def test_hours_of_day_are_those_of_ut_whenever_a_run_begins(five_days):
    _, _, indices = five_days
    assert torch.equal(drivers_known(indices, 42), drivers_known(indices, 42, start="2019-04-25T07"))


def test_hours_without_an_index_do_not_lower_the_mean_of_kp(five_days):
    _, _, indices = five_days
    even = indices.assign(kp=xr.full_like(indices["kp"], 4.0))
    lacking = even.isel(time=np.r_[0:100, 106:118, 119 : even.sizes["time"]])
    for hour in (41, 44, 46):
        kp = drivers_known(lacking, hour, missing_hours="mask")[72 + hour :, 0]
        torch.testing.assert_close(kp, torch.full_like(kp, 4.0))


def test_indices_that_begin_on_the_day_of_a_forecast_know_that_day_alone(five_days):
    _, _, indices = five_days
    today = indices.isel(time=slice(72, None))  # from 00 UT of the first day
    sw = drivers_known(today.assign(f107_sfu=today["f107_sfu"] * 0 + 90.0), 10)
    assert (sw[:, 1] == 90.0).all()
    masked = drivers_known(indices.isel(time=np.r_[0:2, 74 : indices.sizes["time"]]), 10, missing_hours="mask")
    assert (masked[72 + 10 :, 1] == 80.0).all()


def test_an_analysis_knows_the_maps_of_every_hour(five_days, tiny_config):
    data = RunData(*five_days, tiny_config.changed(split="last-days", gap_hours=3))
    assert data.last_hour is None
    assert not (data.processor.sw[-1] == data.processor.sw[-5]).all()


def test_a_forecast_of_days_in_between_is_refused(tiny_config):
    with pytest.raises(InputError, match="a forecast holds out split='last-days'"):
        tiny_config.changed(mode="forecast", split="days")


def test_the_background_of_a_forecast_knows_no_flux_to_come(five_days, tiny_config):
    observations, tec, indices = five_days
    config = tiny_config.changed(split="last-days", mode="forecast", gap_hours=3)
    first = RunData(observations, tec, indices, config)
    later = indices["time"].values > first.points.start + np.timedelta64(int(first.last_hour) + 1, "h")
    changed = {name: xr.where(later, 200.0, indices[name]) for name in ("f107_sfu", "f107_81d_sfu")}
    changed["f107_81d_trailing_sfu"] = xr.where(later, 150.0, indices["f107_81d_trailing_sfu"])
    other = RunData(observations, tec, indices.assign(changed), config)
    assert torch.equal(first.points.background, other.points.background)
    assert torch.equal(first.processor.sw, other.processor.sw)
    analysis = [
        RunData(observations, tec, i, config.changed(mode="analysis")) for i in (indices, indices.assign(changed))
    ]
    assert not torch.equal(analysis[0].points.background, analysis[1].points.background)
