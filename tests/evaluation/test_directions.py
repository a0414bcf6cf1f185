"""Cosines with known answers: the gradient of the map itself, an old one, and one that turned with the Sun."""

import numpy as np
import pytest
import torch

from rstmrf.errors import InputError
from rstmrf.evaluation.directions import density_cosines, direction_maps, direction_scores
from rstmrf.model.whole import RSTMRF

pytestmark = pytest.mark.usefixtures("one_thread")
HOURS = np.arange(12, 36)


@pytest.fixture
def observed_source(tiny_config):
    return RSTMRF(tiny_config.changed(direction_source="observed"), 48.0)


def test_the_map_itself_agrees_and_other_hours_do_not(observed_source, tiny_data):
    table = direction_scores(observed_source, tiny_data, HOURS)
    assert np.allclose(table.drop(columns="head, other hours"), 1, atol=1e-4)
    assert table.loc["all", "head, other hours"] < 0.7
    assert len(table) == 1 + 3 + 4


@pytest.mark.parametrize(
    "score",
    [
        lambda source, data: direction_scores(source, data, HOURS),
        lambda source, data: density_cosines({}, data, HOURS),
        lambda source, data: direction_maps({}, data, HOURS),
    ],
)
def test_a_run_without_maps_has_nothing_to_score_against(observed_source, tiny_data, monkeypatch, score):
    monkeypatch.setattr(tiny_data.processor, "tec", None)
    with pytest.raises(InputError, match="this run has none; give maps"):
        score(observed_source, tiny_data)


def test_an_older_map_agrees_less(observed_source, thin_observations, sample_tec, sample_indices, tiny_config):
    from rstmrf.data.run_data import RunData

    agreement = []
    for lead in (1, 3, 6):
        config = tiny_config.changed(lead_hours=lead, tec_downsample_factor=6)
        table = direction_scores(observed_source, RunData(thin_observations, sample_tec, sample_indices, config), HOURS)
        assert table.loc["all", "head"] == pytest.approx(table.loc["all", "persistence"])
        agreement.append(table.loc["all", "persistence"])
    assert 0.9 > agreement[0] > agreement[1] > agreement[2] > 0.1


def test_maps_that_follow_the_sun_are_forecast_by_turning_them(observed_source, tiny_data, monkeypatch):
    """A bulge of TEC under the Sun, two hours later two columns of 15° further west."""
    lon, lat = torch.linspace(-180, 180, 25), torch.linspace(-90, 90, 13)[:, None]
    hours = torch.arange(48.0)[:, None, None]
    bulge = torch.cos(torch.deg2rad(lat)) * torch.cos(torch.deg2rad(lon + 15 * hours))
    monkeypatch.setattr(tiny_data.processor, "tec", 20 + 10 * bulge[:, None])
    monkeypatch.setattr(tiny_data.processor, "lead_hours", 2)
    table = direction_scores(observed_source, tiny_data, HOURS).loc["all"]
    assert table["Sun-fixed persistence"] == pytest.approx(1, abs=1e-4) and table["persistence"] < 0.95


def test_density_follows_tec_best_near_the_peak(observed_source, tiny_data):
    table = density_cosines({"untrained": observed_source}, tiny_data, np.array([14, 20]), (120.0, 350.0))
    assert table.loc[350.0, "IRI"] > table.loc[120.0, "IRI"] > -1
    assert table.loc[350.0, "untrained"] <= 1 and list(table.columns) == ["IRI", "untrained"]


@pytest.fixture
def maps(observed_source, tiny_data):
    return direction_maps({"untrained": observed_source}, tiny_data, [14, 20], 350.0)


def test_gradients_on_the_maps_grid_are_those_of_its_values(maps, tiny_data):
    """Central differences of log10 Ne over a degree, from the density alone."""
    at = maps.isel(time=0).sel(source="IRI", lat=[-30.0, 0.0, 60.0], lon=[-90.0, 0.0, 150.0])
    lat, lon = (x.ravel() for x in np.meshgrid(at.lat, at.lon, indexing="ij"))

    def density(lat, lon):
        return tiny_data.iri.log10_density(lat, lon, np.full(9, 350.0), np.full(9, 14.0)).numpy().reshape(3, 3)

    km = np.deg2rad(6371 + 350)
    east = (density(lat, lon + 0.5) - density(lat, lon - 0.5)) / (km * np.cos(np.deg2rad(at.lat.values))[:, None])
    north = (density(lat + 0.5, lon) - density(lat - 0.5, lon)) / km
    np.testing.assert_allclose(at.log10_ne_m3, density(lat, lon), atol=1e-5)
    np.testing.assert_allclose(at.ne_east, east, atol=5e-6)
    np.testing.assert_allclose(at.ne_north, north, atol=5e-6)


def test_angles_go_from_none_to_opposed_and_weights_follow_area(maps, tiny_data):
    assert list(maps.source.values) == ["IRI", "untrained"]
    assert (maps.time.values == np.array(["2019-04-25T14", "2019-04-25T20"], "M8[ns]")).all()
    assert np.allclose(np.cos(np.deg2rad(maps.angle_deg)), maps.cosine, atol=1e-5)
    assert 0 <= maps.angle_deg.min() and maps.angle_deg.max() <= 180
    assert (maps.weight.sel(lon=180.0) == 0).all() and (maps.weight.sel(lat=[-90, 90]) == 0).all()
    strong = maps.weight > 0
    strength = np.hypot(maps.tec_east, maps.tec_north)
    for hour in range(2):
        outside = ~strong[hour] & (np.abs(maps.lat) < 85) & (maps.lon < 180)
        assert strength[hour].where(strong[hour]).min() > strength[hour].where(outside).max()
    assert np.allclose(maps.local_time_h.sel(time="2019-04-25T14", lon=-90.0), 8.0)
    tec = tiny_data.processor.tec[14 - tiny_data.processor.first_hour, 0]
    assert np.array_equal(maps.vtec_tecu[0], tec)


def test_an_hour_without_a_window_is_named(observed_source, tiny_data):
    with pytest.raises(InputError, match="hour 1 has no whole window"):
        direction_maps({}, tiny_data, [14, 1])
