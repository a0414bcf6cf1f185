"""Some hundred damaged files: each gives a plausible result or one clear sentence; the same seed, the same damage."""

import subprocess
import sys
import time

import numpy as np
import psutil
import pytest
import xarray as xr

from studies import fuzz
from studies.fuzz import Outcome, run_cases, summary
from studies.fuzz_bytes import BYTES, TEXTS, damaged_bytes
from studies.fuzz_files import GOOD, implausible

CASES = 20


@pytest.mark.parametrize("reader", GOOD)
@pytest.mark.filterwarnings("ignore")
def test_damaged_files_give_a_plausible_result_or_one_sentence(reader):
    outcomes = list(run_cases(reader, range(10**6, 10**6 + CASES), seed=1))
    assert len(outcomes) == CASES
    assert not [outcome for outcome in outcomes if set(outcome.faults) - {"slow"}]


@pytest.mark.parametrize("name", [*BYTES, *TEXTS])
def test_each_damage_follows_from_its_seed_and_changes_something(name):
    content = b"\n".join(b"2019 04 %02d 70.%d" % (day, day) for day in range(1, 30))
    change = (BYTES | TEXTS)[name]
    once, again = ([change(content, np.random.default_rng(seed)) for seed in range(5)] for _ in range(2))
    assert once == again and any(damaged != content for damaged in once)
    names, damaged = damaged_bytes(content, np.random.default_rng(3))
    assert (names, damaged) == damaged_bytes(content, np.random.default_rng(3))


def test_what_was_promised_and_not_kept_is_counted():
    kept = [Outcome(0, "", "result", "", 0.1, 10.0), Outcome(1, "", "refused", "a: no.", 0.1, 10.0)]
    broken = [
        Outcome(2, "cut", "KeyError", "'a'", 0.1, 1.0),
        Outcome(3, "", "hang", "", 60.0, 0.0),
        Outcome(4, "", "refused", "two\nlines", 0.1, 2000.0),
        Outcome(5, "", "implausible", "lat", 0.1, 1.0),
    ]
    counts = summary(kept + broken)
    assert (counts["cases"], counts["results"], counts["refused"], counts["other_exceptions"]) == (6, 1, 2, 2)
    assert (counts["slow"], counts["large"], counts["implausible"], counts["unclear_sentences"]) == (1, 1, 1, 1)
    assert [fault["case"] for fault in counts["faults"]] == [2, 3, 4, 5]


@pytest.mark.parametrize(
    ("program", "hangs"), [("import time; time.sleep(60)", True), ("while True: pass", True), ("", False)]
)
def test_a_case_hangs_that_sleeps_or_works_for_too_long(program, hangs, monkeypatch):
    monkeypatch.setattr(fuzz, "HANGS_AFTER_SECONDS", 0.2)
    with subprocess.Popen([sys.executable, "-c", program]) as process:
        asked = []

        class Pipe:
            def poll(self, seconds):
                time.sleep(seconds)
                asked.append(seconds)
                return not program and len(asked) > 2  # it was slow to answer, as on a busy machine

        watched = psutil.Process(process.pid)
        monkeypatch.setattr(watched, "status", lambda: "sleeping" if "sleep" in program else "running")
        if not program:
            monkeypatch.setattr(watched, "cpu_times", lambda: (0.0, 0.0))
        assert fuzz._hangs(Pipe(), watched) is hangs
        process.kill()


def test_implausible_results_are_seen():
    time = np.array(["2019-04-25"], "M8[ns]")
    good = xr.Dataset({"vtec_tecu": (("time", "lat", "lon"), [[[5.0]]])}, {"time": time, "lat": [0.0], "lon": [0.0]})
    assert implausible(good) == ""
    assert implausible(good * 1000) == "vtec_tecu" and implausible(good * np.nan) == "vtec_tecu"
    assert implausible(good.assign_coords(lat=[91.0])) == "lat"
    assert implausible(good.assign_coords(time=time - np.timedelta64(40_000, "D"))) == "times"
