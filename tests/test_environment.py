"""The environment file and the package agree; notebooks are kept executed and without local paths."""

import json
import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
LOCAL_PATH = re.compile(r"(?<![\w.~/])/(?:home|root|tmp|work|Users)/")


def names(requirements):
    """Names of distributions, normalised as package indexes do."""
    return {re.sub(r"[-_.]+", "-", re.match(r"[\w.-]+", r.strip())[0]).lower() for r in requirements}


def test_environment_lists_what_the_package_needs():
    yaml = pytest.importorskip("yaml")
    file = ROOT / "environment.yml"
    if not file.exists():
        pytest.skip("environment.yml is not here")
    environment = yaml.safe_load(file.read_text())
    assert environment["name"] == "rstmrf" and environment["channels"] == ["conda-forge"]
    (by_pip,) = (d["pip"] for d in environment["dependencies"] if isinstance(d, dict))
    by_conda = names(d for d in environment["dependencies"] if isinstance(d, str)) - {"python", "pip"}
    by_pip = names(d for d in by_pip if not d.startswith("-"))
    extras = PROJECT["optional-dependencies"]
    installed = ("notebooks", "test", "lint", "book", "sample")  # what `make` installs
    assert f".[{','.join(installed)}]" in (ROOT / "Makefile").read_text()
    assert by_pip | by_conda == names([*PROJECT["dependencies"], *(r for extra in installed for r in extras[extra])])


def test_constraints_pin_what_the_package_needs():
    pinned = names(line for line in (ROOT / "constraints.txt").read_text().splitlines() if re.match(r"\w", line))
    assert names(PROJECT["dependencies"]) <= pinned
    assert all(names(extra) <= pinned for extra in PROJECT["optional-dependencies"].values())


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda p: p.stem)
def test_notebooks_are_kept_executed(path):
    cells = [c for c in json.loads(path.read_text())["cells"] if c["cell_type"] == "code"]
    counts = [c["execution_count"] for c in cells if "".join(c["source"]).strip()]
    assert counts and None not in counts
    assert counts == sorted(counts)  # from top to bottom


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda p: p.stem)
def test_outputs_hold_no_local_path(path):
    for cell in json.loads(path.read_text())["cells"]:
        for output in cell.get("outputs", []):
            data = {k: v for k, v in output.get("data", {}).items() if not k.startswith("image/png")}
            text = json.dumps([output.get("text", ""), data, output.get("traceback", "")])
            assert not LOCAL_PATH.search(text), LOCAL_PATH.search(text)
