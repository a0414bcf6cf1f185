"""The package as a whole: it loads nothing before it is asked to, editors see its names, and it imports on Windows."""

import ast
import importlib.metadata
import subprocess
import sys
import tomllib
from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest

import rstmrf
from rstmrf import memory

PROJECT = Path(__file__).resolve().parents[1] / "pyproject.toml"


def run(code):
    """What a fresh Python prints."""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_importing_the_package_loads_the_standard_library_alone():
    code = """
import sys
before = set(sys.modules)
import rstmrf
dir(rstmrf)
print(sorted({m.split(".")[0] for m in set(sys.modules) - before} - sys.stdlib_module_names))
"""
    assert run(code).strip() == "['rstmrf']"


def test_what_never_trains_does_without_lightning():
    modules = "data.run_data, costs, costs.planning, inventory, evaluation.unseen, predict.load".split(", ")
    code = f"import sys, importlib\nfor name in {modules}: importlib.import_module(f'rstmrf.{{name}}')\n"
    assert run(code + "print('torch' in sys.modules, 'lightning' in sys.modules)").split() == ["True", "False"]


def test_editors_see_the_names_that_load_at_run_time():
    (block,) = (node for node in ast.parse(Path(rstmrf.__file__).read_text()).body if isinstance(node, ast.If))
    seen = {
        alias.asname: node.module.removeprefix("rstmrf.")
        for node in block.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    assert seen == rstmrf._HOMES


def test_public_names_are_listed_and_there():
    assert set(rstmrf.__all__) | {"__version__"} <= set(dir(rstmrf))
    assert [getattr(rstmrf, name).__name__ for name in rstmrf.__all__] == rstmrf.__all__
    with pytest.raises(AttributeError, match="no attribute 'trian'"):
        _ = rstmrf.trian


def test_version_is_that_of_the_distribution_and_of_the_citation():
    assert rstmrf.__version__ == importlib.metadata.version("rstmrf")
    assert rstmrf.__version__ == tomllib.loads(PROJECT.read_text())["project"]["version"]
    assert f"\nversion: {rstmrf.__version__}\n" in (PROJECT.parent / "CITATION.cff").read_text()


def test_training_imports_without_the_unix_module_resource():
    """As on Windows, where Python has none; psutil's part for Linux wants it."""
    code = "import psutil, sys; sys.modules['resource'] = None; from rstmrf import train; print(train.__name__)"
    assert run(code).strip() == "train"


def test_peak_without_proc_is_what_windows_counts(monkeypatch):
    def absent(path):
        raise FileNotFoundError(path)

    monkeypatch.setattr(Path, "read_text", absent)
    monkeypatch.setattr(psutil, "Process", lambda: SimpleNamespace(memory_info=lambda: SimpleNamespace(peak_wset=7e8)))
    monkeypatch.setitem(sys.modules, "resource", None)
    assert memory.peak_resident_mb() == 700.0


def test_peak_without_proc_is_what_unix_counts(monkeypatch):
    resource = pytest.importorskip("resource")

    def absent(path):
        raise FileNotFoundError(path)

    monkeypatch.setattr(Path, "read_text", absent)
    unit = 1 if sys.platform == "darwin" else 1024
    assert memory.peak_resident_mb() == pytest.approx(
        resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e6, rel=1e-3
    )


def test_peak_does_not_begin_anew_where_the_system_cannot(monkeypatch):
    """On Windows ctypes opens no library without a name, and there is no /proc."""

    def refused(*arguments):
        raise TypeError

    def absent(path, text):
        raise FileNotFoundError(path)

    monkeypatch.setattr("ctypes.CDLL", refused)
    monkeypatch.setattr(Path, "write_text", absent)
    assert memory.reset_peak() is False
