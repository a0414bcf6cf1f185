"""Baselines on points whose residual is known."""

from dataclasses import replace

import numpy as np
import pytest
import torch
import xarray as xr

from rstmrf.background import vtec
from rstmrf.data.batch import PointSet
from rstmrf.errors import InputError
from rstmrf.evaluation.baselines import MeanResidualTable, Persistence, nearest_residual, tec_scaled_residual
from rstmrf.readers import sample

START = np.datetime64("2019-04-25", "ns")


def points(n=600, days=2.0, residual=None, seed=0):
    rng = np.random.default_rng(seed)
    lat, lon = np.rad2deg(np.arcsin(rng.uniform(-1, 1, n))), rng.uniform(-180, 180, n)
    coords = torch.tensor(np.stack([lat, lon, rng.uniform(120, 500, n), np.sort(rng.uniform(0, 24 * days, n))], 1))
    background = torch.zeros(n, 5)
    background[:, 0] = 11.0
    residual = torch.zeros(n) if residual is None else torch.as_tensor(residual)
    return PointSet(coords.float(), 11.0 + residual.float(), background, torch.arange(n) // 10, START)


def test_a_table_of_a_constant_is_that_constant():
    train = points(residual=np.full(600, 0.3))
    assert np.allclose(MeanResidualTable.fit(train).predict(points(seed=1)), 0.3)


def test_persistence_is_of_the_day_before():
    train = points(n=4000)
    of_day = torch.floor(train.coords[:, 3] / 24)
    train = replace(train, log10_ne_m3=11.0 + 0.1 * (of_day + 1))
    later = replace(train, coords=train.coords + torch.tensor([0.0, 0.0, 0.0, 24.0]))
    assert np.allclose(Persistence.fit(train).predict(later), 0.1 * (of_day + 1), atol=1e-5)
    first_day = Persistence.fit(train).predict(train)[of_day == 0]
    assert (first_day == 0).all()  # nothing came before


def test_the_nearest_point_of_a_set_to_itself_is_itself():
    train = points(residual=np.random.default_rng(2).normal(size=600))
    assert np.allclose(nearest_residual(train, train), (train.log10_ne_m3 - 11.0).numpy())


@pytest.fixture(scope="module")
def maps_of_iri(one_thread):
    """Hourly maps of IRI's own TEC, scaled by 1.5, with the plasmasphere that the baseline takes off."""
    iri = sample.background()
    lat, lon = np.arange(-90.0, 90.1, 5.0), np.arange(-180.0, 180.1, 5.0)
    at = [x.ravel() for x in np.meshgrid(lat, lon, indexing="ij")]
    levels = np.broadcast_to(vtec.LEVELS_KM, (at[0].size, vtec.LEVELS_KM.size))
    maps = []
    for hour in range(12, 15):
        columns = vtec.iri_columns(iri, *at, np.full(at[0].size, float(hour)), levels)
        tec = 1.5 * vtec.integrate(columns, np.zeros(at[0].size))[0] + vtec.plasmasphere_tecu(at[0])
        maps.append(tec.reshape(lat.size, lon.size))
    time = START + np.arange(12, 15) * np.timedelta64(1, "h")
    return iri, xr.Dataset({"vtec_tecu": (("time", "lat", "lon"), np.stack(maps))}, {"time": time})


def test_tec_half_as_high_again_lifts_the_f_region_and_not_the_e_region(maps_of_iri):
    iri, maps = maps_of_iri
    given = points(days=2 / 24)
    given = replace(given, coords=given.coords + torch.tensor([0.0, 0.0, 0.0, 12.0]))
    residual, alt_km = tec_scaled_residual(given, iri, maps), given.coords[:, 2].numpy()
    error = np.abs(residual[alt_km > 200] - np.log10(1.5))
    assert np.median(error) < 0.01 and np.quantile(error, 0.9) < 0.03  # maps of 5° blur the crests
    assert np.abs(residual[alt_km < 125]).max() < 0.02


def test_points_after_the_maps_are_named(maps_of_iri):
    iri, maps = maps_of_iri
    with pytest.raises(InputError, match=r"TEC maps hold hours 12 to 14, and none of 0\..* to .* h"):
        tec_scaled_residual(points(), iri, maps)


def test_an_hour_without_a_map_shifts_no_other(maps_of_iri):
    """Hours that are masked are lacking in the middle: maps after them keep their own times."""
    iri, maps = maps_of_iri
    later = [maps.assign_coords(time=maps.time + k * np.timedelta64(3, "h")) for k in range(3)]
    whole = xr.concat(later, dim="time")  # 12 to 20 h
    gap = whole.isel(time=[0, 1, 2, 5, 6, 7, 8])  # without 15 and 16 h
    given = points(days=1.9 / 24)
    at = {hour: replace(given, coords=given.coords + torch.tensor([0.0, 0.0, 0.0, hour])) for hour in (12.0, 17.0)}
    for some in at.values():
        assert np.allclose(tec_scaled_residual(some, iri, gap), tec_scaled_residual(some, iri, whole), atol=1e-6)
    last = replace(
        given, coords=given.coords * torch.tensor([1.0, 1.0, 1.0, 0.0]) + torch.tensor([0.0, 0.0, 0.0, 14.5])
    )
    held = tec_scaled_residual(last, iri, gap)
    assert np.allclose(held, tec_scaled_residual(last, iri, whole.isel(time=[0, 1, 2])), atol=1e-6)
    with pytest.raises(InputError, match="none of 15"):
        tec_scaled_residual(replace(last, coords=last.coords + torch.tensor([0.0, 0.0, 0.0, 1.0])), iri, gap)
