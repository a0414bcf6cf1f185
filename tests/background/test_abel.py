"""Abel inversion: exact where the ionosphere is what it assumes, wrong beside the crests, and worst below."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rstmrf.background.abel import COLUMNS_DEG, SHELLS_KM, bearing_deg, curtain_places, inversion_error_dex


def chapman(peak_km=320.0, scale_km=60.0):
    z = (SHELLS_KM - peak_km) / scale_km
    return 1e12 * np.exp(0.5 * (1 - z - np.exp(-z))) + 1e10


@given(peak_km=st.floats(220, 420))
def test_spherical_symmetry_is_inverted_exactly(peak_km):
    curtain = np.broadcast_to(chapman(peak_km), (1, COLUMNS_DEG.size, SHELLS_KM.size))
    assert np.abs(inversion_error_dex(curtain)).max() < 1e-9


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
