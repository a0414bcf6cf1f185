"""Curves and figures of the ground chapters: units on axes, one colour for a role, gaps where nothing was found."""

import re

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from rstmrf.background import abel, vtec
from rstmrf.figures import curves, ground
from rstmrf.figures.plots import IRI, MODEL

UNIT = re.compile(r"\(.+\)")
ALT_KM = np.arange(100.0, 501.0, 50.0)


@pytest.fixture(autouse=True)
def closed():
    yield
    plt.close("all")


def labels(figure):
    own = [a for a in figure.axes if a.get_label() != "<colorbar>" and not hasattr(a, "projection")]
    return [text for ax in own for text in (ax.get_xlabel(), ax.get_ylabel()) if text]


def test_a_role_has_its_colour_and_others_take_what_is_left():
    assert curves.look("IRI", 0)["color"] == IRI and curves.look("R-STMRF", 3)["color"] == MODEL
    assert curves.look("IRI", 0, {"IRI": {"color": "k"}}) == {"color": "k"}
    assert [curves.look("other", n)["color"] for n in (0, 1)] == [MODEL, IRI]


def test_curves_carry_units():
    table = pd.DataFrame({"IRI": ALT_KM / 500, "R-STMRF": ALT_KM / 600}, index=ALT_KM)
    drawn = [curves.by_altitude(table, "mean cosine (1)", band_km=(300, 400), xlim=(0, 1))]
    drawn += [
        curves.over(table, "lead (h)", "cosine (1)"),
        curves.panels({"a": table, "b": table}, "lead (h)", "x (1)"),
    ]
    drawn += [curves.profile_panels(ALT_KM, {"one": {"observed": ALT_KM / 50, "IRI": ALT_KM / 51}})]
    drawn += [curves.curvature({"Chapman layer": (ALT_KM, ALT_KM * 1e-6), "IRI": (ALT_KM, ALT_KM * 1e-6)})]
    for figure in drawn:
        assert all(UNIT.search(text) for text in labels(figure))
    shown = drawn[0].axes[0]
    assert [line.get_color() for line in shown.get_lines()] == [IRI, MODEL] and shown.get_xlim() == (0, 1)


def test_bars_of_cells_stand_beside_each_other():
    table = pd.DataFrame({"IRI": [0.5, 0.6], "R-STMRF": [0.7, 0.8]}, index=["0–6 LT", "6–12 LT"])
    (ax,) = curves.cell_bars(table, "mean cosine (1)", line_after=1).axes
    left = sorted(bar.get_x() for bar in ax.patches)
    assert len(left) == 4 and np.all(np.diff(left) > 0.3)


def test_the_date_line_leaves_a_gap():
    side = np.array([170.0, 180.0]), np.array([0.1, 0.0])
    other = np.array([180.0, 190.0]), np.array([0.2, 0.1])
    (ax,) = curves.across_date_line({"document": [side, other]}, -20.0, 350.0).axes
    assert "20°S" in ax.get_ylabel() and len(ax.get_lines()) == 3


def test_negative_densities_of_an_inversion_are_not_drawn():
    own = np.full(ALT_KM.size, 1e11)
    retrieved = np.where(ALT_KM < 150, -1e10, 1e11)
    left, right = ground.inversion(ALT_KM, own, {"north": retrieved}).axes
    assert np.isnan(left.get_lines()[1].get_xdata()).sum() == 1
    assert np.allclose(right.get_lines()[0].get_xdata()[1:], 0.0)


def test_a_ray_of_the_curtain_is_lowest_above_the_tangent_point():
    density = np.full((abel.COLUMNS_DEG.size, abel.SHELLS_KM.size), 1e11)
    ax = ground.curtain(abel.COLUMNS_DEG, abel.SHELLS_KM, density, (300,)).axes[0]
    angle, height = ax.get_lines()[0].get_data()
    assert abs(angle[np.argmin(height)]) < 0.1 and height.min() == pytest.approx(300, abs=0.1)
    assert height.max() <= abel.SHELLS_KM[-1]


def test_tec_of_iri_is_more_by_day_and_the_plasmasphere_adds_to_it():
    from rstmrf.readers import sample

    iri, lat, lon = sample.background(), np.zeros(2), np.array([0.0, 180.0])
    noon = np.full(2, 12.0)
    with_it, without = (vtec.iri_vtec(iri, lat, lon, noon, plasmasphere=flag) for flag in (True, False))
    assert without[0] > without[1] > 0 and np.allclose(with_it - without, vtec.plasmasphere_tecu(lat))


def test_curtains_of_iri_hold_its_density_above_the_tangent_point():
    from rstmrf.readers import sample

    iri = sample.background()
    curtain = abel.iri_curtains_m3(iri, [14.0], [30.0], [14.0], [0.0])
    own = 10.0 ** iri.log10_density_columns([14.0], [30.0], abel.SHELLS_KM, [14.0]).numpy()
    assert curtain.shape == (1, abel.COLUMNS_DEG.size, abel.SHELLS_KM.size)
    assert np.allclose(curtain[0, abel.CURTAIN.centre], own[0], rtol=1e-3)
