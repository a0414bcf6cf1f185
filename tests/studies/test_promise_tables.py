"""Tables of the chapter on promises, from small results that are made up."""

import pytest

from studies import promise_tables

READER = {"cases": 1500, "results": 1200, "refused": 298, "longest_seconds": 0.071, "largest_mb": 10, "faults": []}
READER |= dict.fromkeys(promise_tables.BROKEN, 0)


def test_broken_promises_stand_first_and_numbers_are_separated():
    table = promise_tables.readers({"readers": {"ionex": READER, "gfz": READER | {"slow": 2}}})
    assert table.loc["ionex"].tolist() == ["0", "1,200", "298", "0.07", "10"]
    assert table.loc["gfz"].iloc[0] == "2"


def test_each_promise_is_counted_over_all_readers():
    broken = promise_tables.broken({"readers": {"a": READER | {"slow": 2}, "b": READER | {"slow": 1}}})
    assert broken["slow"] == broken.sum() == 3
    assert "other exceptions" in broken


def test_a_file_that_gave_another_number_is_not_overlooked():
    kept = {"maps": {"cut": {"refused": 3}, "one bit": {"another number": 1, "refused": 2}}, "store": {"cut": {}}}
    table = promise_tables.kept_files({"kept": kept})
    assert table.loc["maps"].tolist() == [1, 5, 0]


def test_steps_are_counted_from_the_end_of_the_warm_up():
    run = {"series": {"minutes": [0.0, 9.0, 11.0, 20.0], "step": [0, 100, 130, 400]}, "warm_up_minutes": 10}
    assert promise_tables.steps_after_warm_up(run) == 270
    assert promise_tables.slope({"x": {"value": 0.04, "low": -1.83, "high": 1.81}}, "x") == "0.0 (-1.8 to 1.8)"
    with pytest.raises(KeyError):
        promise_tables.slope({}, "x")
