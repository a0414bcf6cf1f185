"""The stated uncertainty leaves the prediction alone, learns what it should, and fails its tests when it did not."""

import copy
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

import rstmrf
from rstmrf.config import RunConfig
from rstmrf.costs import planning
from rstmrf.data.night import dark_and_low
from rstmrf.data.run_data import RunData
from rstmrf.data.splits import DEVELOPMENT
from rstmrf.errors import InputError
from rstmrf.evaluation.evaluate import evaluate, validate
from rstmrf.metrics import calibration_table, calibration_verdict
from rstmrf.model.whole import RSTMRF
from rstmrf.predict import Predictor
from rstmrf.training.log import history
from rstmrf.training.loop import train
from rstmrf.training.losses import loss_terms, sigma_cost
from rstmrf.uncertainty import Ensemble, error_sigma, observation_sigma, observed_error, recalibrate, stated_sigma

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(scope="module")
def stating(thin_observations, sample_tec, sample_indices, tiny_config, tmp_path_factory):
    """A run whose model states its uncertainty."""
    config = tiny_config.changed(w_sigma=1.0, sigma_warmup_epochs=1, epochs=3)
    data = RunData(thin_observations, sample_tec, sample_indices, config)
    return train(data, tmp_path_factory.mktemp("runs") / "sigma"), data


def test_the_likelihood_is_least_at_the_true_sigma():
    torch.manual_seed(0)
    error = 0.3 * torch.randn(20_000, dtype=torch.float64)
    losses = [sigma_cost(error, torch.full_like(error, np.log(sigma))).mean().item() for sigma in (0.2, 0.3, 0.4)]
    assert losses[1] == min(losses)


def test_it_never_teaches_the_prediction(stating):
    model, data = stating
    batch = data.processor(data.points.select(torch.arange(200)))
    term = loss_terms(batch, model, data.config)["sigma"].mean
    others = [p for p in model.residual_field.parameters()]
    found = torch.autograd.grad(term, [*others, *model.spread.parameters()], allow_unused=True)
    assert all(g is None for g in found[: len(others)])
    assert all(g is not None for g in found[len(others) :])


def test_a_run_that_states_it_predicts_what_a_run_without_it_does(
    thin_observations, sample_tec, sample_indices, tiny_config, tmp_path
):
    predicted = []
    for weight in (0.0, 1.0):
        config = tiny_config.changed(w_sigma=weight, sigma_warmup_epochs=0, physics_points=64, gradient_clip=0.1)
        data = RunData(thin_observations, sample_tec, sample_indices, config)
        model = train(data, tmp_path / f"weight-{weight:g}")
        predicted.append(model.residual_field(*_some(data))[0])
    torch.testing.assert_close(*predicted, rtol=0, atol=0)


def _some(data):
    batch = data.processor(data.points.select(torch.arange(200)))
    return batch.coords, batch.unique_sw_seq, batch.tec_indices


def test_recalibration_makes_nine_tenths_of_the_development_errors_fit(stating):
    model, data = stating
    factor = recalibrate(model, data)
    assert factor > 0 and model.spread.scale.item() == pytest.approx(factor)
    points = data.part(DEVELOPMENT)
    error, sigma = observed_error(model, data, points), error_sigma(model, data, points).numpy()
    table = calibration_table(error, sigma, points.profile.numpy(), min_profiles=1)
    assert table.loc[0, "coverage_90"] == pytest.approx(0.9, abs=0.02)
    widening = model.spread.widening.clone()
    assert recalibrate(model, data) == pytest.approx(factor, rel=1e-3)  # it begins with what was trained
    torch.testing.assert_close(model.spread.widening, widening, atol=1e-3, rtol=0.01)


def test_a_pattern_is_trusted_as_far_as_development_confirms_it(stating, monkeypatch):
    model, data = stating
    monkeypatch.setattr("rstmrf.uncertainty.TRUST_PRIOR", 0.3)
    model = copy.deepcopy(model)
    model.spread.observation_error.zero_()
    points, made = data.part(DEVELOPMENT), copy.copy(data)
    for buffer, value in ((model.spread.trust, 1.0), (model.spread.scale, 1.0), (model.spread.widening, 0.0)):
        buffer.fill_(value)
    sigma = Predictor(model, data.iri, data.processor).sigma(points)
    model.spread.out.weight.data.mul_(0.6 / sigma.log().std())  # a pattern that can be seen
    sigma = Predictor(model, data.iri, data.processor).sigma(points)
    predicted = points.background[:, 0] + Predictor(model, data.iri, data.processor).residual(points)
    noise = torch.randn(len(points), generator=torch.Generator().manual_seed(0))
    trusted = []
    for size in (sigma, sigma.mean().expand(len(points))):
        values = data.points.log10_ne_m3.clone()
        values[data.split.rows(DEVELOPMENT)] = (predicted + size * noise).float()
        made.points = replace(data.points, log10_ne_m3=values)
        recalibrate(model, made)
        trusted.append(model.spread.trust.item())
    assert trusted[0] > 0.5 and abs(trusted[1]) < 0.2


def test_recalibration_finds_where_the_errors_are_larger(stating):
    model, data = stating
    model = copy.deepcopy(model)
    model.spread.observation_error.zero_()
    nn.init.zeros_(model.spread.out.weight)  # one σ everywhere
    points = data.part(DEVELOPMENT)
    high_up, noise = points.coords[:, 2] > 310, torch.randn(len(points), generator=torch.Generator().manual_seed(0))
    predicted = points.background[:, 0] + Predictor(model, data.iri, data.processor).residual(points)
    made = copy.copy(data)
    values = data.points.log10_ne_m3.clone()
    values[data.split.rows(DEVELOPMENT)] = (predicted + torch.where(high_up, 0.3, 0.1) * noise).float()
    made.points = replace(data.points, log10_ne_m3=values)
    recalibrate(model, made, widening_prior=1.0)  # so few profiles would hardly move it by the usual one
    sigma = stated_sigma(model, made, points)
    high, low = (sigma[chosen].mean() for chosen in (points.coords[:, 2] > 450, points.coords[:, 2] < 200))
    assert high == pytest.approx(0.3, rel=0.25) and low == pytest.approx(0.1, rel=0.35)


def test_the_density_is_stated_surer_than_an_observation_of_it(stating):
    model, data = stating
    model = copy.deepcopy(model)
    model.spread.observation_error.copy_(torch.tensor([[0.2, 0.1], [0.1, 0.1], [0.05, 0.04]]))
    coords = torch.tensor([[0.0, 0, 120, 1], [0, 0, 205, 1], [50, 0, 250, 1], [-50, 0, 500, 1]])
    torch.testing.assert_close(observation_sigma(model, coords), torch.tensor([0.2, 0.15, 0.1, 0.04]))
    some = data.points.select(torch.arange(100))
    own = observation_sigma(model, some.coords)
    both = torch.hypot(stated_sigma(model, data, some), own)
    torch.testing.assert_close(error_sigma(model, data, some), both)


def test_an_untrained_sigma_fails(stating):
    _, data = stating
    points = data.points
    torch.manual_seed(1)
    untrained = RSTMRF(data.config, data.duration_hours)
    error = (points.log10_ne_m3 - points.background[:, 0]).numpy()
    sigma = stated_sigma(untrained, data, points).numpy()
    strata = {"altitude": np.where(points.coords[:, 2] < 250, "low", "high")}
    verdict = calibration_verdict(calibration_table(error, sigma, points.profile.numpy(), strata, 1))
    assert not verdict["tells_places_apart"]  # it starts as one number everywhere


def test_an_ensemble_is_less_sure_than_its_models(stating, tmp_path, thin_observations, sample_tec, sample_indices):
    _, data = stating
    ensemble = Ensemble.train(data, tmp_path, seeds=(0, 1))
    points = data.part(DEVELOPMENT)
    stated = torch.stack([stated_sigma(m, data, points) ** 2 for m in ensemble.models]).mean(0).sqrt()
    assert (ensemble.sigma(data, points) >= ensemble.scale * stated * (1 - 1e-6)).all()
    assert data.config.seed == 0
    assert sorted(p.name for p in tmp_path.iterdir()) == ["ensemble.json", "seed-0", "seed-1"]
    report = validate(
        ensemble, data, n_bootstrap=2, min_profiles=1, min_days=1, sigma=ensemble.sigma(data, points).numpy()
    )
    error = (points.background[:, 0] - points.log10_ne_m3).double() + ensemble.residual(data, points)
    plain = validate(ensemble.models[0], data, n_bootstrap=2, min_profiles=1, min_days=1).overall()
    assert report.overall()["IRI"] == plain["IRI"] and report.overall()["R-STMRF"] != plain["R-STMRF"]
    assert 0 < report.overall()["R-STMRF"] <= error.abs().max()
    for seed in (0, 1):  # a member's own settings part the data as the ensemble's do
        saved = RunConfig.load(tmp_path / f"seed-{seed}" / "config.json")
        assert (
            saved.seed == seed
            and RunData(thin_observations, sample_tec, sample_indices, saved).split.digest == data.split.digest
        )
    single = [m.residual_field for m in ensemble.models]
    assert not torch.equal(*(next(m.parameters()) for m in single))


def test_a_model_without_sigma_says_so(trained, tiny_data):
    with pytest.raises(InputError, match="states no uncertainty; train it with w_sigma"):
        stated_sigma(trained[0], tiny_data, tiny_data.points)


def test_an_ensemble_is_a_setting(thin_observations, sample_tec, sample_indices, tiny_config, tmp_path):
    config = tiny_config.changed(ensemble_size=2, epochs=2, sigma_warmup_epochs=0, w_sigma=1.0, seed=3)
    data = RunData(thin_observations, sample_tec, sample_indices, config)
    model = rstmrf.train(data, tmp_path)
    assert [one.config.seed for one in model.models] == [3, 4]
    evaluation = evaluate(model, data)
    rstmrf.finish_run(tmp_path, model, data, evaluation, {})
    loaded, points = rstmrf.load(tmp_path), data.points.select(torch.arange(50))
    torch.testing.assert_close(loaded.residual(points), model.residual(data, points))
    torch.testing.assert_close(loaded.sigma(points), model.sigma(data, points))
    assert history(tmp_path).equals(history(tmp_path / "seed-3"))
    single = config.changed(ensemble_size=1)
    assert planning.predict_peak(config, 2) > planning.predict_peak(single, 2)
    again = rstmrf.train(data, tmp_path, resume=True)
    torch.testing.assert_close(again.residual(data, points), model.residual(data, points), rtol=0, atol=0)
    # one model in the same folder after that: nothing of the ensemble answers any more
    alone = copy.copy(data)
    alone.config = single
    one = rstmrf.train(alone, tmp_path)
    with pytest.raises(InputError, match="no whole model is there"):
        rstmrf.load(tmp_path)
    rstmrf.finish_run(tmp_path, one, alone, evaluation, {})
    assert len(rstmrf.load(tmp_path).field.models) == 1
    rstmrf.train(data, tmp_path)
    assert sorted(p.name for p in tmp_path.glob("*.*")) == ["ensemble.json"]


def test_an_ensemble_goes_on_with_the_model_it_was_at(stating, tmp_path):
    data = copy.copy(stating[1])
    data.config = data.config.changed(ensemble_size=2)
    with pytest.raises(InputError, match="holds no run of an ensemble"):
        rstmrf.train(data, tmp_path / "none", resume=True)
    train(data.with_seed(0), tmp_path / "seed-0")  # stopped before the second
    whole = rstmrf.train(data, tmp_path, resume=True)
    assert [one.config.seed for one in whole.models] == [0, 1]


def test_observations_that_are_not_believed_do_not_recalibrate(stating):
    """Below 200 km in the dark an observation may be anything, where `night_low_weight` believes none of it."""
    model, data = stating
    dark = dark_and_low(data.points, data.iri)
    assert dark[torch.as_tensor(data.split.rows(DEVELOPMENT))].any()
    scales = {}
    for weight in (0.0, 1.0):
        for shift in (0.0, 2.0):
            made, own = copy.copy(data), copy.deepcopy(model)
            made.config = data.config.changed(night_low_weight=weight)
            values = torch.where(dark, data.points.log10_ne_m3 + shift, data.points.log10_ne_m3)
            made.points = replace(data.points, log10_ne_m3=values)
            scales[weight, shift] = recalibrate(own, made)
    assert scales[0.0, 2.0] == pytest.approx(scales[0.0, 0.0], rel=1e-4)  # the search begins elsewhere
    assert scales[1.0, 2.0] > 1.02 * scales[1.0, 0.0]
