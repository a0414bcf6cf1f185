"""Targets corrected in training: by how much, for whom, when, and the same after a stop."""

import numpy as np
import pytest
import torch

from rstmrf.data.curtains import residual_of
from rstmrf.data.inversion import Inversion
from rstmrf.data.run_data import RunData
from rstmrf.data.splits import DEVELOPMENT, TEST_TIMES, TRAIN
from rstmrf.evaluation.baselines import MeanResidualTable
from rstmrf.evaluation.evaluate import evaluate
from rstmrf.model.whole import RSTMRF
from rstmrf.training.checkpoints import LAST, read_checkpoint
from rstmrf.training.inversion import NOTED, correct_targets
from rstmrf.training.log import history
from rstmrf.training.loop import train

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture
def few(thin_observations, sample_tec, sample_indices, tiny_config):
    """A run's data of few profiles, with changed settings."""

    def make(observations=thin_observations, **changes):
        some = observations.isel(point=observations["profile"].values % 24 == 0)
        settings = {"observation": "inverted", "w_tec_direction": 0.0, **changes}
        return RunData(some, sample_tec, sample_indices, tiny_config.changed(**settings))

    return make


def nothing(coords):
    return torch.zeros(len(coords))


def test_targets_are_first_corrected_through_iri_and_then_through_the_model(few, tmp_path):
    data = few(epochs=2, inversion_every_epochs=2)
    model, rows = train(data, tmp_path / "run"), data.split.rows(TRAIN)
    points, limit = data.part(TRAIN), data.config.inversion_limit_dex
    saved = read_checkpoint(tmp_path / "run" / "checkpoints" / LAST)["callbacks"]["InversionTargets"]
    assert torch.allclose(points.log10_ne_m3 - saved["dex"], data.targets[rows])
    inversion, log = Inversion(points, data.iri), history(tmp_path / "run")
    first = inversion.correction(nothing, limit)
    assert log.inversion_rms_dex[0] == pytest.approx(first.dex.square().mean().sqrt().item(), rel=1e-5)
    again = inversion.correction(residual_of(model, data.processor), limit)
    if log.dev_rmse_dex.idxmin() == 1:  # the last epoch's weights are the best ones', and made the newest correction
        assert torch.allclose(again.dex, saved["dex"], atol=1e-4)
    assert not torch.allclose(first.dex, saved["dex"], atol=1e-4)
    assert (data.weights[rows] < 1).all() and set(NOTED) <= set(log.columns)


def test_other_parts_keep_their_targets_but_for_development(few, tmp_path):
    data = few(epochs=1)
    train(data, tmp_path / "run")
    changed = data.targets != data.points.log10_ne_m3
    rest = np.setdiff1d(np.arange(len(data.points)), data.split.rows(TRAIN, DEVELOPMENT))
    assert len(rest) and not changed[rest].any() and (data.weights[rest] == 1).all()
    assert changed[data.split.rows(DEVELOPMENT)].float().mean() > 0.9


def test_the_development_score_compares_what_inversion_makes_of_the_model(few, tmp_path):
    data = few(epochs=1)
    model, points = train(data, tmp_path / "run"), data.part(DEVELOPMENT)
    residual = residual_of(model, data.processor)
    error = points.background[:, 0] + residual(points.coords) - points.log10_ne_m3
    error = error + Inversion(points, data.iri).correction(residual, data.config.inversion_limit_dex).dex
    score = history(tmp_path / "run").dev_rmse_dex.iloc[0]
    assert score == pytest.approx(error.square().mean().sqrt().item(), rel=1e-3)


def test_the_callers_data_know_the_targets_where_directions_are_learned_first(few, tmp_path):
    data = few(epochs=1, w_tec_direction=0.1, head_epochs=1)
    train(data, tmp_path / "run")
    rows = data.split.rows(TRAIN)
    assert data.targets is not None and (data.targets[rows] != data.points.log10_ne_m3[rows]).float().mean() > 0.9
    assert data.fitted().log10_ne_m3 is data.targets


def test_a_finished_run_has_its_targets_again(few, tmp_path):
    """Those of the last epoch that made any, whichever epoch was the best."""
    data = few(epochs=3, inversion_every_epochs=2)
    model = train(data, tmp_path / "run")
    again = few(epochs=3, inversion_every_epochs=2)
    correct_targets(again, model, tmp_path / "run")
    rows = data.split.rows(TRAIN)
    assert torch.equal(again.targets[rows], data.targets[rows]) and torch.equal(again.weights[rows], data.weights[rows])
    table = MeanResidualTable.fit(data.fitted().select(rows))
    held = evaluate(model, again).tables["held-out times"]
    points = data.part(TEST_TIMES)
    error = points.background[:, 0] - points.log10_ne_m3 + torch.tensor(table.predict(points))
    assert held.loc["all", "mean residuals"] == pytest.approx(error.square().mean().sqrt().item(), rel=1e-4)


def test_without_checkpoints_the_model_makes_the_targets(few, tmp_path):
    data = few(epochs=1)
    model = train(data, tmp_path / "run")
    again = few(epochs=1)
    correct_targets(again, model, tmp_path / "moved")
    rows = data.split.rows(TRAIN)
    moved = again.targets[rows] - again.points.log10_ne_m3[rows]
    residual = residual_of(model, data.processor)
    wanted = Inversion(data.part(TRAIN), data.iri).correction(residual, data.config.inversion_limit_dex).dex
    torch.testing.assert_close(moved, -wanted, atol=1e-5, rtol=0)


def test_before_the_epoch_told_targets_are_those_observed(few, tmp_path):
    data = few(epochs=1, inversion_from_epoch=3)
    train(data, tmp_path / "run")
    rows = data.split.rows(TRAIN)
    assert torch.equal(data.targets[rows], data.points.log10_ne_m3[rows]) and (data.weights[rows] == 1).all()
    for place in ("run", "moved"):
        again = few(epochs=1, inversion_from_epoch=3)
        correct_targets(again, RSTMRF(again.config, again.duration_hours), tmp_path / place)
        assert torch.equal(again.targets[rows], again.points.log10_ne_m3[rows])


@pytest.mark.parametrize("every", [1, 4])
def test_a_run_of_two_halves_has_the_corrections_of_one(few, tmp_path, monkeypatch, every):
    """With the rate held constant, for the cosine knows how long a run is."""
    monkeypatch.setattr("math.cos", lambda angle: 1.0)
    settings = {"warmup_steps": 0, "inversion_every_epochs": every, "average_decay": 0.9}
    train(few(epochs=2, **settings), tmp_path / "whole")
    train(few(epochs=1, **settings), tmp_path / "halves")
    train(few(epochs=2, **settings), tmp_path / "halves", resume=True)
    last = [read_checkpoint(tmp_path / name / "checkpoints" / LAST) for name in ("whole", "halves")]
    corrections = [one["callbacks"]["InversionTargets"]["dex"] for one in last]
    assert torch.equal(*corrections)
    assert all(torch.equal(last[0]["state_dict"][name], last[1]["state_dict"][name]) for name in last[0]["state_dict"])


def test_slant_tec_is_fitted_where_it_is_known(few, thin_observations, tmp_path):
    """Slant TEC of a field 0.1 dex above IRI pulls the model up, whatever the densities say."""
    hours = few(observation="slant")
    with_slant = thin_observations.assign(slant_tecu=("point", np.full(thin_observations.sizes["point"], np.nan)))
    known = thin_observations.profile.values % 48 == 0
    with_slant.slant_tecu.values[known] = 100.0
    data = few(with_slant, epochs=1, observation="slant")
    batch = data.train_dataloader().dataset[torch.arange(0, 400, 4)]
    assert len(hours.points) == len(data.points) and batch.rays is not None
    fitted = batch.rays.slant_tecu > 0
    assert fitted.any() and not fitted.all() and (batch.rays.curtain >= 0).all()
    assert len(batch.rays.coords) == 108 * len(batch.rays.iri_dex)
    train(data, tmp_path / "run")
    assert torch.equal(data.targets[data.split.rows(TRAIN)], data.part(TRAIN).log10_ne_m3)
    assert np.isfinite(history(tmp_path / "run").train_data).all()
