"""One call, one report: what it holds, and that it refuses what it cannot score."""

import copy
import json

import numpy as np
import pandas as pd
import pytest
import torch

from rstmrf.evaluation.evaluate import evaluate, validate
from rstmrf.evaluation.run_tables import baseline_residuals, leak_table
from rstmrf.metrics import rmse

FEW = {"n_bootstrap": 20, "min_profiles": 5, "min_days": 1}


@pytest.fixture(scope="module")
def report(trained, tiny_data, sample_tec):
    return validate(trained[0], tiny_data, part="held-out times", tec=sample_tec, **FEW)


def test_every_baseline_stands_beside_the_model(report):
    names = ["IRI", "IRI + mean", "mean residuals", "persistence", "IRI scaled by TEC", "R-STMRF"]
    assert list(report.overall().index) == names and np.isfinite(report.overall()).all()
    assert report.overall("skill")["IRI"] == 0
    assert set(report.tables["scores"]["stratum"]) == {"all", "altitude", "local time", "dip latitude", "Kp"}


def test_counts_are_those_of_the_part(report, tiny_data):
    from rstmrf.data.splits import TEST_TIMES

    held = tiny_data.part(TEST_TIMES)
    whole = report.tables["scores"].set_index("stratum").loc["all"]
    assert (whole["points"] == len(held)).all() and (whole["profiles"] == len(held.profile.unique())).all()
    split = report.tables["split"]
    assert split["points"].sum() == len(tiny_data.points) and split.loc["held-out times", "points"] == len(held)
    peaks = report.tables["peaks"].loc["IRI"]
    assert peaks["profiles"] + peaks["not_resolved"] == len(held.profile.unique())


def test_the_leak_of_points_at_random_shows(report):
    leak = report.tables["leak"]["apparent_skill"]
    assert leak["points at random"] > 0.3 > leak["the run's split"]


def test_the_report_goes_into_a_file(report, tiny_data):
    read = json.loads(json.dumps(report.as_dict(), allow_nan=False))
    assert read["split"] == tiny_data.split.digest and read["scored_against"] == "observations"
    assert {one["prediction"] for one in read["tables"]["scores"]} >= {"IRI", "R-STMRF"}


def test_what_no_model_changes_is_computed_once(tiny_data, monkeypatch):
    first = validate({}, tiny_data, part="held-out times", **FEW)
    for name in ("nearest_residual", "MeanResidualTable", "Persistence"):
        monkeypatch.delattr(f"rstmrf.evaluation.run_tables.{name}")
    again = validate({}, tiny_data, part="held-out times", **FEW)
    pd.testing.assert_frame_equal(first.tables["leak"], again.tables["leak"])
    first.tables["leak"].iloc[:] = 0.0  # a caller may change what it was given
    assert (leak_table(tiny_data)["points"] > 0).all()


def test_baselines_are_made_of_the_targets_that_the_model_has(tiny_data):
    data = copy.copy(tiny_data)
    plain = baseline_residuals(data, 0)["IRI + mean"]
    data.targets, data.weights = data.points.log10_ne_m3 + 0.1, torch.ones(len(data.points))
    assert baseline_residuals(data, 0)["IRI + mean"] == pytest.approx(plain + 0.1, abs=1e-4)
    data.targets -= 0.1  # as a correction in training does
    assert baseline_residuals(data, 0)["IRI + mean"] == pytest.approx(plain, abs=1e-4)


def test_a_truth_may_take_the_place_of_the_observations(tiny_data):
    truth = tiny_data.points.background[:, 0].numpy()
    overall = validate({}, tiny_data, truth=truth, **FEW).overall()
    assert overall["IRI"] == pytest.approx(0, abs=1e-6) and overall["IRI + mean"] > 0.001


def test_parts_are_named(tiny_data):
    with pytest.raises(ValueError, match="part='train' is not accepted; give one of development"):
        validate({}, tiny_data, part="train")


def test_a_stated_uncertainty_is_judged(trained, tiny_data):
    from rstmrf.data.splits import DEVELOPMENT

    n = len(tiny_data.part(DEVELOPMENT))
    report = validate(trained[0], tiny_data, sigma=np.full(n, 5.0), **FEW)
    assert report.tables["calibration"].set_index("stratum").loc["all", "coverage_90"] == 1.0


def test_the_short_form_agrees_with_plain_arithmetic(trained, tiny_data):
    from rstmrf.data.splits import TEST_PROFILES, TEST_TIMES

    held = tiny_data.part(TEST_PROFILES, TEST_TIMES)
    error = (held.background[:, 0] - held.log10_ne_m3).numpy()
    assert evaluate(trained[0], tiny_data).overall["IRI"] == pytest.approx(rmse(error), rel=1e-6)
