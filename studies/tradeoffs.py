"""Memory, speed and skill of configurations: `python -m studies.tradeoffs`, some fifteen minutes on two cores.

Each run is `notebooks/train.ipynb` under papermill on the packaged sample, so what is compared is what a user would
run. Skill is that of the hours and profiles that were held out. A smaller batch has fewer epochs, so that all runs make
about the same number of optimizer steps; `steps` tells how many. No time is stored: a long sweep shares its machine.
The seconds of a step stand in the results of `python -m benchmarks.memory`. The ConvLSTM is in every step
(`direction_training` "joint"), as in the document's table, whose configurations differ by what it costs.
"""

import argparse
import itertools
import json
import subprocess
import sys
import tempfile
from pathlib import Path

import nbformat
import pandas as pd

from benchmarks.memory import CONFIGURATIONS
from rstmrf.config import RunConfig
from rstmrf.costs import planning
from rstmrf.training.log import history, memory_history

ROOT = Path(__file__).resolve().parents[1]
RESULTS = Path(__file__).parent / "results" / "tradeoffs.json"
#: the sample's schedule, never stopped early, with the default sizes of batch, maps and channels
BASE = {"preset": "sample", "batch_size": 2048, "tec_downsample_factor": 4, "tec_feat_dim": 16, "patience": 100}
BASE |= {"collocation_points": 0, "w_tec_direction": 0.05}
BASE |= {"direction_training": "joint"}
#: by batch size; the last batch of a group of hours is smaller, so steps of an epoch are not in proportion to 1 / batch
EPOCHS = {2048: 7, 1024: 4, 512: 2}
ALONE = {
    "batch_size 512": {"batch_size": 512},
    "seq_len 4": {"seq_len": 4},
    "seq_len 1": {"seq_len": 1},
    "tec_downsample_factor 6": {"tec_downsample_factor": 6},
    "basis_dim 48": {"basis_dim": 48},
    "siren_hidden 96": {"siren_hidden": 96},
    "use_amp": {"use_amp": True},
    "window_group_size 1": {"window_group_size": 1},
    "batch_size 1024, as many epochs": {"batch_size": 1024, "epochs": EPOCHS[2048]},
}


def run(name: str, changes: dict, seed: int = 0, base: dict = BASE) -> dict:
    """Train by papermill and return memory, time and skill as plain numbers."""
    parameters = base | changes | {"seed": seed}
    with tempfile.TemporaryDirectory() as folder:
        run_dir, executed = Path(folder, "run"), Path(folder, "train.ipynb")
        source = ROOT / "notebooks" / "train.ipynb"
        command = [sys.executable, "-m", "papermill", str(source), str(executed), "--cwd", str(ROOT)]
        command += ["--no-progress-bar", "-y", json.dumps(parameters | {"run_dir": str(run_dir)})]
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode:
            raise RuntimeError(f"{name}, seed {seed}: {done.stderr.strip().splitlines()[-1]}")
        metrics = json.loads((run_dir / "metrics.json").read_text())
        config, log = RunConfig.load(run_dir / "config.json"), history(run_dir)
        steps = int(pd.read_csv(run_dir / "metrics.csv")["step"].max()) + 1
        (training,) = [c for c in nbformat.read(executed, 4).cells if "train(data" in c.source]
        return {
            "configuration": name,
            "seed": seed,
            "changes": changes,
            "steps": steps,
            "tensors_mb": round(planning.predict_tensors(config), 1),
            "process_mb": float(memory_history(run_dir)["process_mb"].max()),
            "seconds_per_epoch": round(training.metadata["papermill"]["duration"] / len(log), 2),
            "skill": round(metrics["skill_against_iri"], 4),
            "rmse_dex": {part: round(rows["all"]["R-STMRF"], 4) for part, rows in metrics["rmse"].items()},
            "iri_dex": round(metrics["rmse"]["held out"]["all"]["IRI"], 4),
            "direction_cosine": round(1 - float(log["train_head"].iloc[-1]), 4),
        }


def main() -> None:
    """Run the five configurations for each seed, then the single settings; results are written after each run.

    A run that is stored already is not made again.
    """
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=3, help="of the five configurations")
    parser.add_argument("--alone-seeds", type=int, default=1, help="of the settings changed alone")
    arguments = parser.parse_args()
    rows = json.loads(RESULTS.read_text()) if RESULTS.exists() else []
    for group, seeds in ((CONFIGURATIONS, arguments.seeds), (ALONE, arguments.alone_seeds)):
        for seed, (name, changes) in itertools.product(range(seeds), group.items()):
            changes = {"epochs": EPOCHS[changes.get("batch_size", BASE["batch_size"])], **changes}
            if any((r["configuration"], r["seed"], r["changes"]) == (name, seed, changes) for r in rows):
                continue
            row = run(name, changes, seed)
            rows.append({key: value for key, value in row.items() if key != "seconds_per_epoch"})
            print(*(f"{key} {value}" for key, value in rows[-1].items()), sep="  ", flush=True)
            RESULTS.write_text(json.dumps(rows, indent=1) + "\n")


if __name__ == "__main__":
    main()
