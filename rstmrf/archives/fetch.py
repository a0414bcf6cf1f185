"""Fetch days of TEC maps, tables of indices and COSMIC-2 profiles; what is there already is not fetched again."""

import contextlib
import hashlib
import os
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlparse

import pooch
from filelock import FileLock, Timeout
from tqdm import tqdm

from rstmrf.archives.download import (
    Downloader,
    NotReached,
    NotThere,
    Politeness,
    judge_ionex,
    judge_packed,
    judge_table,
)
from rstmrf.archives.table import Wanted, days, entry_of, read_table, wanted
from rstmrf.errors import InputError
from rstmrf.files import write_whole
from rstmrf.hashes import HASHES, digest_of, noted

LOCK = ".lock"
TERMS = ".accepted-terms"
MOST_PARALLEL = 4
TABLE_AGE_S = 24 * 3600.0
_LOCK = threading.Lock()


class Fetched(NamedTuple):
    """The files of a request, in order, and how many of them came over the network now."""

    files: list[Path]
    n_new: int


class Manner(NamedTuple):
    """How to fetch: parallel downloads, pauses [s], tries, timeout [s], whether the network may be used."""

    parallel: int = 2
    pause_s: float = 1.0
    tries: int = 4
    timeout_s: float = 30.0
    offline: bool = False


GENTLY = Manner()


def fetch_tec(centre, start, end, folder, *, table=None, manner: Manner = GENTLY) -> Fetched:
    """Fetch a centre's IONEX files of the days from `start` to `end`, both included.

    Args:
        centre: "code", "upc", "igs" or another of the table; folder: where they go, made if need be.
        table: a TOML file whose entries go before the packaged table's; manner: see `Manner`.

    Raises:
        InputError: an unknown centre, no dates, or files that could not be had; whole files that came stay.
    """
    entry = entry_of(read_table(table), "tec", centre)
    return _fetch([wanted(entry, day) for day in days(start, end)], folder, judge_ionex, manner)


def fetch_indices(folder, source="gfz", *, table=None, manner: Manner = GENTLY) -> Fetched:
    """Fetch a table of Kp and F10.7, "gfz" or "celestrak"; one younger than a day is not fetched again.

    Raises:
        InputError: as `fetch_tec`.
    """
    entry = entry_of(read_table(table), "indices", source)
    return _fetch([wanted(entry, days("2000-01-01", "2000-01-01")[0])], folder, judge_table, manner, TABLE_AGE_S)


def fetch_cosmic2(start, end, folder, *, accept: Callable[[str], bool], table=None, manner: Manner = GENTLY) -> Fetched:
    """Fetch the packed ionPrf files of COSMIC-2 of the days from `start` to `end`; they are read without unpacking.

    Args:
        accept: shown the provider's terms, says whether they are accepted; asked once for a folder.

    Raises:
        InputError: terms that are not accepted, and as `fetch_tec`.
    """
    entry = entry_of(read_table(table), "cosmic2", "ucar")
    jobs = [wanted(entry, day) for day in days(start, end)]
    terms, noted = entry.get("terms", ""), Path(folder, TERMS)
    digest = hashlib.sha256(terms.encode()).hexdigest()
    if not (noted.exists() and noted.read_text().strip() == digest):
        if not accept(terms):
            raise InputError("the provider's terms were not accepted, so nothing was fetched; --yes accepts them")
        noted.parent.mkdir(parents=True, exist_ok=True)
        noted.write_text(digest + "\n")
    return _fetch(jobs, folder, judge_packed, manner)


def _fetch(jobs: list[Wanted], folder, judge, manner: Manner, max_age_s=None) -> Fetched:
    if not 1 <= manner.parallel <= MOST_PARALLEL:
        raise InputError(f"parallel={manner.parallel} is not accepted; give 1 to {MOST_PARALLEL}, archives are shared")
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    pooch.get_logger().setLevel("ERROR")
    politeness, silent = Politeness(manner.pause_s), set()

    def one(job):
        host = urlparse(job.urls[0]).netloc
        if host in silent:
            return NotReached(f"{job.name}: left out, {host} gave no answer before")
        try:
            return _fetch_one(job, folder, judge, manner, politeness, max_age_s, came)
        except InputError as error:
            if isinstance(error, NotReached):
                silent.add(host)
            return error

    with tqdm(total=len(jobs), desc="fetch", unit=" files", disable=None, leave=False) as bar:
        n_bytes = [0]

        def came(n):
            n_bytes[0] += n
            bar.set_postfix_str(f"{n_bytes[0] / 2**20:.1f} MB", refresh=False)

        results = []
        with _alone(folder), ThreadPoolExecutor(manner.parallel) as pool:
            for result in pool.map(one, jobs):
                results.append(result)
                bar.update()
    failed = [result for result in results if isinstance(result, InputError)]
    if failed and len(jobs) == 1:
        raise failed[0]
    if failed:
        raise InputError(
            f"{len(failed)} of {len(jobs)} files could not be had, the others are in {folder}; the first: {failed[0]}"
        )
    return Fetched([folder / job.name for job in jobs], sum(results))


def _fetch_one(job, folder, judge, manner, politeness, max_age_s, came) -> bool:
    """Whether the file came over the network now; its hash is noted then, and checked ever after."""
    target, known = folder / job.name, noted(folder, strict=True).get(job.name)
    old = max_age_s is not None and target.exists() and time.time() - target.stat().st_mtime > max_age_s
    if target.exists() and not (old and not manner.offline):
        found = digest_of(target)
        if known is None:
            judge(target, str(target))  # put there by hand
            _note(folder, job.name, found)
        if known in (None, found):
            return False
    if manner.offline:
        what = "differs from what was first fetched" if target.exists() else "is not there"
        raise InputError(f"{target}: {what}, and nothing may be fetched offline")
    expected = None if old else known
    missing = None
    for url in job.urls:
        downloader = Downloader(
            job.name, folder, judge, politeness, tries=manner.tries, timeout_s=manner.timeout_s,
            pause_s=manner.pause_s, came=came,
        )  # fmt: skip
        try:
            # under another name first: pooch takes a file that is there for good
            new = pooch.retrieve(url, expected, fname=f".{job.name}.new", path=folder, downloader=downloader)
        except NotThere as error:
            missing = missing or error
        except ValueError as error:
            if isinstance(error, InputError):
                raise
            raise InputError(
                f"{job.name}: has another SHA-256 than at its first fetch: the archive made it anew, or it was changed "
                f"on the way ({url}); to accept it, delete its line in {folder / HASHES}"
            ) from None
        else:
            _note(folder, job.name, digest_of(new))  # before: if this ends between the two, the file is fetched again
            os.replace(new, target)
            return True
    raise missing or InputError(f"{job.name}: the table of archives names no address for it")


def _note(folder: Path, name: str, digest: str) -> None:
    with _LOCK:
        hashes = noted(folder, strict=True) | {name: digest}
        write_whole(folder / HASHES, "".join(f"{hashes[name]}  {name}\n" for name in sorted(hashes)).encode())


@contextlib.contextmanager
def _alone(folder: Path):
    """Keep the folder from other processes that fetch, for parts of files and the list of hashes are written there."""
    lock = FileLock(folder / LOCK, timeout=0)
    try:
        lock.acquire()
    except Timeout:
        raise InputError(f"{folder}: another process fetches into it; let that end, or give another folder") from None
    except OSError:  # it may not be written: what is there can be asked for all the same
        yield
        return
    try:
        yield
    finally:
        lock.release()
