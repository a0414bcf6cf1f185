"""Configurations are compared seed by seed, and told apart beyond the noise alone."""

import pandas as pd
import pytest

from studies import tradeoff_tables, tradeoffs

SKILLS = {
    "default": [0.20, 0.24, 0.22],
    "small batch": [0.10, 0.14, 0.12],  # worse with each seed, by far more than seeds differ
    "small model": [0.21, 0.23, 0.22],  # now better, now worse
    "small TEC": [0.205, 0.245, 0.225],  # better with each seed, by less than seeds differ
    "all of them": [0.20, 0.24, 0.22],
}


@pytest.fixture
def table():
    rows = [
        {"configuration": name, "seed": seed, "skill": skill, "speed": 1.0, "minutes": 1.0, "steps": 480}
        for name, skills in SKILLS.items()
        for seed, skill in enumerate(skills)
    ]
    return pd.DataFrame(rows).assign(measured_mb=100.0, predicted_mb=110.0)


def test_a_difference_counts_if_all_seeds_agree_on_it_beyond_the_noise(table):
    assert tradeoff_tables.noise(table) == pytest.approx(1.84, abs=0.01)
    found = tradeoff_tables.paired(table, tradeoff_tables.FIVE)
    assert list(found.index[found["apart"]]) == ["small batch"]
    assert found.loc["small batch", ["mean", "min", "max"]].tolist() == [-10.0, -10.0, -10.0]


def test_a_table_has_a_row_for_each_configuration_in_the_order_of_the_document(table):
    found = tradeoff_tables.by_configuration(table, tradeoff_tables.FIVE)
    assert list(found.index) == list(tradeoff_tables.DOCUMENT.index)
    assert found.loc["default", "skill (%)"] == 22.0 and found.loc["default", "± (seeds)"] == 2.0


def test_what_is_glued_has_what_the_claims_ask_for(table):
    found = tradeoff_tables.glued(table)
    assert found["skill of small batch"] == pytest.approx(12 / 22) and found["apart small batch"] == 1.0
    assert found["apart default"] == 0.0 and found["speed of all of them"] == 1.0


@pytest.mark.parametrize("name", [*tradeoffs.CONFIGURATIONS, *tradeoffs.ALONE])
def test_all_make_as_many_steps_and_stop_by_themselves_never(name):
    changes = (tradeoffs.CONFIGURATIONS | tradeoffs.ALONE)[name]
    config = tradeoffs.settings(changes, seed=2)
    assert config.epochs == tradeoffs.EPOCHS[config.batch_size] <= config.patience
    assert config.seed == 2 and config.split_seed == 0


@pytest.mark.parametrize("name", tradeoffs.AS_THEY_COME)
def test_presets_are_trained_as_they_come(name):
    config = tradeoffs.settings(tradeoffs.AS_THEY_COME[name], seed=1, base={})
    own = type(config).preset(name.removeprefix("preset "))
    assert config.model_dump(exclude={"seed", "split_seed"}) == own.model_dump(exclude={"seed", "split_seed"})
