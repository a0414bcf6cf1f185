"""Cosines with known answers: the gradient of the map itself, an old one, and one that turned with the Sun."""

import numpy as np
import pytest
import torch

from rstmrf.directions import density_cosines, direction_scores
from rstmrf.model.rstmrf import RSTMRF

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


def test_an_older_map_agrees_less(observed_source, thin_observations, sample_tec, sample_indices, tiny_config):
    from rstmrf.run_data import RunData

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
