"""Where the direction comes from: a network, the maps themselves, older maps, or the wrong ones."""

from dataclasses import replace

import pytest
import torch

from rstmrf.data.run_data import RunData
from rstmrf.data.windows import SlidingWindowBatchProcessor
from rstmrf.globe import cosine, tec_gradient
from rstmrf.model.whole import RSTMRF
from rstmrf.training.loop import train
from rstmrf.training.losses import loss_terms

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture
def processor_of(sample_tec, sample_indices):
    def make(**changes):
        return SlidingWindowBatchProcessor(
            sample_tec, sample_indices, start="2019-04-25", seq_len=3, tec_downsample_factor=30, **changes
        )

    return make


@pytest.fixture
def points(tiny_data):
    chosen = torch.nonzero((tiny_data.points.coords[:, 3] > 12) & (tiny_data.points.coords[:, 3] < 16))[:, 0]
    return tiny_data.points.select(chosen)


@pytest.mark.parametrize("lead", [0, 1, 2, 3, 6])
def test_a_lead_moves_the_window_of_maps_and_nothing_else(processor_of, points, lead):
    now, ahead = processor_of(), processor_of(lead_hours=lead)
    batch, led = now(points), ahead(points)
    assert torch.equal(led.target_tec_map, batch.target_tec_map) and torch.equal(led.unique_sw_seq, batch.unique_sw_seq)
    earlier = now.tec[now.window_hour(points.coords[:, 3]).unique() - lead]
    assert torch.equal(led.unique_tec_map_seq[:, -1], earlier)
    hours = torch.arange(48) + 0.5
    assert int(ahead.usable(hours).nonzero()[0]) == 2 + lead


def test_the_observed_direction_is_the_gradient_of_the_last_map(processor_of, points, tiny_config):
    config = tiny_config.changed(direction_source="observed")
    batch = processor_of()(points)
    model = RSTMRF(config, 48.0)
    assert sum(p.numel() for p in model.direction_field.parameters()) == 0
    field = model.direction_field(batch.unique_tec_map_seq)
    assert torch.equal(field, tec_gradient(batch.target_tec_map, "metric"))
    terms = loss_terms(batch, model, config)
    assert terms["head"].abs() < 1e-5


def test_between_two_maps_the_direction_is_that_of_both(processor_of, points, tiny_config):
    """Half an hour after one map, where the direction weighs, it is that of their mean."""
    config = tiny_config.changed(direction_source="observed")
    half = points.coords.clone()
    half[:, 3] = 13.5
    points = type(points)(half, points.log10_ne_m3, points.background, points.profile, points.start)
    batch = processor_of(next_map=True)(points)
    assert torch.equal(batch.next_tec_map[0], processor_of().tec[14])
    mean = (batch.target_tec_map + batch.next_tec_map) / 2
    window = mean[:, None].expand(-1, 3, -1, -1, -1)
    of_mean = replace(batch, unique_tec_map_seq=window, target_tec_map=mean, next_tec_map=None)
    model = RSTMRF(config, 48.0)
    between, expected = (loss_terms(b, model, config)["tec_direction"].item() for b in (batch, of_mean))
    assert between == pytest.approx(expected, abs=1e-5)


def test_shuffled_maps_are_maps_of_other_hours(processor_of):
    right, wrong = processor_of(), processor_of()
    wrong.shuffle_tec(3)
    assert torch.equal(right.tec.sum((1, 2, 3)).sort()[0], wrong.tec.sum((1, 2, 3)).sort()[0])
    agreement = cosine(tec_gradient(right.tec), tec_gradient(wrong.tec))
    assert agreement.mean() < 0.6


@pytest.mark.parametrize("changes", [{"direction_source": "observed"}, {"lead_hours": 2}, {"shuffle_tec": True}])
def test_a_run_trains_with_each(thin_observations, sample_tec, sample_indices, tiny_config, tmp_path, changes):
    config = tiny_config.changed(epochs=1, window_group_size=2, **changes)
    few = thin_observations.isel(point=thin_observations["profile"].values % 32 == 0)
    model = train(RunData(few, sample_tec, sample_indices, config), tmp_path / "run")
    assert all(torch.isfinite(p).all() for p in model.parameters())
