"""What every test shares: the folder of real files, which may be absent."""

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
REAL_FILES = Path(os.environ.get("RSTMRF_REAL_DATA", ROOT.parent / "shared" / "data"))


@pytest.fixture
def real_file():
    """Path of a genuine file by its name within the folder of real files; skips where that folder is absent."""

    def find(name: str) -> Path:
        path = REAL_FILES / name
        if not path.exists():
            pytest.skip(f"real file {name} is not here; set RSTMRF_REAL_DATA to the folder that holds it")
        return path

    return find
