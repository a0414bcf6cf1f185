"""Verdicts follow from two numbers, and every claim of the chapter finds its figure."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from studies.claims import HOLDS, IN_PART, NOT, NOT_TOLD, claims_table, glued, sections, shown, verdict, written
from studies.direction import direction_errors


@pytest.mark.parametrize(
    ("document", "ours", "said"),
    [
        (100, 105, HOLDS),
        (100, 130, IN_PART),
        (130, 100, IN_PART),
        (100, 400, NOT),
        (0, 68.6, NOT),
        (0.4, 0.0, NOT),
        (0, 0, HOLDS),
        ([200, 300], 250, HOLDS),
        ([200, 300], 325, HOLDS),
        ([200, 300], 185, HOLDS),
        ([200, 300], 440, IN_PART),
        ([200, 300], 38, NOT),
    ],
)
def test_verdicts(document, ours, said):
    assert verdict(document, ours) == said


@given(st.floats(0.01, 1e6), st.floats(0.01, 1e6))
def test_a_verdict_does_not_depend_on_which_is_larger(a, b):
    assert verdict(a, b) == verdict(b, a) and verdict(a, a) == HOLDS


def test_a_wider_limit_lets_more_hold_in_part():
    assert (verdict(100, 180), verdict(100, 180, in_part_within=2)) == (NOT, IN_PART)


@pytest.mark.parametrize(
    ("value", "text"),
    [(58560.0, "58,560"), (0.084, "0.084"), (0.0, "0"), (1498.6, "1,499"), (39.424, "39.42"), (100_000, "100,000")],
)
def test_numbers_are_written_without_exponents(value, text):
    assert written(value) == text


def test_a_page_shows_the_verdict_first():
    section = {"claims": [{"row": "S1", "claim": "a size", "document": [200, 1300], "figure": "size"}]}
    table = shown(claims_table(section, {"size": 58560.4}))
    assert list(table) == ["verdict", "ours", "document", "row"]
    assert table.loc["a size"].tolist() == [NOT, "58,560", "200–1,300", "S1"]


def test_chapters_glue_the_known_figures():
    figures = glued("memory", "disk")
    assert figures["sw_seq (MB)"] == pytest.approx(0.098304)
    assert figures["tec_grad_direction (MB)"] == pytest.approx(68.583424)
    assert figures["TEC cache (MB)"] == pytest.approx(12.056, abs=0.001)


def test_every_claim_finds_its_figure():
    figures = glued("memory", "disk", "tradeoffs", "training-step")
    claims = [claim for section in sections() for claim in section["claims"]]
    assert len(claims) >= 75 and len({(claim["row"], claim["claim"]) for claim in claims}) == len(claims)
    for section in sections():
        table = claims_table(section, figures)
        assert len(table) == len(section["claims"])


def test_what_seeds_cannot_tell_apart_has_no_verdict():
    section = {"claims": [{"row": "S36", "claim": "skill", "document": 0.98, "figure": "skill", "apart": "apart"}]}
    assert claims_table(section, {"skill": 1.3, "apart": 0})["verdict"].item() == NOT_TOLD
    assert claims_table(section, {"skill": 1.3, "apart": 1})["verdict"].item() == IN_PART


def test_coarser_maps_of_finer_structure_point_elsewhere():
    errors = direction_errors(scales_km=(500, 2000), factors=(1, 4, 9), points=500)
    assert (errors.diff().dropna() > 0).all().all()
    assert (errors["500 km"] > errors["2000 km"]).all()
    assert errors.loc[1, "2000 km"] < 5
