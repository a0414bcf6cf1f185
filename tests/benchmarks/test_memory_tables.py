"""Tables of the chapter on memory: every parameter has a row, and bytes stand beside counts."""

import pandas as pd
import pytest

from benchmarks import memory_facts, memory_tables
from benchmarks.memory import literal_ledger
from rstmrf.config import RunConfig
from rstmrf.costs import planning


@pytest.fixture(scope="module")
def literal():
    return literal_ledger(64, 2)


def test_every_parameter_of_both_models_stands_in_one_row(literal):
    found = memory_tables.counted(literal)
    assert found["total"] == found.drop("total").sum() == 202_403
    own = memory_tables.counted_library(planning.step_ledger(RunConfig(batch_size=64, direction_training="joint"), 2))
    assert own["total"] == own.drop("total").sum()
    assert set(memory_tables.OWN_MODULES.values()) == set(found.index) - {"total"}


def test_bytes_are_four_times_the_counts_and_the_total_is_last(literal):
    table = memory_tables.literal_parameters(memory_tables.counted(literal))
    assert table.loc["spatial"].tolist() == ["58,560", "234.2", "50,000", "200"]
    assert table.index[-1] == "total" and table.loc["total", "document: KB"] == "712"
    assert table.loc["beta", "document: KB"] == ""


def test_what_a_page_glues_follows_from_its_rows(literal):
    facts = memory_facts.of_parameters(memory_tables.counted(literal))
    assert facts["parameters total"] == 202_403 and facts["KB of total"] == pytest.approx(809.612)
    peaks = pd.Series({memory_facts.FULL: 200.0})
    facts = memory_facts.of_peaks(peaks, {"a remedy": 50.0}, {"a preset": 10.04})
    assert facts["saving of a remedy"] == 0.75 and facts["peak of preset a preset (MB)"] == 10.0
