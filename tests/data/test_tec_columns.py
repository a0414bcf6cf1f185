"""Columns of collocation points: their gradient is that of TEC, by differences of columns that are integrated."""

import numpy as np
import pytest
import torch

from rstmrf.background import vtec
from rstmrf.config import RunConfig
from rstmrf.data.batch import Points
from rstmrf.data.collocation import CollocationPool, collocator
from rstmrf.data.dataset import BatchDataset
from rstmrf.data.tec_columns import LEVELS, LEVELS_KM, WEIGHTS_KM, column_gradient, columns_of
from rstmrf.errors import InputError
from rstmrf.globe import metric
from rstmrf.model import jets
from rstmrf.model.whole import RSTMRF
from rstmrf.readers import sample
from rstmrf.training.losses import loss_terms

pytestmark = pytest.mark.usefixtures("one_thread")
STEP_DEG = 0.25


@pytest.fixture(scope="module")
def iri():
    return sample.background()


@pytest.fixture(scope="module")
def pool(iri):
    return CollocationPool([5, 14], iri, altitude="column")


def drawn(pool, n=240) -> Points:
    points = pool.draw(n, torch.Generator().manual_seed(3), n_hours=2)
    return Points(points.coords, points.background, torch.zeros(len(points), dtype=torch.long), points.column)


def residual_jet(coords, dex, east_per_km):
    jet = torch.zeros(5, len(coords))
    jet[jets.VALUE], jet[jets.EAST] = dex, east_per_km
    return jet


def angle_deg(one, other):
    one, other = (x[:, 0] + 1j * x[:, 1] for x in (one.numpy(), other.numpy()))
    return np.abs(np.rad2deg(np.angle(one * other.conj())))


def test_columns_are_whole_and_integrate_their_range(pool):
    points = drawn(pool)
    alt_km = points.coords[:, 2].view(-1, LEVELS)
    assert torch.allclose(alt_km, torch.as_tensor(LEVELS_KM).float().expand_as(alt_km))
    for at in (0, 1, 3):
        assert (points.coords[:, at].view(-1, LEVELS).std(1) == 0).all()
    assert WEIGHTS_KM.sum() == pytest.approx(380.0)
    assert columns_of(points).coords.shape == (len(points.coords) // LEVELS, 4)


def test_without_a_residual_it_is_the_gradient_of_iris_own_tec(pool, iri):
    points = drawn(pool)
    found = column_gradient(points, residual_jet(points.coords, 0.0, 0.0))
    lat, lon, _, hours = columns_of(points).coords.double().numpy().T

    def tec(lat, lon):
        levels = np.broadcast_to(vtec.LEVELS_KM, (len(lat), vtec.LEVELS_KM.size))
        return vtec.integrate(vtec.iri_columns(iri, lat, lon, hours, levels), np.zeros(len(lat)))[0]

    inside = np.abs(lat) < 80
    east_km, north_km = (np.asarray(x) for x in metric(torch.as_tensor(lat), 300.0))
    by_angle = [
        tec(lat, lon + STEP_DEG) - tec(lat, lon - STEP_DEG),
        tec(lat + STEP_DEG, lon) - tec(lat - STEP_DEG, lon),
    ]
    per_km = np.stack(by_angle, 1) / (2 * np.deg2rad(STEP_DEG)) / np.stack([east_km, north_km + 0 * east_km], 1)
    steep = inside & (np.linalg.norm(per_km, axis=1) > np.median(np.linalg.norm(per_km, axis=1)))
    off = angle_deg(found, torch.as_tensor(per_km))[steep]
    # what is left is IRI below 120 km, six levels for thirty, and the metric at one height
    assert np.median(off) < 1.0 and np.quantile(off, 0.95) < 6.0


def test_a_residual_weighs_by_density_and_carries_the_topside(pool):
    points = drawn(pool, 60)
    level = points.coords[:, 2].view(-1, LEVELS).flatten()
    only = (level == level.max()).float()  # the highest level alone has a slope, to the east
    plain = column_gradient(points, residual_jet(points.coords, 0.0, 0.0))
    sloped = column_gradient(points, residual_jet(points.coords, 0.0, 1e-3 * only))
    density = 10 ** (points.background[:, 0].view(-1, LEVELS)[:, -1] - 11.0)
    thickness = WEIGHTS_KM[-1] + points.column.view(-1, LEVELS, 4)[:, -1, 1]
    assert torch.allclose((sloped - plain)[:, 0], np.log(10) * 1e-3 * density * thickness, rtol=1e-3)
    doubled = column_gradient(points, residual_jet(points.coords, np.log10(2.0), 0.0))
    assert torch.allclose(doubled, 2 * plain, rtol=1e-4)


def test_the_loss_asks_columns_and_trains(tiny_data, tiny_config):
    config = tiny_config.changed(collocation_points=60, collocation_altitude="column", direction_source="observed")
    points = tiny_data.part(0)
    own = collocator(config, tiny_data.processor, tiny_data.iri, points.coords[:, 3])
    batch = BatchDataset(points, tiny_data.processor, collocate=own)[torch.arange(40)]
    assert len(batch.collocation.coords) % LEVELS == 0
    model = RSTMRF(config, 48.0)
    term = loss_terms(batch, model, config)["tec_direction"]
    assert 0 <= term.mean <= 2 and term.weight <= len(batch.collocation.coords) / LEVELS
    term.mean.backward()
    assert model.residual_field.decoder[0].weight.grad.abs().sum() > 0


def test_processes_share_whole_columns(tiny_data, tiny_config):
    config = tiny_config.changed(collocation_points=60, collocation_altitude="column")
    points, parts = tiny_data.part(0), []
    for rank in range(2):
        own = collocator(config, tiny_data.processor, tiny_data.iri, points.coords[:, 3])
        dataset = BatchDataset(points, tiny_data.processor, collocate=own, rank=rank, world=2)
        parts.append(dataset[torch.arange(40)].collocation.coords)
    assert all(len(part) % LEVELS == 0 for part in parts)
    own = collocator(config, tiny_data.processor, tiny_data.iri, points.coords[:, 3])
    whole = BatchDataset(points, tiny_data.processor, collocate=own)[torch.arange(40)].collocation.coords
    assert sorted(map(tuple, torch.cat(parts).tolist())) == sorted(map(tuple, whole.tolist()))


def test_the_document_form_knows_no_columns():
    with pytest.raises(InputError, match="the document compares points; set direction_mode='metric'"):
        RunConfig(collocation_points=60, collocation_altitude="column", direction_mode="document")
