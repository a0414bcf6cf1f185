"""Which of a run's three inputs files are, by first bytes and names, and the path that stands for several of them."""

import glob
import os
from collections.abc import Callable
from enum import Enum
from pathlib import Path

import numpy as np

from rstmrf.errors import InputError
from rstmrf.readers.observation_files import ENDINGS
from rstmrf.readers.tec import NETCDF_NAMES, TEC_FILE

NETCDF = (b"CDF", b"\x89HDF")


class Kind(Enum):
    """An input of a run, or none of them."""

    OBSERVATIONS = "observations"
    TEC = "TEC maps"
    INDICES = "Kp and F10.7"
    OTHER = "other"


def kind_of(file: Path) -> Kind:
    """What a file is taken for; one that cannot be opened is none."""
    try:
        with open(file, "rb") as opened:
            head = opened.read(4096)
    except OSError:
        return Kind.OTHER
    name = file.name.lower()
    if head.startswith(b"\x93NUMPY"):
        return _array(file)
    if head.startswith(NETCDF):
        return _netcdf(file)
    if b"IONEX VERSION" in head[:200] or TEC_FILE.fullmatch(file.name):
        return Kind.TEC
    if _is_table(head):
        return Kind.INDICES
    return Kind.OBSERVATIONS if name.endswith(ENDINGS) else Kind.OTHER


def _array(file):
    try:
        n_axes = np.load(file, mmap_mode="r").ndim
    except (OSError, ValueError, EOFError):
        return Kind.OBSERVATIONS  # whose reader says what is wrong with it
    return {2: Kind.OBSERVATIONS, 3: Kind.TEC}.get(n_axes, Kind.OTHER)


def _netcdf(file):
    """Names of variables stand as text in both forms; a file of maps has one of TEC and none of density."""
    content = file.read_bytes()[: 2**20].lower()
    if b"elec_dens" in content or b"electron_density" in content or b"log10_ne" in content:
        return Kind.OBSERVATIONS
    return Kind.TEC if any(name.lower().encode() in content for name in NETCDF_NAMES) else Kind.OBSERVATIONS


def _is_table(head: bytes) -> bool:
    lines = [line for line in head.decode("latin-1").splitlines() if line.strip() and not line.startswith("#")]
    first = lines[0] if lines else ""
    if first.startswith("DATATYPE CssiSpaceWeather") or first.replace(" ", "").lower() == "time,kp,f107":
        return True
    return first[:4].isdigit() and len(first.split()) == 28


def listed(paths) -> list[Path]:
    """All files that paths, folders (with their subfolders) or patterns stand for, each once.

    Raises:
        InputError: a path at which there is nothing.
    """
    files = []
    for path in map(str, paths):
        if Path(path).is_dir():
            found = sorted(p for p in Path(path).rglob("*") if p.is_file() and not p.name.startswith("."))
        else:
            found = [Path(path)] if Path(path).is_file() else [Path(p) for p in sorted(glob.glob(path, recursive=True))]
        if not found:
            raise InputError(f"{path}: there is nothing; give files, folders or quoted patterns")
        files += found
    return list(dict.fromkeys(files))


def one_path(files: list[Path], lister: Callable[[str], list[Path]]) -> str:
    """A folder or pattern that `lister` takes for exactly these files; empty where there is none."""
    if len(files) == 1:
        return str(files[0])
    names = [file.name for file in files]
    start = _shared(names)
    end = _shared([name[len(start) :][::-1] for name in names])[::-1]
    above = Path(os.path.commonpath([file.parent for file in files])) if files else Path()
    for candidate in (above, above / f"{start}*{end}", above / f"*{end}", above / "*" / f"*{end}"):
        try:
            if set(lister(str(candidate))) == set(files):
                return str(candidate)
        except InputError:
            continue
    return ""


def _shared(names: list[str]) -> str:
    """The letters with which all names begin."""
    first, last = min(names), max(names)
    return first[: next((i for i, letter in enumerate(first) if letter != last[i]), len(first))]
