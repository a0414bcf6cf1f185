"""Scores: their arithmetic, and that every point is counted."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rstmrf.metrics import rmse, rmse_by_altitude, skill


@given(error=st.lists(st.floats(-5, 5), min_size=1, max_size=50), scale=st.floats(0, 10))
def test_rmse_grows_with_the_errors(error, scale):
    assert rmse(scale * np.array(error)) == pytest.approx(scale * rmse(error), abs=1e-9)


def test_rmse_of_nothing_is_not_zero():
    assert np.isnan(rmse([])) and rmse([3.0, -4.0]) == pytest.approx(np.sqrt(12.5))


def test_bands_hold_each_point_once():
    alt_km = np.arange(120.0, 501.0, 5.0)
    table = rmse_by_altitude({"IRI": np.ones(len(alt_km)), "R-STMRF": np.full(len(alt_km), 0.5)}, alt_km)
    assert list(table.index) == ["120–200 km", "200–300 km", "300–500 km", "all"]
    assert table["points"].iloc[:3].sum() == table.loc["all", "points"] == len(alt_km) == 77
    assert table["points"].tolist() == [16, 20, 41, 77]  # 200 km belongs to the upper band, 500 km to the highest
    assert (table["IRI"] == 1).all() and (table["R-STMRF"] == 0.5).all()


def test_a_band_sees_its_own_points_only():
    alt_km = np.array([150.0, 250.0, 400.0])
    table = rmse_by_altitude({"model": np.array([0.1, -0.2, 0.4])}, alt_km)
    assert table["model"].tolist() == pytest.approx([0.1, 0.2, 0.4, np.sqrt(0.07)])


def test_skill_is_the_share_that_is_gone():
    assert skill(0.09, 0.1) == pytest.approx(0.1)
    assert skill(0.1, 0.1) == 0 and skill(0.2, 0.1) < 0
