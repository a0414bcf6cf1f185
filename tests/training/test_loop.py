"""Training learns, repeats itself to the last digit, goes on where it stopped, and writes what it is told to."""

import json

import numpy as np
import pytest
import torch

from rstmrf.config import RunConfig
from rstmrf.data.run_data import RunData
from rstmrf.data.splits import DEVELOPMENT, TEST_PROFILES, TEST_TIMES, TRAIN
from rstmrf.errors import InputError
from rstmrf.evaluation.evaluate import MeanResidualTable, evaluate
from rstmrf.metrics import rmse
from rstmrf.model.whole import RSTMRF
from rstmrf.training.log import history
from rstmrf.training.loop import train
from rstmrf.training.losses import loss_terms, total_loss

TERMS = ["train_data", "train_chapman", "train_tec_direction", "train_total"]


pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(scope="module")
def few(thin_observations, sample_tec, sample_indices, tiny_config):
    """Makes a run's data from every thirty-second profile."""
    chosen = thin_observations.isel(point=thin_observations["profile"].values % 32 == 0)

    def make(**changes):
        return RunData(chosen, sample_tec, sample_indices, tiny_config.changed(**changes))

    return make


def weights(model):
    return torch.cat([p.detach().flatten() for p in model.parameters()])


def last_checkpoint(run_dir):
    return torch.load(run_dir / "checkpoints" / "last.ckpt", map_location="cpu", weights_only=True)


# Data


def test_every_usable_point_has_its_part(tiny_data, thin_observations):
    assert len(tiny_data.points) + tiny_data.left_out == thin_observations.sizes["point"]
    sizes = [len(tiny_data.part(p)) for p in (TRAIN, DEVELOPMENT, TEST_PROFILES, TEST_TIMES)]
    assert sum(sizes) == len(tiny_data.points) and min(sizes) > 0


def test_points_before_the_first_whole_window_are_left_out(tiny_data, tiny_config, thin_observations):
    early = thin_observations["time"].values < np.datetime64("2019-04-25T00") + np.timedelta64(
        tiny_config.seq_len - 1, "h"
    )
    assert tiny_data.left_out == early.sum() > 0
    assert tiny_data.points.coords[:, 3].min() >= tiny_config.seq_len - 1


def test_fingerprint_names_the_data(few):
    assert few().fingerprint() == few(batch_size=7).fingerprint() != few(tec_downsample_factor=60).fingerprint()


def test_masked_hours_are_left_out_of_a_run(thin_observations, sample_tec, sample_indices, tiny_config):
    gap = sample_tec.isel(time=np.delete(np.arange(49), 20))
    with pytest.raises(InputError, match="2019-04-25T20"):
        RunData(thin_observations, gap, sample_indices, tiny_config)
    masked = RunData(thin_observations, gap, sample_indices, tiny_config.changed(missing_hours="mask"))
    hours = masked.points.coords[:, 3]
    assert not ((hours >= 20) & (hours < 20 + tiny_config.seq_len)).any()
    assert ((hours >= 19) & (hours < 20)).any() and (hours >= 23).any()


def test_maps_of_another_time_are_refused(thin_observations, sample_tec, sample_indices, tiny_config):
    last = sample_tec.isel(time=slice(47, 49))
    with pytest.raises(InputError, match="observations has a whole window of 3 h"):
        RunData(thin_observations, last, sample_indices, tiny_config)
    with pytest.raises(InputError, match="there are no points"):
        RunData(thin_observations.isel(point=slice(0, 0)), sample_tec, sample_indices, tiny_config)


# A run


def test_loss_falls_and_the_model_comes_nearer_to_what_was_observed(tiny_data, trained):
    model, run_dir = trained
    log = history(run_dir)
    assert log["train_data"].iloc[-1] < log["train_data"].iloc[0]
    points = tiny_data.part(TRAIN)
    batch = tiny_data.processor(points)
    with torch.no_grad():
        after = rmse(model.log10_density(batch) - batch.target_ne)
    assert after < rmse(batch.background[:, 0] - batch.target_ne)


def test_a_run_leaves_its_settings_log_and_checkpoints(tiny_config, trained):
    _, run_dir = trained
    assert RunConfig.load(run_dir / "config.json") == tiny_config.changed(split_seed=tiny_config.seed)
    log = history(run_dir)
    assert list(log.index) == [0, 1] and {*TERMS, "dev_rmse_dex"} <= set(log.columns)
    assert np.isfinite(log[[*TERMS, "dev_rmse_dex"]].values).all()
    assert {f.name for f in (run_dir / "checkpoints").iterdir()} >= {"last.ckpt"}


def test_total_is_the_weighted_sum_of_the_logged_terms(tiny_config, trained):
    log = history(trained[1])
    c = tiny_config
    total = log["train_data"] + c.w_chapman * log["train_chapman"] + c.w_tec_direction * log["train_tec_direction"]
    assert np.allclose(total, log["train_total"], rtol=1e-4)


def test_a_seed_gives_the_same_numbers(few, tmp_path):
    first, again, other = (
        train(few(epochs=1, seed=seed), tmp_path / name) for name, seed in (("a", 0), ("b", 0), ("c", 1))
    )
    assert torch.equal(weights(first), weights(again))
    assert not torch.equal(weights(first), weights(other))
    drop = ["dev_rmse_dex", *TERMS]
    assert history(tmp_path / "a")[drop].equals(history(tmp_path / "b")[drop])


def test_a_run_goes_on_where_it_stopped(few, tmp_path):
    steps = len(few().train_dataloader())
    for epochs in (2, 4):
        train(few(epochs=epochs), tmp_path / "run", resume=epochs == 4)
        assert last_checkpoint(tmp_path / "run")["global_step"] == epochs * steps
    assert list(history(tmp_path / "run").index) == [0, 1, 2, 3]


def test_a_run_of_two_halves_equals_one_run(few, tmp_path, monkeypatch):
    """With the rate held constant, for the cosine knows how long a run is."""
    monkeypatch.setattr("rstmrf.training.schedule.math.cos", lambda angle: 1.0)
    whole = train(few(epochs=2, warmup_steps=0), tmp_path / "whole")
    train(few(epochs=1, warmup_steps=0), tmp_path / "halves")
    halves = train(few(epochs=2, warmup_steps=0), tmp_path / "halves", resume=True)
    last = [last_checkpoint(tmp_path / name)["state_dict"] for name in ("whole", "halves")]
    assert all(torch.equal(last[0][name], last[1][name]) for name in last[0])
    assert torch.equal(weights(whole), weights(halves))


def test_a_new_run_in_the_same_folder_is_what_goes_on(few, tmp_path):
    train(few(epochs=3), tmp_path / "run")
    train(few(epochs=1), tmp_path / "run")
    assert last_checkpoint(tmp_path / "run")["global_step"] == len(few().train_dataloader())
    assert list(history(tmp_path / "run").index) == [0]


def test_only_the_same_run_goes_on(few, tmp_path):
    with pytest.raises(InputError, match=r"resume: .*none holds no run; train first"):
        train(few(), tmp_path / "none", resume=True)
    train(few(epochs=1), tmp_path / "run")
    with pytest.raises(InputError, match=r"resume: batch_size \(256 there, 64 here\) differ from the run"):
        train(few(epochs=2, batch_size=64), tmp_path / "run", resume=True)
    assert RunConfig.load(tmp_path / "run" / "config.json").batch_size == 256


@pytest.mark.parametrize(("best_only", "periodic"), [(True, 0), (False, 2)])
def test_checkpoints_are_kept_as_told(few, tmp_path, best_only, periodic):
    train(few(epochs=4, save_best_only=best_only, save_interval=2), tmp_path / "run")
    names = [f.name for f in (tmp_path / "run" / "checkpoints").iterdir()]
    assert sum(name.startswith("best-") for name in names) == 1 == names.count("last.ckpt")
    assert len(names) == 2 + periodic, names


def test_checkpoints_hold_no_code(trained):
    """They load with `weights_only`, which runs nothing."""
    for file in (trained[1] / "checkpoints").iterdir():
        assert "state_dict" in torch.load(file, map_location="cpu", weights_only=True)


def test_running_average_of_weights_is_what_is_kept(few, tmp_path):
    """With a decay near one the average stays by the start, and so does the model that is given back."""
    torch.manual_seed(0)
    plain, averaged = (
        train(few(epochs=1, average_decay=decay), tmp_path / name)
        for name, decay in (("plain", 0.0), ("averaged", 0.999))
    )
    assert torch.isfinite(weights(averaged)).all()
    assert not torch.equal(weights(plain), weights(averaged))


# Mixed precision


def test_mixed_precision_gives_nearly_the_same_losses(tiny_data, tiny_config):
    torch.manual_seed(0)
    model = RSTMRF(tiny_config, 48.0)
    batch = tiny_data.processor(tiny_data.part(TRAIN).select(torch.arange(256)))
    exact = loss_terms(batch, model, tiny_config)
    with torch.autocast("cpu", torch.bfloat16):
        mixed = loss_terms(batch, model, tiny_config)
        assert torch.equal(model.log10_density(batch), batch.background[:, 0] + model(batch).residual[0])
    for name, value in exact.items():
        assert mixed[name].mean.item() == pytest.approx(value.mean.item(), rel=0.02), name
        assert mixed[name].mean.dtype == torch.float32
    assert mixed["data"].mean == exact["data"].mean  # densities, and so scores, are never rounded
    assert total_loss(mixed, tiny_config).item() == pytest.approx(total_loss(exact, tiny_config).item(), rel=0.02)


def test_a_run_in_mixed_precision_ends_near_the_same_score(few, tmp_path):
    scores = []
    for use_amp in (False, True):
        train(few(epochs=1, use_amp=use_amp), tmp_path / str(use_amp))
        scores.append(history(tmp_path / str(use_amp))["dev_rmse_dex"].iloc[-1])
    assert scores[1] == pytest.approx(scores[0], rel=0.02)


# Evaluation


def test_evaluation_compares_on_the_held_out_points(tiny_data, trained):
    result = evaluate(trained[0], tiny_data)
    held = tiny_data.part(TEST_PROFILES, TEST_TIMES)
    table = result.tables["held out"]
    assert table.loc["all", "points"] == len(held)
    assert table.loc["all", "IRI"] == pytest.approx(rmse(held.background[:, 0] - held.log10_ne_m3), rel=1e-6)
    assert result.skill == pytest.approx(1 - table.loc["all", "R-STMRF"] / table.loc["all", "IRI"])
    assert json.loads(json.dumps(result.as_dict(), default=float))["unit"].startswith("dex")


def test_table_of_means_is_the_mean_of_each_cell(tiny_data):
    points = tiny_data.part(TRAIN)
    residual = (points.log10_ne_m3 - points.background[:, 0]).numpy()
    table = MeanResidualTable.fit(points)
    assert rmse(residual - table.predict(points)) < rmse(residual)
    assert np.mean(residual - table.predict(points)) == pytest.approx(0.0, abs=1e-4)
