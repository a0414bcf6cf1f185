"""Plans hold against measurements, and answers stay inside the budget they were asked for."""

import pytest

from benchmarks import stored
from rstmrf import memory
from rstmrf.config import RunConfig
from rstmrf.costs import planning
from rstmrf.errors import InputError

SMALL = {"basis_dim": 16, "siren_hidden": 32, "siren_layers": 1, "tec_downsample_factor": 12, "tec_feat_dim": 4}


def _name(row) -> str:
    """Of a stored measurement."""
    return f"{row.get('case') or row['configuration']}, {row['windows']} windows"


@pytest.fixture(scope="module")
def small():
    """The ConvLSTM in every step: what it takes is looked at here."""
    return RunConfig(batch_size=1024, direction_training="joint", **SMALL)


def test_prediction_agrees_with_a_process(small):
    """On a configuration that stands in no table."""
    config = small.changed(batch_size=1500, seq_len=5, tec_downsample_factor=5)
    measured = planning.measure_peak(config, 40)
    predicted = planning.predict_tensors(config, 40)
    assert abs(predicted - measured.peak_mb) < max(30, 0.15 * measured.peak_mb), (predicted, measured)
    assert predicted > 20 and measured.base_mb > 100


@pytest.mark.parametrize("row", stored("memory"), ids=_name)
def test_process_is_as_foreseen_from_the_tensors(row):
    """A step of the library with the ConvLSTM in it, at many sizes."""
    share, beside = planning.HEAP["ConvLSTM in the step"]
    if row["configuration"] != "literal" and not row["configuration"].startswith("directions first"):
        assert planning.holds(share * row["predicted_mb"] + beside, row["kept_heap_mb"])


@pytest.mark.parametrize("row", stored("process_memory"), ids=_name)
def test_process_is_as_foreseen_for_every_kind_of_step(row):
    """Presets, σ, ensembles, collocation, physics points, next maps, the ConvLSTM's own training."""
    predicted = planning.predict_peak(RunConfig(**row["changes"]), row["windows"], members=row["members"])
    assert planning.holds(predicted, row["measured_mb"]), (predicted, row["measured_mb"])


def test_windows_of_collocation_hours_are_counted(small):
    """Points in hours of their own bring those hours' windows with them; points in the batch's hours do not."""
    apart = small.changed(collocation_points=300, collocation_hours="all", collocation_windows=3)
    same = apart.changed(collocation_hours="seen")
    windows = [
        planning.step_ledger(config).query("held_by.str.startswith('unique_tec')")["shape"].iloc[0][0]
        for config in (apart, same)
    ]
    assert windows[0] == windows[1] + 3


def test_members_of_an_ensemble_are_kept(small):
    one, five = (planning.predict_peak(small, 4, members=n) for n in (1, 5))
    assert 0 < five - one < 1.0  # four times some ten thousand weights


def test_prediction_knows_each_setting(small):
    at = planning.predict_tensors(small, 50)
    for changes in ({"batch_size": 4096}, {"seq_len": 12}, {"tec_feat_dim": 16}, {"tec_downsample_factor": 6}):
        assert planning.predict_tensors(small.changed(**changes), 50) > at, changes
    assert planning.predict_tensors(small.changed(window_group_size="all"), 50) > at


def test_windows_are_the_most_a_batch_may_have_unless_given(small):
    maps = {
        n: planning.step_ledger(small, n).query("held_by.str.startswith('unique_tec')")["shape"].iloc[0]
        for n in (None, 7)
    }
    assert maps[None][0] == small.bin_hours * small.bins_per_batch and maps[7][0] == 7


def test_collocation_points_are_counted(small):
    for changes, points in (
        ({"longitude_jitter_deg": 30.0}, 1024),
        ({"collocation_points": 300}, 300),
        ({"physics_points": 200}, 200),
    ):
        table = planning.step_ledger(small.changed(**changes), 2)
        inputs = table[table["role"] == "input"]["shape"].tolist()
        assert sorted(shape[0] for shape in inputs if len(shape) == 2 and shape[1] == 5) == sorted([1024, points])


def test_directions_learned_first_leave_the_windows_out_of_the_step(small):
    """What remains of a window is its map, and the directions of its hour and the next."""
    first = small.changed(direction_training="first")
    steps = [memory.peak_mb(planning.step_ledger(first, n)) for n in (4, 104)]
    cells = (180 // small.tec_downsample_factor + 1) * (360 // small.tec_downsample_factor + 1)
    assert steps[1] - steps[0] < 1.3 * 100 * 5 * cells * 4 / 1e6
    assert planning.predict_tensors(first, 4) == max(steps[0], memory.peak_mb(planning.head_ledger(first)))


def test_a_hundred_windows_take_less_than_150_mb():
    assert planning.predict_tensors(RunConfig(), 100) < 150


def test_fit_is_inside_the_budget_and_the_next_step_is_not(small):
    fitted = planning.fit(60.0, small, 20)
    most = 1 + planning.ACCURACY
    assert planning.predict_peak(fitted.config, 20) * most <= 60.0
    larger = fitted.config.changed(batch_size=2 * fitted.config.batch_size, window_group_size=1)
    assert planning.predict_peak(larger, 20) * most > 60.0
    table = fitted.table
    assert (table["fits"] == (table["process_mb"] <= 60.0)).all() and table["fits"].any() and not table["fits"].all()


def test_a_large_budget_runs_all_windows_at_once(small):
    assert planning.fit(1e6, small, 3).config.window_group_size == "all"


def test_what_cannot_be_is_said(small):
    with pytest.raises(InputError, match=r"budget_mb=0.01 is too small: one point"):
        planning.fit(0.01, small, 2)
    with pytest.raises(InputError, match="windows=0 is not accepted"):
        planning.predict_tensors(small, 0)


def test_the_peak_holds_every_module_of_the_model(small):
    sums = memory.by_module_and_role(memory.at_peak(planning.step_ledger(small, 4)))
    assert {"residual_field", "direction_field", "batch", "total"} <= set(sums.index)
