"""The wheel holds the library whole and nothing else, and trains the sample far from the checkout.

Nothing is downloaded. The empty environment gets links to what is installed here, but only to those distributions that
the wheel asks for, directly or through others: an import that no dependency covers fails as it would at a user's.
"""

import importlib.metadata
import shutil
import subprocess
import sys
import venv
import zipfile
from email import message_from_bytes
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
BUILT_FROM = (
    "pyproject.toml",
    "README.md",
    "LICENSE",
    "rstmrf",
    "benchmarks",
    "notebooks",
    "scripts",
    "studies",
    "tests",
)
BUILD = "import sys; from setuptools.build_meta import build_wheel; build_wheel(sys.argv[1])"
TRAIN = """
import sys
from pathlib import Path

import torch

import rstmrf

print(Path(rstmrf.__file__).is_relative_to(sys.prefix), rstmrf.__version__)
config = rstmrf.RunConfig.preset("sample", epochs=1, tec_downsample_factor=30)
data = rstmrf.RunData(*rstmrf.load_inputs(config), config)
model = rstmrf.train(data, "run", limit_train_batches=2, limit_val_batches=2)
print(all(torch.isfinite(p).all().item() for p in model.parameters()))
print("dev_rmse_dex" in Path("run/metrics.csv").read_text(), Path("run/checkpoints/last.ckpt").exists())
"""


def run(*command, cwd=None):
    done = subprocess.run([str(part) for part in command], cwd=cwd, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """The wheel, built by the back end that pyproject.toml names, from a copy without what earlier builds left."""
    pytest.importorskip("setuptools", minversion="77", reason="the wheel is built by setuptools 77 or later")
    source, out = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("wheel")
    for path in (ROOT / name for name in BUILT_FROM):
        if path.is_dir():
            shutil.copytree(path, source / path.name, ignore=shutil.ignore_patterns("out", "__pycache__", ".*"))
        else:
            shutil.copy(path, source)
    run(sys.executable, "-c", BUILD, out, cwd=source)
    (path,) = out.glob("*.whl")
    return path


def test_wheel_holds_the_library_whole_and_nothing_else(wheel):
    own = {
        str(p.relative_to(ROOT)) for p in (ROOT / "rstmrf").rglob("*") if p.is_file() and "__pycache__" not in p.parts
    }
    about = {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" in name}
    assert set(zipfile.ZipFile(wheel).namelist()) - about == own
    assert {"rstmrf/py.typed", "rstmrf/readers/files/sample_tec.nc"} < own
    assert any(name.endswith("licenses/LICENSE") for name in about)


def needed(requirements):
    """Installed distributions that requirements ask for here, and those that these ask for, by name."""
    from packaging.requirements import Requirement
    from packaging.utils import canonicalize_name

    found, waiting = {}, [(Requirement(text), "") for text in requirements]
    while waiting:
        requirement, extra = waiting.pop()
        if requirement.marker and not requirement.marker.evaluate({"extra": extra}):
            continue
        for wanted in ("", *requirement.extras):
            key = canonicalize_name(requirement.name), wanted
            if key not in found:
                found[key] = importlib.metadata.distribution(requirement.name)
                waiting += [(Requirement(text), wanted) for text in found[key].requires or ()]
    return {name: distribution for (name, _), distribution in found.items()}


@pytest.fixture(scope="module")
def environment(wheel, tmp_path_factory):
    """Python of an environment that holds the wheel and what it needs, and neither this checkout nor its tools."""
    pytest.importorskip("pip", reason="pip installs the wheel")
    folder = tmp_path_factory.mktemp("environment")
    venv.create(folder, symlinks=sys.platform != "win32")
    python = folder / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")
    site = Path(run(python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))").strip())
    archive = zipfile.ZipFile(wheel)
    (metadata,) = (name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
    for distribution in needed(message_from_bytes(archive.read(metadata)).get_all("Requires-Dist")).values():
        for top in {file.parts[0] for file in distribution.files or ()} - {"..", "__pycache__"}:
            if not (site / top).exists():
                try:
                    (site / top).symlink_to(distribution.locate_file(top))
                except OSError as error:
                    pytest.skip(f"this system lets no links be made: {error}")
    run(sys.executable, "-m", "pip", "--python", python, "install", "--quiet", "--no-index", wheel)
    return python


def test_wheel_trains_the_sample_without_the_checkout(environment, tmp_path):
    """`-I` keeps Python from the folder it stands in, from PYTHONPATH and from the user's own packages."""
    version = importlib.metadata.version("rstmrf")
    lines = run(environment, "-I", "-c", TRAIN, cwd=tmp_path).splitlines()
    assert lines[-3:] == [f"True {version}", "True", "True True"]


def test_notebook_tools_are_not_among_what_it_needs(environment):
    found = run(
        environment, "-I", "-c", "import importlib.util as u; print(u.find_spec('papermill'), u.find_spec('pytest'))"
    )
    assert found.strip() == "None None"
