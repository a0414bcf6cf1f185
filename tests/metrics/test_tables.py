"""The table of scores: cells, counts, and cells that say that they cannot be judged."""

import numpy as np
import pytest

from rstmrf.metrics import score_table, strata_of


@pytest.fixture
def points():
    rng = np.random.default_rng(0)
    profile = np.repeat(np.arange(400), 10)
    observed = rng.normal(11, 0.5, 4000)
    predicted = {"IRI": observed + 0.2, "model": observed + rng.choice([-0.1, 0.1], 4000)}
    return predicted, observed, profile, profile // 40


def test_skill_is_against_the_reference(points):
    table = score_table(*points).set_index("prediction")
    assert table.loc["IRI", "skill"] == pytest.approx(0)
    assert table.loc["model", "skill"] == pytest.approx(0.5)
    assert table.loc["model", "skill_low"] == pytest.approx(0.5) == table.loc["model", "skill_high"]
    assert table.loc["model", ["points", "profiles", "days"]].tolist() == [4000, 400, 10]


def test_cells_with_too_few_profiles_say_so(points):
    rare = np.where(points[2] < 20, "rare", "common")
    table = score_table(*points, strata={"kind": rare}).set_index(["cell", "prediction"])
    assert not table.loc[("rare", "model"), "estimable"] and np.isnan(table.loc[("rare", "model"), "rmse"])
    assert table.loc[("rare", "model"), "profiles"] == 20
    assert table.loc[("common", "model"), "estimable"] and table.loc[("common", "model"), "rmse"] == pytest.approx(0.1)


def test_one_day_has_scores_without_intervals(points):
    predicted, observed, profile, day = points
    table = score_table(predicted, observed, profile, np.zeros_like(day)).set_index("prediction")
    assert table["estimable"].all() and (table["days"] == 1).all()
    assert table.loc["model", "rmse"] == pytest.approx(0.1) and table.loc["model", "skill"] == pytest.approx(0.5)
    assert table[["rmse_low", "rmse_high", "skill_low", "skill_high"]].isna().all(axis=None)


def test_of_several_days_a_cell_with_one_is_not_estimable(points):
    first_day = np.where(points[3] == 0, "first", "later")
    table = score_table(*points, strata={"kind": first_day}, min_profiles=5).set_index(["cell", "prediction"])
    assert not table.loc[("first", "model"), "estimable"] and table.loc[("later", "model"), "estimable"]


def test_strata_meet_at_their_edges():
    found = strata_of([199.9, 200.0, 500.0], [4.9, 5.0, 21.0], [-9.9, 10.0, -55.0], [4.667, 5.0, 2.667])
    assert found["altitude"].tolist() == ["120–200 km", "200–300 km", "300–500 km"]
    assert found["local time"].tolist() == ["night 21–5 LT", "dawn 5–9 LT", "night 21–5 LT"]
    assert found["dip latitude"].tolist() == ["dip 0–10°", "dip 10–30°", "dip 55–90°"]
    assert found["Kp"].tolist() == ["Kp 3–5", "Kp ≥ 5", "Kp < 3"]


def test_altitudes_that_no_model_learns_are_in_no_cell():
    found = strata_of([90.0, 119.9, 120.0, 500.1, 800.0], *np.zeros((3, 5)))
    assert found["altitude"].tolist() == ["unknown", "unknown", "120–200 km", "unknown", "unknown"]


def test_what_is_not_known_is_in_no_cell():
    found = strata_of([300.0, np.nan], [12.0, np.nan], [np.nan, 20.0], [np.nan, 9.0])
    assert {kind: labels.tolist() for kind, labels in found.items()} == {
        "altitude": ["300–500 km", "unknown"],
        "local time": ["day 9–17 LT", "unknown"],
        "dip latitude": ["unknown", "dip 10–30°"],
        "Kp": ["unknown", "Kp ≥ 5"],
    }
