"""Which files hold observations, and which reader fits one."""

import glob
from collections.abc import Callable
from pathlib import Path

from rstmrf.errors import InputError
from rstmrf.files import given_path, regular_file
from rstmrf.readers.archives import ARCHIVE_ENDINGS, MEMBER_ENDINGS
from rstmrf.readers.occultations import Profile, read_netcdf_profile, read_text_profile

TEXT_SUFFIXES = (".txt", ".dat", ".csv")
#: CDAAC's own names end in _nc, without a point
ENDINGS = (".npy", *TEXT_SUFFIXES, *MEMBER_ENDINGS, *ARCHIVE_ENDINGS)
ACCEPTED = ".npy [N, 5], ionPrf or GNOS netCDF or a tar of them, or text profiles YYYYMMDD_HHMM.txt"


def list_files(path) -> list[Path]:
    """Files that a file name, folder, glob pattern or list of these stands for, each once, in the order of names."""
    if not isinstance(path, str | Path):
        files = [file for item in path for file in list_files(item)]
    elif given_path(path, ACCEPTED).is_dir():
        inside = sorted(p for p in Path(path).rglob("*") if p.is_file() and not p.name.startswith("."))
        files = [p for p in inside if p.name.lower().endswith(ENDINGS)]
    elif Path(path).is_file():
        files = [Path(path)]
    else:
        files = [Path(p) for p in sorted(glob.glob(str(path), recursive=True)) if Path(p).is_file()]
    if not files:
        raise InputError(f"{path}: no observation file found there; accepted are {ACCEPTED}.")
    return list(dict.fromkeys(files))


def profile_reader(file: Path) -> Callable[[Path, str | None], Profile] | None:
    """Reader of one profile that fits the file's first bytes; None for a table of many profiles (.npy)."""
    with open(regular_file(file, ACCEPTED), "rb") as opened:
        head = opened.read(8)
    if head.startswith(b"\x93NUMPY"):
        return None
    if head.startswith((b"CDF", b"\x89HDF")):
        return read_netcdf_profile
    if file.suffix.lower() in TEXT_SUFFIXES:
        return read_text_profile
    if head.startswith((b"\x1f\x8b", b"\xfd7zXZ", b"PK", b"BZh")):
        raise InputError(f"{file}: is a compressed or packed file; unpack it first.")
    raise InputError(f"{file}: begins with {head!r}, which is no known form; accepted are {ACCEPTED}.")
