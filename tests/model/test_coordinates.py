"""What the networks see: round the globe without a seam, and derivatives per kilometre."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from rstmrf.globe import metric
from rstmrf.model.coordinates import N_SPATIAL, N_TEMPORAL, spatial_features, temporal_features
from rstmrf.units import EARTH_RADIUS_KM

MODES = list(N_SPATIAL)
latitudes, longitudes = st.floats(-89, 89), st.floats(-180, 180)
hours = st.floats(0, 720)


def at(*coords):
    return torch.tensor([coords], dtype=torch.float64)


@given(lat=latitudes, lon=longitudes, alt=st.floats(120, 500), time=hours)
def test_unit_vectors_return_after_a_turn_round_the_globe(lat, lon, alt, time):
    here, round_the_globe = (spatial_features(at(lat, x, alt, time), "unit-vector", 5) for x in (lon, lon + 360))
    assert torch.allclose(here, round_the_globe, atol=1e-12)


def test_only_the_document_form_has_a_seam():
    for mode, jump in (("unit-vector", 0.0), ("document", 2.0)):
        west, east = (spatial_features(at(10.0, lon, 300.0, 5.0), mode, 1) for lon in (-180.0, 180.0))
        assert (west - east).abs().max().item() == pytest.approx(jump, abs=1e-9)


@pytest.mark.parametrize("mode", MODES)
def test_noon_is_noon_at_every_longitude(mode):
    """Local time wraps at 24 h: 12 UT at 0°, 0 UT at 180° and 30 UT at 90° are all noon, or its evening by day 2."""
    sun = slice(3, 5) if mode == "document" else slice(4, 6)
    places = [(0.0, 12.0), (180.0, 0.0), (-180.0, 24.0), (90.0, 30.0), (-90.0, 18.0)]
    features = [spatial_features(at(20.0, lon, 300.0, t), mode, 1)[0, 0, sun] for lon, t in places]
    assert all(torch.allclose(f, features[0], atol=1e-12) for f in features)
    midnight = spatial_features(at(20.0, 0.0, 300.0, 0.0), mode, 1)[0, 0, sun]
    assert torch.allclose(midnight, -features[0], atol=1e-12)


@pytest.mark.parametrize("mode", MODES)
def test_altitudes_from_120_to_500_km_fill_minus_one_to_one(mode):
    coords = torch.tensor([[0.0, 0.0, alt, 0.0] for alt in (120.0, 310.0, 500.0)])
    column = 2 if mode == "document" else 3
    assert spatial_features(coords, mode, 1)[0, :, column].tolist() == [-1.0, 0.0, 1.0]


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("order", [1, 5])
def test_width_is_what_the_network_expects(mode, order):
    assert spatial_features(torch.zeros(7, 4), mode, order).shape == (order, 7, N_SPATIAL[mode])


def test_a_degree_is_111_km_on_the_ground_and_half_that_eastwards_at_60():
    east, north = metric(torch.tensor([0.0, 60.0]), torch.tensor([0.0, 0.0]))
    assert (north * math.pi / 180).tolist() == pytest.approx([111.19] * 2, abs=0.01)
    assert (east / north).tolist() == pytest.approx([1.0, 0.5], abs=1e-6)
    assert metric(torch.tensor([0.0]), torch.tensor([629.0]))[1].item() == EARTH_RADIUS_KM + 629


@given(time=hours)
def test_diurnal_time_is_the_same_every_day(time):
    today, tomorrow = (
        temporal_features(torch.tensor([t], dtype=torch.float64), "diurnal", 48.0) for t in (time, time + 24)
    )
    assert today.shape[-1] == N_TEMPORAL["diurnal"]
    assert torch.allclose(today, tomorrow, atol=1e-10)


def test_document_time_runs_from_minus_one_to_one_over_the_run():
    assert temporal_features(torch.tensor([0.0, 36.0, 72.0]), "document", 72.0)[:, 0].tolist() == [-1.0, 0.0, 1.0]
