"""Abel inversion: exact where the ionosphere is what it assumes, wrong beside the crests, and worst below."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rstmrf.background.abel import (
    COLUMNS_DEG,
    CURTAIN,
    SHELLS_KM,
    TECU_PER_M3_KM,
    Curtain,
    at_altitudes,
    bearing_deg,
    curtain_places,
    inversion_error_dex,
)
from rstmrf.units import EARTH_RADIUS_KM


def chapman(peak_km=320.0, scale_km=60.0, alt_km=SHELLS_KM):
    z = (alt_km - peak_km) / scale_km
    return 1e12 * np.exp(0.5 * (1 - z - np.exp(-z))) + 1e10


@given(peak_km=st.floats(220, 420))
def test_spherical_symmetry_is_inverted_exactly(peak_km):
    curtain = np.broadcast_to(chapman(peak_km), (1, COLUMNS_DEG.size, SHELLS_KM.size))
    assert np.abs(inversion_error_dex(curtain)).max() < 1e-9


def slant_of_chapman(tangent_km, top_km, peak_km):
    """Slant TEC by quadrature, which knows nothing of the curtain."""
    radius = EARTH_RADIUS_KM + tangent_km
    along = np.linspace(0.0, np.sqrt((EARTH_RADIUS_KM + top_km) ** 2 - radius**2), 20001)
    density = chapman(peak_km, alt_km=np.hypot(radius, along) - EARTH_RADIUS_KM)
    return 2 * np.trapezoid(density, along) * TECU_PER_M3_KM


@settings(max_examples=10, deadline=None)
@given(peak_km=st.floats(240, 380), seed=st.integers(0, 99))
def test_a_known_layer_is_peeled_from_its_slant_tec_on_any_levels(peak_km, seed):
    steps = np.random.default_rng(seed).uniform(0.5, 5.0, 300)
    levels = 100.0 + np.cumsum(steps)
    levels = levels[levels < 800.0]
    slant = np.array([[slant_of_chapman(h, levels[-1], peak_km) for h in levels]])
    known = chapman(peak_km, alt_km=levels)
    peeled = Curtain(levels, np.array([-40.0, 0.0, 40.0])).peeled_m3(slant, known[-1])[0]
    dense = known > 0.1 * known.max()
    assert np.abs(peeled[dense] / known[dense] - 1).max() < 0.005


def test_slant_tec_of_the_curtain_is_that_of_quadrature():
    curtain = np.broadcast_to(chapman(), (COLUMNS_DEG.size, SHELLS_KM.size))
    for tangent in (120.0, 250.0, 333.0, 500.0):
        found = (CURTAIN.rays_km(tangent)[0] * curtain).sum() * TECU_PER_M3_KM
        assert found == pytest.approx(slant_of_chapman(tangent, 800.0, 320.0), rel=0.01)


def test_crests_beside_the_ray_raise_and_a_crest_above_it_leaves_a_cave():
    """Yue et al. 2010: too much poleward and equatorward of the crests, artificial caves underneath them."""
    beside = chapman() * (1 + np.exp(-(((COLUMNS_DEG - 14.0) / 6.0) ** 2)))[:, None]
    above = chapman() * (1 + np.exp(-((COLUMNS_DEG / 6.0) ** 2)))[:, None]
    error = inversion_error_dex(np.stack([beside, beside[::-1], above]))
    at_200, at_250 = (np.argmin(abs(SHELLS_KM - h)) for h in (200, 250))
    assert (error[:2, [at_200, at_250]] > 0.005).all() and np.allclose(error[0], error[1])
    assert error[2, at_250] < -0.02 and (np.isnan(error[2, at_200]) or error[2, at_200] < error[2, at_250])


def test_a_retrieval_below_zero_is_no_number():
    hole = chapman() * np.where(COLUMNS_DEG == 0, 1.0, 1e-3)[:, None]
    assert np.isnan(inversion_error_dex(hole[None])[0, 5])


def test_altitudes_between_shells_are_linear_and_beyond_them_held():
    known = np.arange(2.0 * SHELLS_KM.size).reshape(2, -1)
    known[1, 1] = np.nan
    found = at_altitudes(known, np.array([0, 0, 0, 1, 1]), np.array([95.0, 80.0, 900.0, 90.0, 95.0]))
    assert found[:4] == pytest.approx([0.5, 0.0, SHELLS_KM.size - 1, SHELLS_KM.size]) and np.isnan(found[4])


def test_a_slope_along_the_ray_cancels_and_a_crest_does_not():
    slope = chapman() * (1 + 0.02 * COLUMNS_DEG)[:, None]
    assert np.abs(inversion_error_dex(slope[None])).max() < 1e-9
    crest = chapman() * (1 + np.exp(-((COLUMNS_DEG / 8.0) ** 2)))[:, None]
    trough = chapman() * (2 - np.exp(-((COLUMNS_DEG / 8.0) ** 2)))[:, None]
    at_300, at_150 = (np.argmin(abs(SHELLS_KM - h)) for h in (300, 150))
    under_crest, under_trough = inversion_error_dex(np.stack([crest, trough]))
    assert under_trough[at_300] > 0.01 and under_trough[at_150] > under_trough[at_300]  # the sides are ascribed to it
    assert under_crest[at_300] < -0.01 and (np.isnan(under_crest[at_150]) or under_crest[at_150] < -0.1)


def test_the_curtain_runs_along_its_azimuth():
    lat, lon = curtain_places([0.0, 10.0], [20.0, 175.0], [90.0, 0.0])
    assert np.allclose(lat[0], 0) and np.allclose(lon[0], 20 + COLUMNS_DEG)
    assert np.allclose(lat[1], 10 + COLUMNS_DEG) and np.allclose(lon[1], 175)
    assert bearing_deg(0.0, 170.0, 0.0, -170.0) == pytest.approx(90) and bearing_deg(10, 5, -10, 5) == pytest.approx(
        180
    )
