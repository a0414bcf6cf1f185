"""What is kept on disk for later, damaged by the hundred: `python -m studies.caches [--cases N] [--seed S]`.

Three kinds of files are trusted because the library itself put them there: the cache of IRI's monthly maps, stores of
points, and what was fetched from archives, with its list of hashes. One of their files is damaged, by one bit, a cut, a
block of zeros or a damage of the fuzzer's; then it is read. It may give the same numbers, be made again, or be refused;
it may not give another number. Results are kept in `results/caches.json`.
"""

import argparse
import collections
import json
import os
import shutil
import tarfile
import tempfile
import warnings
from pathlib import Path

import numpy as np
import xarray as xr

from rstmrf.background import maps
from rstmrf.errors import InputError
from rstmrf.readers.point_store import read_point_store
from studies.fuzz_bytes import damaged_bytes
from studies.fuzz_files import GOOD, read

RESULTS = Path(__file__).parent / "results" / "caches.json"
FETCHED = {"fetched ionex": "ionex", "fetched ionex.gz": "ionex.gz", "fetched ionex.Z": "ionex.Z", "fetched gfz": "gfz"}
SHORTEST = 64  # bytes; where a block of zeros begins


def one_bit(content: bytes, rng) -> bytes:
    """Another value of one bit."""
    at = int(rng.integers(len(content)))
    return content[:at] + bytes([content[at] ^ 1 << int(rng.integers(8))]) + content[at + 1 :]


def cut(content: bytes, rng) -> bytes:
    """The beginning alone, as a full disk or a killed process leaves it."""
    return content[: int(rng.integers(len(content)))]


def zeros(content: bytes, rng) -> bytes:
    """Zeros from some place on, as a file system leaves what it had no time to write."""
    at = int(rng.integers(len(content)))
    length = int(rng.integers(1, max(SHORTEST, len(content) - at)))
    return content[:at] + bytes(min(length, len(content) - at)) + content[at + length :]


DAMAGES = {"one bit": one_bit, "cut": cut, "zeros": zeros, "other": lambda content, rng: damaged_bytes(content, rng)[1]}


# --- what is kept: each makes it in a folder, and returns how it is read


def iri_maps(folder: Path):
    """The cache of a month's maps; numbers stand in for PyIRI's, whose making takes ten seconds."""
    os.environ["RSTMRF_CACHE"] = str(folder)
    rng = np.random.default_rng(0)
    values = rng.normal(size=(2, maps.N_UT, maps.N_LAT, maps.N_LON, len(maps.PARAMETERS)))
    coefficients = maps._spline_coefficients(values)
    maps._pyiri_maps, maps._spline_coefficients = (lambda year, month: None), (lambda made: coefficients)
    maps.monthly_coefficients(2019, 4)
    return lambda: maps.monthly_coefficients(2019, 4)


def store(folder: Path):
    """A store of points."""
    path = GOOD["zarr"](folder)
    return lambda: read_point_store(path)


def fetched(reader: str):
    """A file of a form with the list of hashes that `rstmrf fetch` leaves beside it."""

    def make(folder: Path):
        path = GOOD[reader](folder)
        _list_hash(path)
        return lambda: read(reader, path)

    return make


def fetched_archive(folder: Path):
    """A day of profiles, packed as CDAAC packs them."""
    path = folder / "ionPrf_2019_115.tar.gz"
    with tempfile.TemporaryDirectory() as within, tarfile.open(path, "w:gz") as archive:
        profile = GOOD["ionPrf"](Path(within))
        archive.add(profile, profile.name)
    _list_hash(path)
    return lambda: read("ionPrf", path)


def _list_hash(path: Path) -> None:
    import hashlib

    (path.parent / "SHA256SUMS").write_text(f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.name}\n")


KEPT = {
    "maps of IRI": iri_maps,
    "store of points": store,
    **{name: fetched(reader) for name, reader in FETCHED.items()},
    "fetched archive": fetched_archive,
}


def same(one, other) -> bool:
    """Whether two results hold the same numbers, to the last bit."""
    if isinstance(one, xr.Dataset):
        return isinstance(other, xr.Dataset) and one.equals(other)
    return np.array_equal(one, other)


def outcomes(name: str, cases: int, seed: int = 0) -> dict[str, dict[str, int]]:
    """Counts of what became of damaged files, by kind of damage."""
    rng = np.random.default_rng([seed, list(KEPT).index(name)])
    found = {damage: collections.Counter() for damage in DAMAGES}
    with tempfile.TemporaryDirectory() as scratch, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        folder, whole = Path(scratch) / "kept", Path(scratch) / "whole"
        folder.mkdir()
        ask = KEPT[name](folder)
        wanted = ask()
        shutil.copytree(folder, whole)
        files = sorted(file.relative_to(folder) for file in folder.rglob("*") if file.is_file())
        for number in range(cases):
            damage, file = list(DAMAGES)[number % len(DAMAGES)], folder / files[rng.integers(len(files))]
            damaged = DAMAGES[damage](file.read_bytes(), rng)
            file.write_bytes(damaged)
            found[damage][became(ask, wanted)] += 1
            shutil.rmtree(folder)
            shutil.copytree(whole, folder)
    return {damage: dict(sorted(counts.items())) for damage, counts in found.items()}


def became(ask, wanted) -> str:
    """`same numbers`, `refused`, `another number`, or the name of another exception."""
    try:
        return "same numbers" if same(ask(), wanted) else "another number"
    except InputError:
        return "refused"
    except Exception as error:  # the study counts whatever else is raised
        return type(error).__name__


def main():
    """Damage, read, print and write `results/caches.json`."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cases", type=int, default=800, help="of each kind")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    found = {"seed": arguments.seed, "cases": arguments.cases, "kept": {}}
    for name in KEPT:
        found["kept"][name] = outcomes(name, arguments.cases, arguments.seed)
        print(name, found["kept"][name], flush=True)
    RESULTS.write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
