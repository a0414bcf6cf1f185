"""Memory, speed and skill of configurations: `python -m studies.tradeoffs`, about 50 minutes on one core.

Each run is a training on the packaged sample with the settings of `notebooks/train.ipynb` (preset "sample") but for the
document's sizes of batch, maps and channels. All make about as many optimizer steps as that chapter, and none stops
early, so all are trained as far. All see the same points under the same split: observations that lack the longest
window are left out beforehand, and the three seeds move weights and batches, never the split. The ConvLSTM learns
before the density does; configurations that do not differ in it share its training.

One warm process on one thread runs the configurations in turn, seed after seed; times are the processor's. Memory is
measured in a fresh process for each configuration, as training sets its allocator. What is stored is not run again.
"""

import argparse
import gc
import json
import tempfile
import time
from pathlib import Path

import lightning as L
import pandas as pd
import torch

from benchmarks.memory import CONFIGURATIONS
from rstmrf.config import RunConfig
from rstmrf.costs import planning
from rstmrf.data.direction_table import DirectionTable
from rstmrf.data.run_data import RunData
from rstmrf.data.splits import TRAIN
from rstmrf.evaluation.evaluate import evaluate
from rstmrf.model.whole import RSTMRF
from rstmrf.readers.inputs import Inputs, load_inputs
from rstmrf.training.head import learn_directions
from rstmrf.training.log import history
from rstmrf.training.loop import train

RESULTS = Path(__file__).parent / "results" / "tradeoffs.json"
SEEDS = (0, 1, 2)
#: the settings of `notebooks/train.ipynb` with the document's sizes, never stopped early, on one split
BASE = {"preset": "sample", "batch_size": 2048, "tec_downsample_factor": 4, "tec_feat_dim": 16, "patience": 100}
BASE |= {"split_seed": 0}
#: by batch size, for about 480 steps, as `notebooks/train.ipynb` makes; groups of hours end with a smaller batch
EPOCHS = {2048: 22, 1024: 13, 512: 7}
#: one setting changed alone; batch_size 1024 is "small batch" of the five configurations
ALONE = {
    "batch_size 512": {"batch_size": 512},
    "basis_dim 48": {"basis_dim": 48},
    "siren_hidden 96": {"siren_hidden": 96},
    "seq_len 4": {"seq_len": 4},
    "seq_len 1": {"seq_len": 1},
    "tec_downsample_factor 6": {"tec_downsample_factor": 6},
    "use_amp": {"use_amp": True},
    "window_group_size 1": {"window_group_size": 1},
}
#: the document's presets as a user gets them, with their own epochs, on the same split
AS_THEY_COME = {f"preset {name}": {"preset": name, "split_seed": 0} for name in ("cpu-8gb", "gpu-4gb")}
#: what the ConvLSTM's own training depends on
OF_HEAD = ("seq_len", "tec_downsample_factor", "tec_feat_dim", "use_amp", "window_group_size", "seed", "head_epochs")


def settings(changes: dict, seed: int = 0, base: dict = BASE) -> RunConfig:
    """The settings of a configuration, with epochs for as many steps as the others make; a preset's own stay."""
    given = base | changes | {"seed": seed}
    if "preset" not in changes:
        given = {"epochs": EPOCHS.get(given["batch_size"])} | given
    return RunConfig.preset(given.pop("preset"), **given)


def common_inputs() -> Inputs:
    """The sample without the observations that lack the longest window, so that all configurations have the same."""
    config = settings({})
    inputs = load_inputs(config)
    used = RunData(*inputs, config).used
    return inputs._replace(observations=inputs.observations.isel(point=used))


def directions(data: RunData, folder: Path) -> tuple[DirectionTable, float, float]:
    """Directions of the ConvLSTM trained alone, its best cosine on its held-out hours, and the processor's seconds."""
    started = time.process_time()
    L.seed_everything(data.config.seed, verbose=False)
    field = RSTMRF(data.config, data.duration_hours).direction_field
    learn_directions(field, data, folder, enable_progress_bar=False)
    seconds = time.process_time() - started
    cosine = pd.read_csv(folder / "metrics.csv")["dev_cosine"].max()
    return DirectionTable.tabulate(field, data.processor), float(cosine), seconds


def run(name: str, changes: dict, seed: int, inputs: Inputs, heads: dict, base: dict = BASE) -> dict:
    """Train one configuration and return time and skill as plain numbers.

    Args:
        heads: ConvLSTMs that are trained already, by the settings they depend on; what is missing is added.
    """
    config = settings(changes, seed, base)
    data = RunData(*inputs, config)
    with tempfile.TemporaryDirectory() as folder:
        of_head = tuple(getattr(config, key) for key in OF_HEAD)
        if of_head not in heads:
            heads[of_head] = directions(data, Path(folder, "head"))
        table, cosine, head_seconds = heads[of_head]
        started = time.process_time()
        model = train(data.with_directions(table), Path(folder, "run"))
        seconds = time.process_time() - started
        log = history(Path(folder, "run"))["dev_rmse_dex"]
        steps = int(pd.read_csv(Path(folder, "run", "metrics.csv"))["step"].max()) + 1
    found = evaluate(model, data)
    return {
        "configuration": name,
        "seed": seed,
        "changes": changes,
        "steps": steps,
        "head_seconds": round(head_seconds, 1),
        "seconds": round(seconds, 1),
        "points_per_second": round(len(log) * int((data.split.part == TRAIN).sum()) / seconds),
        "skill": round(float(found.skill), 4),
        "rmse_dex": {part: round(float(rows.loc["all", "R-STMRF"]), 4) for part, rows in found.tables.items()},
        "iri_dex": round(float(found.overall["IRI"]), 4),
        "development_dex": [round(float(log.iloc[0]), 4), round(float(log.min()), 4), round(float(log.iloc[-1]), 4)],
        "direction_cosine": round(cosine, 4),
        "split": data.split.digest,
    }


def foreseen(changes: dict, base: dict = BASE) -> float:
    """Memory [MB] that a configuration's steps are foreseen to take of a process."""
    return planning.predict_peak(settings(changes, base=base))


def measured(name: str, changes: dict, base: dict) -> dict:
    """Memory [MB] of a configuration's steps in a fresh process, and what was foreseen of it."""
    config = settings(changes, base=base)
    peak = planning.measure_peak(config, keep_freed=True).peak_mb
    return {
        "configuration": name,
        "tensors_mb": round(planning.predict_tensors(config), 1),
        "predicted_mb": round(foreseen(changes, base), 1),
        "measured_mb": peak,
    }


def main() -> None:
    """Run each configuration for each seed, then measure the memory of each; results are written after each run."""
    argparse.ArgumentParser(description=__doc__.splitlines()[0]).parse_args()
    torch.set_num_threads(1)
    found = json.loads(RESULTS.read_text()) if RESULTS.exists() else {"runs": [], "memory": []}
    inputs, heads, cases = common_inputs(), {}, {name: (c, BASE) for name, c in (CONFIGURATIONS | ALONE).items()}
    cases |= {name: (changes, {}) for name, changes in AS_THEY_COME.items()}
    done = {(row["configuration"], row["seed"]) for row in found["runs"]}
    if any((name, seed) not in done for name in cases for seed in SEEDS):
        run("warm-up", {"epochs": 1, "head_epochs": 1}, 0, inputs, {})
    for seed in SEEDS:
        for name, (changes, base) in cases.items():
            if (name, seed) not in done:
                found["runs"].append(run(name, changes, seed, inputs, heads, base))
                _write(found)
                gc.collect()
    there = {row["configuration"] for row in found["memory"]}
    for name in [name for name in cases if name not in there]:
        found["memory"].append(measured(name, *cases[name]))
        _write(found)


def _write(found: dict) -> None:
    parts = (f'"{key}": [\n' + ",\n".join(json.dumps(row) for row in rows) + "\n]" for key, rows in found.items())
    RESULTS.write_text("{\n" + ",\n".join(parts) + "\n}\n")
    last = (found["memory"] or found["runs"])[-1]
    print(*(f"{key} {value}" for key, value in last.items()), sep="  ", flush=True)


if __name__ == "__main__":
    main()
