"""Steps of one process and of two that share every batch, one thread each. `python -m benchmarks.ddp`.

Runs are taken in turn, on the packaged sample at the default settings, with directions tabulated: one process; two that
share its batches (strong scaling); two that share batches of twice the points (weak scaling). A step is timed from one
optimizer step to the next, within Lightning, logging included. The processor's time is given beside it: on a machine
that others use, processes wait for processors, and then for each other.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import torch

RESULTS = Path(__file__).parent / "results" / "ddp.json"
WARM_UP, BATCH = 5, 2048


def run(folder: Path, steps: int, batch_size: int) -> None:
    """Train some steps and write the median seconds of a step, on the clock and of the processor; by rank 0."""
    import lightning as L

    from rstmrf.config import RunConfig
    from rstmrf.data.direction_table import DirectionTable
    from rstmrf.data.run_data import RunData
    from rstmrf.model.whole import RSTMRF
    from rstmrf.readers import sample
    from rstmrf.training.loop import TrainingModule
    from rstmrf.training.trainer import Epochs

    torch.set_num_threads(1)
    config = RunConfig(epochs=3, batch_size=batch_size)
    data = RunData(sample.observations(), sample.tec(), sample.indices(), config)
    L.seed_everything(0, verbose=False)
    model = RSTMRF(config, data.duration_hours)
    data = data.with_directions(DirectionTable.tabulate(model.direction_field, data.processor))
    times = []

    class Clock(L.Callback):
        def on_train_batch_end(self, *given):
            times.append((time.perf_counter(), time.process_time()))

    world = int(os.environ.get("WORLD_SIZE", 1))
    options = {"devices": world, "strategy": "ddp"} if world > 1 else {"devices": 1}
    trainer = L.Trainer(
        max_steps=WARM_UP + steps,
        accelerator="cpu",
        callbacks=[Clock()],
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        use_distributed_sampler=False,
        reload_dataloaders_every_n_epochs=1,
        limit_val_batches=0,
        gradient_clip_val=config.gradient_clip,
        **options,
    )
    trainer.fit(TrainingModule(model), Epochs(data))
    taken = np.median(np.diff(times[WARM_UP:], axis=0), axis=0)
    if trainer.is_global_zero:
        (folder / "seconds.json").write_text(json.dumps(taken.tolist()))


def main():
    """Measure in turn, print and write `results/ddp.json`."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--folder", metavar="FOLDER", help="one run, in this process")
    parser.add_argument("--batch", type=int, default=BATCH, help="points of a batch in that run")
    arguments = parser.parse_args()
    if arguments.folder:
        run(Path(arguments.folder), arguments.steps, arguments.batch)
        return
    kinds = {"1": (1, BATCH), "2": (2, BATCH), "2_weak": (2, 2 * BATCH)}
    seconds = {kind: [] for kind in kinds}
    for _ in range(arguments.repeats):
        for kind, taken in seconds.items():
            processes, batch_size = kinds[kind]
            with tempfile.TemporaryDirectory() as folder:
                launch = ["-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={processes}"]
                command = [sys.executable, *launch, "-m", "benchmarks.ddp", "--folder", folder]
                command += [f"--steps={arguments.steps}", f"--batch={batch_size}"]
                subprocess.run(command, check=True, capture_output=True, env={**os.environ, "OMP_NUM_THREADS": "1"})
                taken.append(json.loads((Path(folder) / "seconds.json").read_text()))
    row = {"batch": BATCH, "threads_each": 1}
    for clock, number in (("seconds", 0), ("cpu_seconds", 1)):
        found = {kind: float(np.median([t[number] for t in taken])) for kind, taken in seconds.items()}
        row |= {f"{clock}_{kind}": round(value, 4) for kind, value in found.items()}
        row |= {f"{clock}_ratio": round(found["1"] / found["2"], 2)}
        row |= {f"{clock}_weak_ratio": round(2 * found["1"] / found["2_weak"], 2)}
    print(row)
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(json.dumps(row, indent=1) + "\n")


if __name__ == "__main__":
    main()
