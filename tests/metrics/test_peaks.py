"""Peaks of known layers, and profiles that have none to read."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rstmrf.metrics import peak_errors, peak_errors_by_cell, peaks

ALT_KM = np.arange(120.0, 501.0, 10.0)


def chapman(peak_km, log10_nm=12.0, scale_km=60.0, alt_km=ALT_KM):
    z = (alt_km - peak_km) / scale_km
    return log10_nm + 0.5 * (1 - z - np.exp(-z)) / np.log(10)


@given(peak_km=st.floats(235, 420), log10_nm=st.floats(10.5, 12.8))
def test_the_peak_of_a_chapman_layer_is_found(peak_km, log10_nm):
    found = peaks(ALT_KM, chapman(peak_km, log10_nm), np.zeros(ALT_KM.size)).loc[0]
    assert found["resolved"] and found["hm_f2_km"] == pytest.approx(peak_km, abs=5)
    assert found["nm_f2_m3"] == pytest.approx(10**log10_nm, rel=0.02)
    assert found["fo_f2_mhz"] == pytest.approx(np.sqrt(10**log10_nm / 1.24e10), rel=0.01)


@pytest.mark.parametrize("peak_km", [150.0, 500.0, 560.0])
def test_a_peak_out_of_reach_is_not_resolved(peak_km):
    found = peaks(ALT_KM, chapman(peak_km), np.zeros(ALT_KM.size)).loc[0]
    assert not found["resolved"] and np.isnan(found["hm_f2_km"])


def test_the_observation_decides_what_counts():
    observed = np.concatenate([chapman(300.0), chapman(560.0), chapman(320.0)])
    model = np.concatenate([chapman(310.0), chapman(300.0), chapman(560.0)])
    profile, alt_km = np.repeat([4, 5, 6], ALT_KM.size), np.tile(ALT_KM, 3)
    errors = peak_errors({"model": model}, observed, alt_km, profile).loc["model"]
    assert errors[["profiles", "not_resolved", "prediction_not_resolved"]].tolist() == [2, 1, 1]
    assert errors["hm_f2_km_bias"] == pytest.approx(10, abs=1) and errors["nm_f2_percent_rmse"] < 1


def test_cells_are_those_of_the_highest_density():
    observed = np.concatenate([chapman(300.0), chapman(560.0), chapman(320.0), chapman(250.0)])
    model = observed + 0.01
    profile, alt_km = np.repeat([7, 5, 6, 4], ALT_KM.size), np.tile(ALT_KM, 4)
    labels = np.where(profile >= 6, "day", "night")
    labels[np.flatnonzero(profile == 6)[:5]] = "night"  # far below its peak
    table = peak_errors_by_cell({"model": model}, observed, alt_km, profile, {"time": labels}, min_profiles=2)
    day, night = (table.set_index("cell").loc[cell] for cell in ("day", "night"))
    assert day["profiles"] == 2 and day["estimable"] and day["nm_f2_percent_bias"] == pytest.approx(2.33, abs=0.01)
    assert night[["profiles", "not_resolved"]].tolist() == [1, 1]
    assert not night["estimable"] and np.isnan(night["hm_f2_km_rmse"])
