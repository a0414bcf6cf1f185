"""The script that cleans notebooks takes out what changes with every run, and nothing that a reader or a test sees."""

import json
import runpy
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

ROOT = Path(__file__).resolve().parents[1]
SCRIPT = runpy.run_path(str(ROOT / "scripts" / "clean_notebooks.py"))
clean, main, VOLATILE = SCRIPT["clean"], SCRIPT["main"], SCRIPT["VOLATILE"]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
KEPT = st.dictionaries(st.sampled_from(["tags", "mystnb", "slideshow"]), st.text(max_size=5))
LOST = st.dictionaries(st.sampled_from(VOLATILE), st.text(max_size=5))


def notebook(cell_metadata, metadata):
    output = {"output_type": "stream", "text": ["å 1\n"], "metadata": {"execution": "an output's own"}}
    cell = {"cell_type": "code", "execution_count": 3, "metadata": cell_metadata, "outputs": [output], "source": []}
    return {"cells": [cell], "metadata": metadata, "nbformat": 4, "nbformat_minor": 5}


@given(kept=KEPT, lost=LOST, noted=LOST)
def test_volatile_metadata_go_and_all_else_stays(kept, lost, noted):
    before = json.dumps(notebook({**lost, **kept}, {**noted, "kernelspec": {"name": "python3"}}))
    after = clean(before)
    assert json.loads(after) == notebook(kept, {"kernelspec": {"name": "python3"}})
    assert clean(after) == after


def test_what_holds_nothing_volatile_is_left_to_the_letter():
    text = json.dumps(notebook({"tags": ["parameters"]}, {}), indent=4)
    assert clean(text) == text


def test_changed_files_are_named_and_end_the_commit(tmp_path, capsys):
    path = tmp_path / "chapter.ipynb"
    path.write_text(json.dumps(notebook({"execution": {"iopub.status.idle": "2026"}}, {})), encoding="utf-8")
    assert (main([str(path)]), main([str(path)])) == (1, 0)
    assert capsys.readouterr().out == f"{path}: volatile metadata taken out\n"
    assert "å" in path.read_text(encoding="utf-8")


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda p: p.stem)
def test_chapters_are_kept_clean(path):
    text = path.read_text(encoding="utf-8")
    assert clean(text) == text
