"""A run killed at random moments, again and again: `python -m studies.kills [--kills N] [--seed S]`.

A small run on the packaged sample, in both phases (the ConvLSTM's own training, then the density's), is ended by
SIGKILL at moments drawn over its length, resumed, killed again as often as the draw says, and resumed to its end. Each
time the weights of the best epoch and the log are compared with those of a run that nothing stopped, bit for bit.
Results are kept in `results/kills.json`.
"""

import argparse
import json
import multiprocessing
import os
import signal
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from rstmrf.config import RunConfig
from rstmrf.data.run_data import RunData
from rstmrf.readers import sample
from rstmrf.training.loop import train

RESULTS = Path(__file__).parent / "results" / "kills.json"
SETTINGS = {
    "batch_size": 128,
    "epochs": 6,
    "basis_dim": 16,
    "siren_hidden": 32,
    "siren_layers": 1,
    "lstm_layers": 1,
    "seq_len": 3,
    "tec_downsample_factor": 15,
    "tec_feat_dim": 4,
    "head_epochs": 4,
    "longitude_jitter_deg": 20.0,
    "collocation_points": 64,
    "save_interval": 2,
}
NOT_COMPARED = ["process_mb", "cuda_mb"]  # memory is not the run's own
LONGEST_S = 300.0


def small_run() -> RunData:
    """A run of a minute at most: every eighth profile of the sample."""
    observations = sample.observations()
    some = observations.isel(point=observations["profile"].values % 8 == 0)
    return RunData(some, sample.tec(), sample.indices(), RunConfig(**SETTINGS))


def in_child(data: RunData, folder: Path, resume: bool, kill_after_s: float | None = None) -> str:
    """Train in a process of its own: "ended", "killed", or the last line of what it raised."""
    child = multiprocessing.get_context("fork").Process(target=_train, args=(data, folder, resume))
    child.start()
    child.join(LONGEST_S if kill_after_s is None else kill_after_s)
    if child.is_alive():
        assert child.pid is not None
        os.kill(child.pid, signal.SIGKILL)
        child.join()
        return "killed" if kill_after_s is not None else f"not at an end after {LONGEST_S:.0f} s"
    said = folder / "raised.txt"
    return "ended" if child.exitcode == 0 else said.read_text() if said.exists() else f"exit {child.exitcode}"


def _train(data, folder, resume):
    torch.set_num_threads(1)
    try:
        model = train(data, folder, resume=resume)
        torch.save(model.state_dict(), folder / "end.pt")
    except BaseException as error:
        (folder / "raised.txt").write_text(repr(error))
        raise


def differences(one: Path, other: Path) -> list[str]:
    """What differs between the ends of two runs: names of weights, and logs."""
    found, wanted = (torch.load(folder / "end.pt", weights_only=True) for folder in (one, other))
    different = [name for name, value in wanted.items() if not torch.equal(value, found[name])]
    for part in (".", "head"):
        ours, theirs = (_log(folder / part / "metrics.csv") for folder in (one, other))
        different += [] if ours.equals(theirs[ours.columns]) else [f"{part}/metrics.csv"]
    return different


def _log(path):
    log = pd.read_csv(path).drop(columns=NOT_COMPARED, errors="ignore").dropna(how="all")
    return log.dropna(subset=["epoch"]).sort_values(["epoch", "step"]).reset_index(drop=True)


def killed_run(data: RunData, folder: Path, whole: Path, length_s: float, random) -> dict:
    """One run, killed one to three times; when, what was seen, and what differs at its end."""
    moments = sorted(random.uniform(0.0, length_s, random.integers(1, 4)))
    row: dict = {"kills_at_share": [], "in": [], "refused": []}
    for number, moment in enumerate(moments):
        since = moment - (moments[number - 1] if number else 0.0)
        became = in_child(data, folder, resume=number > 0, kill_after_s=max(since, 0.02))
        if became == "killed":
            row["kills_at_share"].append(round(float(moment / length_s), 3))
            row["in"].append(_phase(folder))
        elif became != "ended":
            row["refused"].append(became)
    ended = in_child(data, folder, resume=True)
    row["end"] = ended
    row["differs"] = differences(folder, whole) if ended == "ended" else ["no end"]
    return row


def _phase(folder):
    if (folder / "checkpoints" / "last.ckpt").exists():
        return "density"
    return "directions" if any(folder.rglob("last.ckpt")) else "before a checkpoint"


def main():
    """Kill as often as was asked, and write `results/kills.json`."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    random, rows = np.random.default_rng(arguments.seed), []
    data = small_run()
    with tempfile.TemporaryDirectory() as scratch:
        whole, began = Path(scratch) / "whole", time.perf_counter()
        if (ended := in_child(data, whole, resume=False)) != "ended":
            raise SystemExit(f"the run that nothing stops did not end: {ended}")
        length_s = time.perf_counter() - began
        while sum(len(row["in"]) for row in rows) < arguments.kills:
            rows.append(killed_run(data, Path(scratch) / f"run {len(rows)}", whole, length_s, random))
            print(rows[-1], flush=True)
    phases = [phase for row in rows for phase in row["in"]]
    found = {
        "seed": arguments.seed,
        "seconds_of_a_run": round(length_s, 1),
        "runs": len(rows),
        "kills": len(phases),
        "kills_by_phase": {phase: phases.count(phase) for phase in dict.fromkeys(phases)},
        "runs_that_did_not_end": sum(row["end"] != "ended" for row in rows),
        "resumptions_refused": sum(len(row["refused"]) for row in rows),
        "runs_that_differ": sum(bool(row["differs"]) for row in rows),
        "rows": rows,
    }
    RESULTS.write_text(json.dumps(found, indent=1) + "\n")
    print({key: value for key, value in found.items() if key != "rows"})


if __name__ == "__main__":
    main()
