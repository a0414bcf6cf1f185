"""The figure of a month's split: locked days are shaded, every part has its row."""

import matplotlib.pyplot as plt
import numpy as np
import pytest

from rstmrf.figures import splits


@pytest.fixture(autouse=True)
def closed():
    yield
    plt.close("all")


def test_locked_days_are_shaded_and_parts_have_rows():
    came = {"train": np.arange(24.0), "locked": np.array([25.0, 40.0, 73.0]), "gap": np.array([])}
    figure = splits.parts_of_days(np.zeros(96), came, "locked", "May 2024")
    top, below = figure.axes
    assert [patch.get_x() for patch in top.patches] == [2, 4]
    assert [text.get_text() for text in below.get_yticklabels()] == list(came)
    assert below.get_xlabel() == "day of May 2024 (UTC)" and below.get_xlim() == (1, 5)


def test_an_unknown_part_is_refused():
    with pytest.raises(KeyError):
        splits.parts_of_days(np.zeros(24), {"train": np.arange(3.0)}, "locked", "May 2024")
