"""The slope of memory is found with an interval that neighbours' likeness does not narrow; what is watched is told."""

from types import SimpleNamespace

import numpy as np
import pytest

from rstmrf.training.loop import TrainingModule
from studies import long_run


def wandering(slope, n=600, seed=0):
    """Memory [MB] over an hour that wanders about a line, each value like the one before."""
    rng, noise = np.random.default_rng(seed), np.zeros(n)
    for i in range(1, n):
        noise[i] = 0.95 * noise[i - 1] + rng.normal()
    hours = np.linspace(0, 1, n)
    return hours, 1000 + slope * hours + noise


@pytest.mark.parametrize("slope", [0.0, 40.0])
def test_a_slope_is_found_within_its_interval(slope):
    found = long_run.slope(*wandering(slope), block=60)
    assert found.low < slope < found.high and found.low < found.value < found.high
    assert (found.low > 0) == (slope > 0)


def test_blocks_make_the_interval_honest():
    narrow, wide = (long_run.slope(*wandering(0.0), block=block) for block in (1, 60))
    assert wide.high - wide.low > 2 * (narrow.high - narrow.low)


def test_an_exact_line_has_no_width():
    hours = np.linspace(0, 1, 50)
    assert long_run.slope(hours, 3 + 2 * hours, block=5) == pytest.approx((2.0, 2.0, 2.0))


def test_memory_is_noted_from_time_to_time_until_the_time_is_over(monkeypatch):
    now = [0.0]
    monkeypatch.setattr(long_run.time, "perf_counter", lambda: now[0])
    trainer = SimpleNamespace(global_step=0, current_epoch=0, should_stop=False)
    watch, module = long_run.Watch(minutes=2), TrainingModule.__new__(TrainingModule)
    watch.on_train_batch_end(trainer, object(), None, None, 0)
    assert not watch.rows  # the ConvLSTM's own training
    while not trainer.should_stop:
        watch.on_train_batch_end(trainer, module, None, None, 0)
        now[0], trainer.global_step = now[0] + 1, trainer.global_step + 1
    assert [round(60 * row["minutes"]) for row in watch.rows] == list(range(0, 121, 5))
    found = long_run.summary(watch.rows, warm_up_minutes=0.5)
    assert found["minutes"] == 2 and found["steps"] == 120
    assert len(found["series"]["minutes"]) == 5 and found["resident_mb_at_end"] > 50


def test_the_allocator_tells_what_it_has_given_out():
    before = long_run.given_out_mb()
    kept = np.ones(4_000_000)
    if np.isfinite(before):  # glibc
        assert long_run.given_out_mb() - before == pytest.approx(kept.nbytes / 1e6, abs=5)
