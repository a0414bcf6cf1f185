"""Workflows and hooks can be read, and ask for what is there: targets of make, files, versions of Python."""

import re
import tomllib
from pathlib import Path

import pytest

yaml = pytest.importorskip("yaml")
ROOT = Path(__file__).resolve().parents[1]
WORKFLOWS = {path.stem: yaml.safe_load(path.read_text()) for path in (ROOT / ".github" / "workflows").glob("*.yml")}
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
TARGETS = set(re.search(r"^\.PHONY: (.*)$", (ROOT / "Makefile").read_text(), re.MULTILINE)[1].split())


def triggers(workflow):
    return workflow[True]  # YAML 1.1 reads `on` as a truth value


def steps(workflow):
    return [step for job in workflow["jobs"].values() for step in job.get("steps", [])]


def test_targets_of_make_have_a_rule():
    makefile = (ROOT / "Makefile").read_text()
    assert all(re.search(rf"^{target}:", makefile, re.MULTILINE) for target in TARGETS)


@pytest.mark.parametrize("name", WORKFLOWS)
def test_workflows_call_targets_that_are_there(name):
    called = [run[1] for step in steps(WORKFLOWS[name]) if (run := re.match(r"make (\S+)", step.get("run", "")))]
    assert set(called) <= TARGETS
    assert all("uses" in step or "run" in step for step in steps(WORKFLOWS[name]))


def test_lint_tests_and_book_run_for_each_change():
    assert set(WORKFLOWS) == {"checks", "newest", "publish"}
    assert {"push", "pull_request", "workflow_call"} == set(triggers(WORKFLOWS["checks"]))
    assert {"make lint", "make test", "make book"} <= {step.get("run") for step in steps(WORKFLOWS["checks"])}


def test_pinned_versions_are_compared_with_known_vulnerabilities_each_week():
    assert "schedule" in triggers(WORKFLOWS["newest"])
    assert "make audit" in {step.get("run") for step in steps(WORKFLOWS["newest"])}


def test_tests_run_on_each_version_that_is_offered():
    offered = {c.rsplit(" ", 1)[1] for c in PROJECT["classifiers"] if re.fullmatch(r".*Python :: 3\.\d+", c)}
    assert set(WORKFLOWS["checks"]["jobs"]["tests"]["strategy"]["matrix"]["python"]) == offered == {"3.11", "3.12"}


def test_a_tag_is_published_only_after_the_checks_and_without_a_stored_secret():
    jobs = WORKFLOWS["publish"]["jobs"]
    assert triggers(WORKFLOWS["publish"]) == {"push": {"tags": ["v*"]}}
    assert set(jobs["publish"]["needs"]) == {"checks", "build"}
    assert (ROOT / jobs["checks"]["uses"]).exists()
    assert jobs["publish"]["permissions"] == {"id-token": "write"}
    assert "secrets." not in (ROOT / ".github" / "workflows" / "publish.yml").read_text()


def test_newest_releases_are_tried_without_constraints():
    assert "make test CONSTRAINTS=" in {step.get("run") for step in steps(WORKFLOWS["newest"])}
    assert "schedule" in triggers(WORKFLOWS["newest"])


def test_hooks_download_nothing_and_run_what_is_there():
    repositories = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())["repos"]
    assert {repository["repo"] for repository in repositories} == {"local"}
    words = [word for repository in repositories for hook in repository["hooks"] for word in hook["entry"].split()]
    assert all((ROOT / word).exists() for word in words if word.startswith("scripts/"))
    assert {hook["language"] for repository in repositories for hook in repository["hooks"]} == {"system"}


def test_private_parts_of_torch_are_told():
    private = re.compile(r"torch\._(?!_)\w+|torch\.(?:utils|autograd)\._\w+|torch\.ops\.aten")
    told = (ROOT / "CONTRIBUTING.md").read_text()
    for path in (ROOT / "rstmrf").rglob("*.py"):
        for part in private.findall(path.read_text()):
            row = [
                line for line in told.splitlines() if f"`{path.relative_to(ROOT).as_posix()}`" in line and part in line
            ]
            assert row, f"{path.name} uses {part}, which the table of private parts in CONTRIBUTING.md does not name"


def test_commands_and_files_that_are_told_are_there():
    told = (ROOT / "CONTRIBUTING.md").read_text() + (ROOT / "README.md").read_text()
    assert set(re.findall(r"(?:^|`)make (\w+)", told, re.MULTILINE)) <= TARGETS
    files = re.findall(r"(?:scripts|notebooks|book|rstmrf|readers|training)/[\w/.-]+\.(?:py|md|ipynb|csv|png)", told)
    absent = [f for f in files if "NAME" not in f and not ((ROOT / f).exists() or (ROOT / "rstmrf" / f).exists())]
    assert files and not absent
