"""TEC as an input of the residual (for comparison alone), and days told apart by their number."""

import numpy as np
import pytest
import torch

from rstmrf.config import RunConfig
from rstmrf.data.run_data import RunData
from rstmrf.errors import InputError
from rstmrf.model import jets
from rstmrf.model.coordinates import temporal_features
from rstmrf.model.direction import tec_jet
from rstmrf.model.whole import RSTMRF
from rstmrf.predict import Predictor
from rstmrf.training.losses import loss_terms, means
from rstmrf.units import EARTH_RADIUS_KM

pytestmark = pytest.mark.usefixtures("one_thread")
NOON = np.datetime64("2019-04-25T12:30", "ns")


def smooth_maps():
    """TEC = 10^(1 + 0.3 sin φ + 0.2 cos φ cos λ) on 1°, and 1.2 times as much an hour later."""
    lat, lon = (torch.linspace(-x, x, n, dtype=torch.float64).deg2rad() for x, n in ((90, 181), (180, 361)))
    log = 1 + 0.3 * lat.sin()[:, None] + 0.2 * lat.cos()[:, None] * lon.cos()
    return 10 ** log[None, None], 1.2 * 10 ** log[None, None]


def test_jet_of_a_known_map():
    lat, lon = torch.tensor([-50.0, 10.0, 60.0]).double(), torch.tensor([-170.0, 0.0, 95.0]).double()
    hours = torch.tensor([3.0, 3.5, 3.25]).double()
    value, east, north, up, up2 = tec_jet(*smooth_maps(), torch.zeros(3, dtype=torch.long), lat, lon, hours)
    phi, lam = lat.deg2rad(), lon.deg2rad()
    expected = 1 + 0.3 * phi.sin() + 0.2 * phi.cos() * lam.cos() + (hours % 1) * np.log10(1.2)
    assert torch.allclose(value, expected, atol=1e-4)
    assert torch.allclose(east * EARTH_RADIUS_KM, -0.2 * lam.sin(), atol=1e-3)
    assert torch.allclose(north * EARTH_RADIUS_KM, 0.3 * phi.cos() - 0.2 * phi.sin() * lam.cos(), atol=1e-3)
    assert not up.any() and not up2.any()


@pytest.fixture(scope="module")
def run(thin_observations, sample_tec, sample_indices, tiny_config):
    config = tiny_config.changed(tec_input=True, longitude_jitter_deg=0.0, direction_source="observed")
    return RunData(thin_observations, sample_tec, sample_indices, config)


@pytest.fixture(scope="module")
def model(run):
    torch.manual_seed(0)
    return RSTMRF(run.config, 48.0).eval()


def test_prediction_follows_the_value_of_tec(run, model):
    points = run.points.select(torch.arange(0, 200, 7))
    batch = run.processor(points)
    before = model.log10_density(batch)
    maps = batch.unique_tec_map_seq.clone()
    maps *= 2.0
    assert not torch.equal(model.log10_density(type(batch)(**{**vars(batch), "unique_tec_map_seq": maps})), before)


def test_without_it_no_map_changes_the_prediction(thin_observations, sample_tec, sample_indices, tiny_config):
    config = tiny_config.changed(longitude_jitter_deg=0.0, direction_source="observed")
    data = RunData(thin_observations, sample_tec, sample_indices, config)
    model = RSTMRF(config, 48.0)
    batch = data.processor(data.points.select(torch.arange(0, 200, 7)))
    other = type(batch)(**{**vars(batch), "unique_tec_map_seq": 2 * batch.unique_tec_map_seq})
    assert torch.equal(model.log10_density(other), model.log10_density(batch))


def test_jets_of_the_field_hold_the_gradient_of_tec(run, model):
    """Steps of one cell and more in longitude, where bilinear maps and their central differences agree on average."""
    points = run.points.select(torch.arange(0, 400, 5))
    batch = run.processor(points)
    jet = model.double().residual(double(batch), double(batch), 5)
    without = model.residual_field
    assert jet.shape == (5, len(points)) and torch.isfinite(jet).all()
    place = double(batch)
    nothing = torch.zeros(5, len(points), dtype=torch.float64)
    tec = tec_jet(
        place.unique_tec_map_seq[:, -1],
        place.next_tec_map,
        place.tec_indices,
        *place.coords[:, :2].unbind(1),
        place.coords[:, 3],
    )
    flat = without(place.coords, place.unique_sw_seq, place.tec_indices, 5, torch.cat([tec[:1], nothing[1:]]))
    step = 1e-4
    ahead = without(place.coords, place.unique_sw_seq, place.tec_indices, 1, tec + step)[0]
    behind = without(place.coords, place.unique_sw_seq, place.tec_indices, 1, tec - step)[0]
    by_tec = (ahead - behind) / (2 * step)
    for member in (jets.EAST, jets.NORTH):
        assert torch.allclose(jet[member] - flat[member], by_tec * tec[member], rtol=1e-5, atol=1e-12)
    assert torch.allclose(jet[jets.ALT], flat[jets.ALT])
    model.float()


def double(batch):
    parts = {
        k: v.double() if isinstance(v, torch.Tensor) and v.is_floating_point() else v for k, v in vars(batch).items()
    }
    return type(batch)(**parts)


def test_grid_and_points_agree(run, model):
    predictor = Predictor(model, run.iri, run.processor)
    lat, alt_km = np.array([-30.0, 40.0]), np.array([200.0, 300.0, 400.0])
    iri, fused = predictor.columns(lat, np.array([10.0, 170.0]), alt_km, NOON)
    at = predictor.at_points(lat.repeat(3), np.repeat([10.0, 170.0], 3), np.tile(alt_km, 2), np.full(6, NOON))
    assert np.allclose(iri.ravel(), at[0]) and np.allclose(fused.ravel(), at[1])


def test_loss_is_finite(run, model):
    terms = means(loss_terms(next(iter(run.train_dataloader())), model, run.config))
    assert all(torch.isfinite(term) for term in terms.values())


def test_moved_points_are_refused():
    with pytest.raises(InputError, match="tec_input=True with longitude_jitter_deg=30"):
        RunConfig(tec_input=True, longitude_jitter_deg=30.0)


def test_elapsed_time_tells_days_apart_and_diurnal_does_not():
    hours = torch.tensor([5.0, 29.0])
    first, second = temporal_features(hours, "elapsed", 48.0)
    assert torch.allclose(first[:4], second[:4], atol=1e-6) and (second - first)[4].item() == 1.0
    assert torch.allclose(*temporal_features(hours, "diurnal", 48.0), atol=1e-6)
    config = RunConfig(time_mode="elapsed", omega_elapsed=7.0, siren_hidden=8, siren_layers=1)
    assert RSTMRF(config, 48.0).residual_field.temporal.input_omega.tolist() == [2.0] * 4 + [7.0]
