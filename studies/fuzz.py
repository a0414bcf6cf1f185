"""Damaged files by the thousand, each read within bounds: `python -m studies.fuzz [--cases N] [--seed S]`.

A file gives a plausible result or one sentence of InputError, never another exception, five seconds of processor time
or 1 GB. The files are made from the packaged sample (`studies.fuzz_files`) and damaged (`studies.fuzz_cases`); where
the folder of real files is (`RSTMRF_REAL_DATA`), every twentieth case is a damaged copy of one of them. Case n of a
reader follows from the seed alone, so that any can be made again: `--first n --cases 1`. Each reader has a process of
its own, watched by this one: what hangs or crashes is counted, and the process begun anew at the next case.
"""

import argparse
import collections
import json
import multiprocessing
import os
import shutil
import tempfile
import time
import warnings
from pathlib import Path
from typing import NamedTuple

import numpy as np
import psutil

from rstmrf.errors import QUOTED_CHARACTERS, InputError
from rstmrf.files import write_whole
from studies.fuzz_cases import case
from studies.fuzz_files import GOOD, implausible, read

RESULTS = Path(__file__).parent / "results" / "fuzz.json"
PARTIAL = RESULTS.with_suffix(".part.json")
LONGEST_SECONDS, HANGS_AFTER_SECONDS, LARGEST_MB, ADDRESS_SPACE_MB = 5.0, 60.0, 1024.0, 6144
LONGEST_SENTENCE = 1500
REAL = {
    "ionex": ["ionex/IGS0OPSFIN_20240350000_01D_02H_GIM.INX"],
    "ionex.gz": ["ionex/COD0OPSFIN_20240350000_01D_01H_GIM.INX.gz", "real/igsg3000.14i.gz"],
    "ionex.Z": ["ionex/esag0080.20i.Z", "ionex/codg0080.20i.Z"],
    "ionPrf": ["ro/ionPrf_C006.2008.319.07.40.G28.nc", "real/ionPrf_C2E1.2022.090.00.08.G27_0001.0001_nc"],
    "gfz": ["spaceweather/GFZ_Kp_ap_Ap_SN_F107_2020_excerpt.txt"],
    "celestrak": ["spaceweather/SW-Last5Years.txt"],
}
EVERY_REAL = 20


class Outcome(NamedTuple):
    """What became of a case: `result`, `refused`, `implausible`, `hang`, `crash` or an exception's name; its cost."""

    number: int
    damage: str
    became: str
    said: str
    seconds: float
    peak_mb: float

    @property
    def faults(self) -> list[str]:
        """What was promised and not kept."""
        found = [] if self.became in ("result", "refused", "implausible") else ["other"]
        found += ["implausible"] if self.became == "implausible" else []
        found += ["slow"] if self.seconds > LONGEST_SECONDS else []
        found += ["large"] if self.peak_mb > LARGEST_MB else []
        unclear = "\n" in self.said or not self.said.isprintable() or len(self.said) > LONGEST_SENTENCE
        return found + (["unclear"] if self.became == "refused" and unclear else [])


def try_read(reader: str, path: Path, number: int = 0, damage: str = "") -> Outcome:
    """Read a file and say what became of it, its processor time and how far memory rose."""
    before_mb = _memory_mb(reset=True)
    began, became, said = time.process_time(), "result", ""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            said = implausible(read(reader, path))
        became = "implausible" if said else "result"
    except InputError as error:
        became, said = "refused", str(error).replace(str(path), path.name)
    except (Exception, RecursionError, MemoryError) as error:  # the study counts whatever else is raised
        became, said = type(error).__name__, str(error)[: 4 * QUOTED_CHARACTERS]
    return Outcome(number, damage, became, said, time.process_time() - began, _memory_mb() - before_mb)


def run_cases(reader: str, numbers, seed: int = 0, real: Path | None = None):
    """Outcomes of the cases of some numbers, one after another."""
    index = list(GOOD).index(reader)
    genuine = [real / name for name in REAL.get(reader, []) if real and (real / name).exists()]
    with tempfile.TemporaryDirectory() as folder:
        good = Path(folder) / "good"
        good.mkdir()
        made = GOOD[reader](good)
        for number in numbers:
            rng = np.random.default_rng([seed, index, number])
            of = genuine[number // EVERY_REAL % len(genuine)] if genuine and number % EVERY_REAL == 0 else made
            place = Path(folder) / "case"
            place.mkdir()
            damage, path = case(reader, of, place, rng)
            yield try_read(reader, path, number, damage)
            shutil.rmtree(place)


def fuzz(reader: str, cases: int, seed: int = 0, first: int = 0, real: Path | None = None) -> list[Outcome]:
    """Outcomes of many cases, read in a process of their own that is watched."""
    outcomes, context, number = [], multiprocessing.get_context("spawn"), first
    while number < first + cases:
        ours, theirs = context.Pipe()
        process = context.Process(target=_work, args=(theirs, reader, range(number, first + cases), seed, real))
        process.start()
        theirs.close()
        ours.recv()  # libraries are imported, which a busy machine may make long
        while number < first + cases:
            try:
                if _hangs(ours, psutil.Process(process.pid)):
                    outcomes.append(Outcome(number, "", "hang", "", HANGS_AFTER_SECONDS, 0.0))
                    number += 1
                    break
                outcomes.append(ours.recv())
                number += 1
            except EOFError:
                outcomes.append(Outcome(number, "", "crash", "", 0.0, 0.0))
                number += 1
                break
        process.kill()
        process.join()
    return outcomes


def _hangs(pipe, process: psutil.Process) -> bool:
    """Whether a case took its processor time or sleeps; to be slow on a busy machine alone is not to hang."""
    began = sum(process.cpu_times()[:2])
    while not pipe.poll(HANGS_AFTER_SECONDS):
        asleep = process.status() in (psutil.STATUS_SLEEPING, psutil.STATUS_DISK_SLEEP, psutil.STATUS_ZOMBIE)
        if asleep or sum(process.cpu_times()[:2]) - began > HANGS_AFTER_SECONDS:
            return True
    return False


def _work(pipe, reader, numbers, seed, real):
    try_read(reader, Path("nowhere"))  # libraries are imported before anything is measured
    _bound_memory()
    pipe.send("ready")
    for outcome in run_cases(reader, numbers, seed, real):
        pipe.send(outcome)


def _bound_memory():
    try:
        import resource
    except ImportError:  # Windows has no such bound
        return
    resource.setrlimit(resource.RLIMIT_AS, (ADDRESS_SPACE_MB << 20, resource.RLIM_INFINITY))


def _memory_mb(reset: bool = False) -> float:
    """Highest resident memory since the last reset, where the system tells it; else 0."""
    try:
        if reset:
            Path("/proc/self/clear_refs").write_text("5")
        status = Path("/proc/self/status").read_text()
    except OSError:
        return 0.0
    return int(status.split("VmHWM:")[1].split()[0]) / 1024


def summary(outcomes: list[Outcome]) -> dict:
    """Counts and extremes of a reader's cases, and up to ten faults with their numbers."""
    faults = [(outcome, outcome.faults) for outcome in outcomes if outcome.faults]
    counted = collections.Counter(fault for _, found in faults for fault in found)
    shown = [{"case": o.number, "damage": o.damage, "became": o.became, "said": o.said} for o, _ in faults[:10]]
    return {
        "cases": len(outcomes),
        "results": sum(o.became == "result" for o in outcomes),
        "refused": sum(o.became == "refused" for o in outcomes),
        "other_exceptions": counted["other"],
        "implausible": counted["implausible"],
        "slow": counted["slow"],
        "large": counted["large"],
        "unclear_sentences": counted["unclear"],
        "longest_seconds": round(max(o.seconds for o in outcomes), 2),
        "largest_mb": round(max(o.peak_mb for o in outcomes)),
        "faults": shown,
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cases", type=int, default=10_000, help="a reader")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--first", type=int, default=0, help="number of the first case")
    parser.add_argument("--reader", choices=GOOD, help="this one alone; stored beside the others of as many cases")
    options = parser.parse_args()
    root = Path(__file__).resolve().parents[1]
    real = Path(os.environ.get("RSTMRF_REAL_DATA", root.parent / "shared" / "data"))
    found = {"seed": options.seed, "cases": options.cases, "readers": {}}
    if not (options.reader or options.first):
        found["readers"] = _kept(PARTIAL, found)
    elif options.reader:
        found["readers"] = _kept(RESULTS, found)
    for reader in [options.reader] if options.reader else [name for name in GOOD if name not in found["readers"]]:
        outcomes = fuzz(reader, options.cases, options.seed, options.first, real)
        found["readers"][reader] = summary(outcomes)
        print(reader, json.dumps(found["readers"][reader], ensure_ascii=False), flush=True)
        write_whole(PARTIAL, _text(found))
    if set(found["readers"]) == set(GOOD):
        found["readers"] = {reader: found["readers"][reader] for reader in GOOD}
        write_whole(RESULTS, _text(found))
        PARTIAL.unlink(missing_ok=True)


def _kept(path: Path, found: dict) -> dict:
    """Readers that stand in a file of the same seed and number of cases."""
    before = json.loads(path.read_text()) if path.exists() else {}
    return before.get("readers", {}) if all(before.get(key) == found[key] for key in ("seed", "cases")) else {}


def _text(found: dict) -> bytes:
    return (json.dumps(found, indent=1, ensure_ascii=False) + "\n").encode()


if __name__ == "__main__":
    main()
