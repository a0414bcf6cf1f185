"""A run that is ended by SIGKILL three times ends as one that nothing stopped; in its own process, for it forks."""

import json
import subprocess
import sys

import pytest

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="there is no SIGKILL")
THREE_KILLS = """
import json, sys, time
from pathlib import Path
import numpy as np
from studies.kills import in_child, killed_run, small_run

class Draws:  # three kills, early, in the middle and late
    def integers(self, low, high): return 3
    def uniform(self, low, high, n): return np.array([0.15, 0.45, 0.75]) * high

data, folder = small_run(), Path(sys.argv[1])
began = time.perf_counter()
assert in_child(data, folder / "whole", resume=False) == "ended"
length_s = time.perf_counter() - began
print(json.dumps(killed_run(data, folder / "run", folder / "whole", length_s, Draws())))
"""


def test_three_kills_change_nothing(tmp_path):
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", THREE_KILLS, str(tmp_path)], capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr[-2000:]
    row = json.loads(done.stdout.strip().splitlines()[-1])
    assert row["end"] == "ended" and row["differs"] == [] and row["refused"] == []
    assert len(row["in"]) >= 1  # a busy machine may let the run end before the last
