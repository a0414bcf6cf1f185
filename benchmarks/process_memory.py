"""What a training process takes: `python -m benchmarks.process_memory`, some two minutes.

`planning.predict_peak` was chosen on the rows of `benchmarks.memory`. These measurements are to try it on what stands
in none of them: every preset, σ, ensembles, collocation points and columns, physics points, maps of the hour after, the
ConvLSTM's own training. What is foreseen is not stored: the chapter on memory, and a test, foresee it anew. Each
measurement has a fresh process, forked from one that has only imported the library, whose allocator keeps freed blocks
as training has it.
"""

import argparse
import json
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

from benchmarks import RESULTS
from rstmrf.config import RunConfig
from rstmrf.costs import planning
from rstmrf.presets import PRESETS

HUNDRED = 100
JOINT = {"direction_training": "joint"}
COLUMNS = {"collocation_points": 4096, "collocation_hours": "all", "collocation_altitude": "column"}
#: name, changes to the default, windows (None: the most a batch may have), members of an ensemble
CASES: list[tuple[str, dict, int | None, int]] = [
    *((f"preset {name}", dict(changes), None, 1) for name, changes in PRESETS.items()),
    ("uncertainty", {"w_sigma": 0.1}, None, 1),
    ("uncertainty, ConvLSTM in the step", {"w_sigma": 0.1, **JOINT}, None, 1),
    ("ensemble of 5", {"w_sigma": 0.1}, None, 5),
    ("ensemble of 5, preset sample", {**PRESETS["sample"], "w_sigma": 0.1}, None, 5),
    ("collocation, 1024 points", {"collocation_points": 1024}, None, 1),
    ("collocation, 4096 points", {"collocation_points": 4096, "collocation_hours": "all"}, None, 1),
    ("collocation, 4096 points in columns", COLUMNS, None, 1),
    ("collocation in columns, ConvLSTM in the step", COLUMNS | JOINT, None, 1),
    ("observations moved in longitude", {"longitude_jitter_deg": 30.0}, None, 1),
    ("physics_points 512", {"physics_points": 512}, None, 1),
    ("physics_points 512, batch 8192", {"physics_points": 512, "batch_size": 8192}, None, 1),
    ("batch 8192", {"batch_size": 8192}, None, 1),
    ("next maps of directions", {}, HUNDRED, 1),
    ("next maps of TEC", {"tec_input": True}, HUNDRED, 1),
    ("windows in groups of 16", {"window_group_size": 16, **JOINT}, HUNDRED, 1),
    ("observed directions", {"direction_source": "observed"}, None, 1),
    ("ConvLSTM alone", {"batch_size": 64}, 1, 1),
    ("ConvLSTM alone, mixed precision", {"batch_size": 64, "use_amp": True}, 1, 1),
    ("ConvLSTM alone, 12 hours", {"batch_size": 64, "seq_len": 12}, 1, 1),
    ("ConvLSTM alone, two layers of 32", {"batch_size": 64, "tec_feat_dim": 32, "convlstm_layers": 2}, 1, 1),
]


def measured(case: str, changes: dict, windows: int | None, members: int) -> dict:
    """Peak [MB] of a process of its own, beside what was asked."""
    with ProcessPoolExecutor(1, get_context("fork")) as pool:
        found = pool.submit(planning.measure_here, RunConfig(**changes), windows, members=members).result()
    told = {"case": case, "changes": changes, "windows": windows, "members": members}
    print(case, windows or "", found.peak_mb, flush=True)
    return told | {"measured_mb": found.peak_mb}


def main() -> None:
    """Measure what is missing, and write `results/process_memory.json` after each."""
    argparse.ArgumentParser(description=__doc__.splitlines()[0]).parse_args()
    path = RESULTS / "process_memory.json"
    rows = json.loads(path.read_text()) if path.exists() else []
    done = {(row["case"], row["windows"]) for row in rows}
    for case in [case for case in CASES if (case[0], case[2]) not in done]:
        rows.append(measured(*case))
        path.write_text("[\n" + ",\n".join(json.dumps(row) for row in rows) + "\n]\n")


if __name__ == "__main__":
    main()
