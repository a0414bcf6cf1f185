"""Commands that pages and the README tell can be typed: options exist, presets are all named, links lead on."""

import json
import re
import shlex
from pathlib import Path

import click
import pytest
import typer
import yaml

from rstmrf.cli import app
from rstmrf.config import RunConfig
from rstmrf.parameters import NOTEBOOK_DEFAULTS
from rstmrf.presets import PRESETS

ROOT = Path(__file__).resolve().parents[1]
TOC = yaml.safe_load((ROOT / "_toc.yml").read_text(encoding="utf-8"))
ORDER = [chapter["file"] for part in TOC["parts"] for chapter in part["chapters"]]


def page(name: str) -> str:
    """Text and code of a page or a notebook."""
    path = ROOT / f"{name}.md"
    if path.exists():
        return path.read_text(encoding="utf-8")
    cells = json.loads((ROOT / f"{name}.ipynb").read_text(encoding="utf-8"))["cells"]
    return "\n\n".join("".join(cell["source"]) for cell in cells)


PAGES = {name: page(name) for name in ("README", "CONTRIBUTING", "book/index", *ORDER)}


def commands(program: str) -> list:
    """Lines that call a program, joined where they go on, without what a shell does behind them."""
    told_in = []
    for name, text in PAGES.items():
        for line in re.sub(r" *\\\n\s*", " ", text).splitlines():
            found = re.match(rf"!?{program} (.*)", line.strip())
            if found:
                told = re.split(r"\s#|;|\||>", found[1])[0]
                told_in.append(pytest.param(shlex.split(told), id=f"{name}: {told}"[:80]))
    return told_in


@pytest.mark.parametrize("words", commands("rstmrf"))
def test_a_command_has_the_options_that_are_told(words):
    command, parent = typer.main.get_command(app), None
    if words == ["..."] or not words or words[0] in ("COMMAND",):
        pytest.skip("a pattern, not a command")
    words = [word for word in words if word not in ("...", "…")]
    while isinstance(command, click.Group) and words and not words[0].startswith("-"):
        parent = click.Context(command, parent=parent, info_name="rstmrf")
        command, words = command.commands[words[0]], words[1:]
    if "--help" in words:
        return
    command.make_context("rstmrf", list(words), parent=parent)


@pytest.mark.parametrize("words", commands(r"(?:\.venv/bin/)?papermill notebooks/train\.ipynb"))
def test_papermill_is_given_parameters_that_there_are(words):
    given = {words[k + 1]: words[k + 2] for k, word in enumerate(words) if word == "-p"}
    assert not set(given) - {"preset", *NOTEBOOK_DEFAULTS, *RunConfig.model_fields}
    if "obs_path" in given and given["obs_path"] != "FILE":  # own files want a preset of their own, and a table
        assert {"preset", "drivers_path"} <= set(given)
    assert given.get("preset", "sample") in PRESETS


def test_the_notebook_names_every_preset():
    line = next(line for line in PAGES["notebooks/train"].splitlines() if line.startswith("preset = "))
    assert set(re.findall(r"[\w-]+", line)) >= set(PRESETS)


@pytest.mark.parametrize("name", [name for name in ORDER if "**Next.**" in PAGES[name]])
def test_a_chapter_leads_to_the_next(name):
    """Chapters are read in the order of the table of contents."""
    link = re.search(r"\]\((?:\.\./)?(?:\w+/)?([\w-]+)\.(?:ipynb|md)", PAGES[name].split("**Next.**")[1])
    assert link is not None
    following = ORDER[ORDER.index(name) + 1]
    assert following.split("/")[-1] == link[1]


def test_folders_that_are_told_are_those_that_fetch_leaves():
    folders = {"cosmic2": "profiles", "tec": "ionex", "indices": "indices"}
    group = typer.main.get_command(app).commands["fetch"].commands
    for kind, folder in folders.items():
        default = next(p.default for p in group[kind].params if p.name == "folder")
        assert str(default) == folder
    assert not [name for name, text in PAGES.items() if re.search(r"--obs cosmic\S*/", text)]


def test_every_variable_of_the_environment_is_told():
    used = {
        name
        for file in (ROOT / "rstmrf").rglob("*.py")
        for name in re.findall(r"\"(RSTMRF_[A-Z]+)\"", file.read_text(encoding="utf-8"))
    }
    told = set(re.findall(r"RSTMRF_[A-Z]+", PAGES["book/settings"]))
    assert used and used <= told
