"""Collocation points: even over the globe, in the hours that are allowed, with IRI attached."""

import pytest
import torch

from rstmrf.data.batch import attach_background
from rstmrf.data.collocation import CollocationPool, allowed_hours, collocator
from rstmrf.data.dataset import BatchDataset
from rstmrf.errors import InputError
from rstmrf.readers import sample

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(scope="module")
def iri():
    return sample.background()


@pytest.fixture(scope="module")
def pool(iri):
    return CollocationPool([5, 6, 7, 30], iri)


def test_points_are_even_over_the_area(pool):
    lat, lon = pool.points.coords[:, 0], pool.points.coords[:, 1]
    assert torch.sin(torch.deg2rad(lat)).mean().abs() < 0.03 and (lat.abs() > 30).float().mean() == pytest.approx(
        0.5, abs=0.03
    )
    assert torch.cos(torch.deg2rad(lon)).mean().abs() < 0.05


def test_iri_is_that_of_the_points(pool, iri):
    some = pool.points.select(torch.arange(0, len(pool.points), 97))
    expected = attach_background(*some.coords[:, :3].T, some.coords[:, 3].double(), iri)
    assert torch.allclose(some.background, expected)


@pytest.mark.parametrize(("kind", "mean", "spread"), [("peak", 350, 70), ("uniform", 310, 110), ("fixed", 350, 0)])
def test_altitudes_are_of_the_kind_asked_for(iri, kind, mean, spread):
    alt_km = CollocationPool([5], iri, altitude=kind).points.coords[:, 2]
    assert alt_km.mean() == pytest.approx(mean, abs=10) and alt_km.std() == pytest.approx(spread, abs=8)
    assert 120 <= alt_km.min() and alt_km.max() <= 500


def test_points_are_drawn_in_the_hours_asked_for(pool):
    random = torch.Generator().manual_seed(0)
    drawn = pool.draw(100, random, torch.tensor([6, 7, 11]))
    assert len(drawn) == 100 and set(drawn.coords[:, 3].floor().tolist()) == {6.0, 7.0}
    assert len(pool.draw(100, random, n_hours=2).coords[:, 3].floor().unique()) == 2
    assert (
        len(pool.draw(9, random, torch.tensor([500])).coords[:, 3].floor().unique()) == 1
    )  # an hour at random instead


def test_hours_of_an_analysis_and_of_a_forecast(tiny_data):
    processor, train_hours = tiny_data.processor, [3.5, 9.1, 9.9, 40.0]
    every = allowed_hours(processor, 2, train_hours, which="all")
    assert every.tolist() == list(range(processor.seq_len - 1, 48))
    assert allowed_hours(processor, 2, train_hours, which="seen").tolist() == [3, 9, 40]
    assert allowed_hours(processor, 2, train_hours, which="all", last_hour=20.7).max() == 20


def test_seen_hours_cost_no_window_more(tiny_data, tiny_config):
    points = tiny_data.part(0)
    dataset_of = lambda **changes: BatchDataset(  # noqa: E731
        points,
        tiny_data.processor,
        collocate=collocator(
            tiny_config.changed(collocation_points=60, **changes),
            tiny_data.processor,
            tiny_data.iri,
            points.coords[:, 3],
        ),
    )
    first = torch.argsort(points.coords[:, 3])[:50]
    plain = BatchDataset(points, tiny_data.processor)[first]
    seen, every = dataset_of()[first], dataset_of(collocation_hours="all", collocation_windows=3)[first]
    assert len(seen.unique_sw_seq) == len(plain.unique_sw_seq) and len(seen.collocation.coords) >= 60
    assert len(plain.unique_sw_seq) < len(every.unique_sw_seq) <= len(plain.unique_sw_seq) + 3
    for batch in (seen, every):
        row = tiny_data.processor.window_hour(batch.collocation.coords[:, 3])
        assert torch.equal(
            batch.unique_tec_map_seq[batch.collocation.tec_indices],
            tiny_data.processor.tec[row[:, None] + torch.arange(1 - tiny_data.processor.seq_len, 1)],
        )


def test_no_hour_is_an_error(iri):
    with pytest.raises(InputError, match="there is no hour"):
        CollocationPool([], iri)
