"""Figures of stated σ draw what they are given."""

import numpy as np
import pytest

from rstmrf.figures import calibration
from rstmrf.metrics import calibration_table


@pytest.fixture
def stated():
    rng = np.random.default_rng(0)
    sigma = rng.uniform(0.1, 0.3, 2000)
    return sigma, sigma * rng.standard_normal(2000)


def test_tenths_have_the_errors_that_are_stated(stated):
    found = calibration.errors_by_tenth(*stated)
    assert len(found) == 10 and found["sigma"].is_monotonic_increasing
    np.testing.assert_allclose(found["rms"], found["sigma"], rtol=0.25)
    constant = calibration.errors_by_tenth(np.full(100, 0.2), np.ones(100))
    assert len(constant) == 10 and (constant["rms"] == 1).all()


def test_figures_name_their_axes(stated):
    sigma, error = stated
    table = calibration_table(error, sigma, np.arange(2000) // 10, {"half": np.repeat(["one", "other"], 1000)})
    cells = calibration.coverage_by_cell(table)
    assert next(t.get_text() for t in cells.axes[0].get_yticklabels()).startswith("all (200 profiles)")
    assert "dex" in calibration.error_against_sigma(sigma, error).axes[0].get_xlabel()
    pit = calibration.pit_histograms({"trained": sigma, "constant": sigma * 0 + 0.2}, error, np.ones(2000))
    assert [ax.get_title() for ax in pit.axes] == ["trained", "constant"]
