"""Exercises whose solutions are cells: folded on the page, run with the chapter, and with what they found stored."""

import json
import re
from pathlib import Path

import pytest

CHAPTERS = (
    "ionosphere",
    "occultation",
    "climatology",
    "learning",
    "data-flow",
    "siren",
    "context",
    "losses",
    "validation",
    "observation",
    "real-profiles",
    "forecasts",
    "training-step",
    "scale",
    "disk",
    "end-to-end",
    "products",
    "directions",
    "month",
    "memory",
    "claims",
    "promises",
    "tradeoffs",
    "train-exercises",
    "uncertainty",
)
#: pages in Markdown, whose cells the book's build runs
PAGES = ("sample", "own-data", "own-files")
ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(params=CHAPTERS)
def cells(request):
    return json.loads((ROOT / "notebooks" / f"{request.param}.ipynb").read_text(encoding="utf-8"))["cells"]


def by_exercise(cells):
    """The code cells that follow each exercise, by its number."""
    found, number = {}, None
    for cell in cells:
        source = "".join(cell["source"])
        if cell["cell_type"] == "markdown":
            match = re.search(r"\*\*Exercise (\d+)", source)
            number = match and int(match[1])
        elif number:
            found.setdefault(number, []).append(cell)
    return found


def test_there_are_three_and_each_has_a_folded_solution(cells):
    found = by_exercise(cells)
    assert sorted(found) == list(range(1, len(found) + 1)) and len(found) >= 3
    for number, solution in found.items():
        assert len(solution) >= 2
        for cell in solution:
            assert {"hide-cell", "hide-output"} & set(cell["metadata"]["tags"])
            assert cell["metadata"]["mystnb"]["code_prompt_show"].startswith(f"Solution {number}")


def test_solutions_check_themselves_and_say_a_number_that_was_computed(cells):
    for solution in by_exercise(cells).values():
        assert any("assert " in "".join(cell["source"]) for cell in solution)
        sentence = "".join(solution[-1]["outputs"][0]["data"]["text/markdown"])
        assert "{" in "".join(solution[-1]["source"]) and re.search(r"\d", sentence)


@pytest.mark.parametrize("page", PAGES)
def test_exercises_of_pages_check_themselves_and_say_a_number(page):
    text = (ROOT / "book" / f"{page}.md").read_text(encoding="utf-8").split("## Exercises")[1]
    parts = re.split(r"\*\*Exercise \d+", text)[1:]
    assert len(parts) >= 3
    for number, part in enumerate(parts, 1):
        cells = re.findall(r"```\{code-cell\} ipython3\n(.*?)```", part, re.S)
        assert any("\nassert " in cell for cell in cells) and "Markdown(" in cells[-1] and "{" in cells[-1]
        assert all(f'code_prompt_show: "Solution {number}' in cell and "hide-" in cell for cell in cells)
