"""An epoch over a month's 9.2 M points against the forecast from single steps. `python -m benchmarks.epoch`.

The forecast is what `benchmarks.train_step` extrapolates from: seconds of a step on invented tensors, times the steps
that so many points fill. Here the whole loop runs over the file of `benchmarks.pipeline`, dated as September 2024,
whose Kp and F10.7 the package holds: batches drawn from it, the background attached, log, checkpoints. Both are counted
in processor seconds of one thread, which other programs on the machine lengthen least; steps are timed before and after
the epoch, and the mean of both is the forecast.
"""

import argparse
import json
import math
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import lightning as L
import torch

from benchmarks import machine
from benchmarks.train_step import LARGE, make_step
from rstmrf.config import RunConfig
from rstmrf.costs.steps import make_head_step
from rstmrf.data.run_data import RunData
from rstmrf.data.splits import TRAIN
from rstmrf.readers.inputs import load_inputs
from rstmrf.runtime import keep_freed_memory
from rstmrf.simulate import month
from rstmrf.training.loop import TrainingModule, train

RESULTS = Path(__file__).parent / "results" / "epoch.json"
WINDOWS, REPEATS = 4, 15


class Clock(L.Callback):
    """Processor seconds and steps of training, and seconds by the clock on the wall, in both phases of a run."""

    def __init__(self):
        self.phases = {}

    def on_train_epoch_start(self, trainer, module):
        self.began = time.process_time(), time.perf_counter()

    def on_train_batch_end(self, trainer, module, outputs, batch, batch_index):
        self.ended = time.process_time(), time.perf_counter()

    def on_train_epoch_end(self, trainer, module):
        name = "density" if isinstance(module, TrainingModule) else "head"
        phase = self.phases.setdefault(name, {"steps": 0, "processor_seconds": 0.0, "seconds": 0.0})
        phase["steps"] = trainer.global_step
        phase["processor_seconds"] += self.ended[0] - self.began[0]
        phase["seconds"] += self.ended[1] - self.began[1]


def seconds_of_steps(repeats: int = REPEATS) -> dict[str, float]:
    """Processor seconds of a step of each phase, on invented tensors."""
    steps = {
        "density": make_step("rstmrf", RunConfig().batch_size, WINDOWS)[0],
        "head": make_head_step(RunConfig()).run,
    }
    return machine.interleaved_seconds(steps, repeats, clock=time.process_time)


def run(data: RunData, folder: Path) -> dict[str, dict[str, float]]:
    """Train for an epoch; what `Clock` counted."""
    clock = Clock()
    train(data, folder, callbacks=[clock])
    return clock.phases


def compared(phases: dict, before: dict, after: dict, points: int) -> dict:
    """Forecast and measured processor seconds of each phase."""
    batch, found = RunConfig().batch_size, {}
    for name, phase in phases.items():
        forecast_steps = math.ceil(points / batch) if name == "density" else phase["steps"]
        step = (before[name] + after[name]) / 2
        found[name] = {
            "forecast_steps": forecast_steps,
            "steps": phase["steps"],
            "forecast_step_seconds": round(step, 4),
            "forecast_step_seconds_before_and_after": [round(before[name], 4), round(after[name], 4)],
            "step_seconds": round(phase["processor_seconds"] / phase["steps"], 4),
            "forecast_seconds": round(forecast_steps * step, 1),
            "processor_seconds": round(phase["processor_seconds"], 1),
            "seconds": round(phase["seconds"], 1),
            "measured_by_forecast": round(phase["processor_seconds"] / (forecast_steps * step), 3),
        }
    return found


def main():
    """Make the file, forecast, train, forecast again; print and write `results/epoch.json`."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--points", type=int, default=LARGE)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    keep_freed_memory()
    with tempfile.TemporaryDirectory() as folder:
        make = [
            sys.executable,
            "-m",
            "benchmarks.pipeline",
            "--points",
            str(arguments.points),
            "--stage",
            "make",
            folder,
        ]
        subprocess.run(make, check=True)
        config = RunConfig(epochs=1, head_epochs=1)
        paths = str(Path(folder) / "points.npy"), str(Path(folder) / "tec.npy")
        data = RunData(*load_inputs(config, *paths, month.SEPTEMBER.indices_file, start=month.START), config)
        points = len(data.split.rows(TRAIN))
        before = seconds_of_steps()
        phases = run(data, Path(folder) / "run")
        after = seconds_of_steps()
    found = {
        "points": len(data.points),
        "points_trained_on": points,
        "batch": config.batch_size,
        "threads": torch.get_num_threads(),
        "peak_mb": round(machine.peak_resident_mb()),
        **compared(phases, before, after, points),
    }
    print(json.dumps(found, indent=1))
    RESULTS.write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
