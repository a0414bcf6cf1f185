"""Where the direction comes from: a network, the maps themselves, older maps, or the wrong ones."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from rstmrf.data.direction_table import DirectionTable
from rstmrf.data.run_data import RunData
from rstmrf.data.windows import SlidingWindowBatchProcessor
from rstmrf.globe import cosine, tec_gradient
from rstmrf.model.whole import RSTMRF
from rstmrf.training.loop import train
from rstmrf.training.losses import loss_terms, means

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
    assert means(loss_terms(batch, model, config))["head"].abs() < 1e-5


def test_between_two_maps_the_direction_is_that_of_both(processor_of, points, tiny_config):
    """Half an hour after one map, where the direction weighs, it is that of their mean."""
    config = tiny_config.changed(direction_source="observed")
    half = points.coords.clone()
    half[:, 3] = 13.5
    points = type(points)(half, points.log10_ne_m3, points.background, points.profile, points.start)
    processor, model = processor_of(), RSTMRF(config, 48.0)
    batch = processor(points, directions=DirectionTable.tabulate(model.direction_field, processor))
    assert batch.unique_tec_map_seq is None
    mean = tec_gradient((processor.tec[13:14] + processor.tec[14:15]) / 2)
    of_mean = replace(batch, direction_maps=mean, next_direction_maps=None)
    between, expected = (means(loss_terms(b, model, config))["tec_direction"].item() for b in (batch, of_mean))
    assert between == pytest.approx(expected, abs=1e-5)


def test_shuffled_maps_are_maps_of_other_hours(processor_of):
    right, wrong = processor_of(), processor_of(shuffle_seed=3)
    assert torch.equal(right.tec.sum((1, 2, 3)).sort()[0], wrong.tec.sum((1, 2, 3)).sort()[0])
    agreement = cosine(tec_gradient(right.tec), tec_gradient(wrong.tec))
    assert agreement.mean() < 0.6


@given(seed=st.integers(0, 2**16), missing=st.sets(st.integers(0, 47), max_size=40))
def test_no_hour_keeps_its_own_map_and_none_gets_a_blank_one(sample_tec, sample_indices, seed, missing):
    """Hours without a map stay without; the others change places among themselves."""
    known = np.array([h for h in range(48) if h not in missing])
    made = {"start": "2019-04-25", "seq_len": 1, "tec_downsample_factor": 90, "missing_hours": "mask"}
    few = sample_tec.isel(time=known)
    right, wrong = (SlidingWindowBatchProcessor(few, sample_indices, **made, shuffle_seed=s) for s in (None, seed))
    same = (right.tec == wrong.tec).flatten(1).all(1)
    assert not same[right.coverage.present].any() and same[~right.coverage.present].all()
    assert (wrong.tec[right.coverage.present] > 0).any((1, 2, 3)).all()


@pytest.mark.parametrize("changes", [{"direction_source": "observed"}, {"lead_hours": 2}, {"shuffle_tec": True}])
def test_a_run_trains_with_each(thin_observations, sample_tec, sample_indices, tiny_config, tmp_path, changes):
    config = tiny_config.changed(epochs=1, window_group_size=2, **changes)
    few = thin_observations.isel(point=thin_observations["profile"].values % 32 == 0)
    model = train(RunData(few, sample_tec, sample_indices, config), tmp_path / "run")
    assert all(torch.isfinite(p).all() for p in model.parameters())
