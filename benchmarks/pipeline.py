"""From a file of 9.2 M points to training batches: memory, start-up and time a batch. `python -m benchmarks.pipeline`.

The file `[N, 5]` holds random occultation-like profiles of 720 hours, the maps are smooth inventions; both are made in
a process of their own and removed afterwards. Memory is the highest resident size of the measuring process since its
start, libraries and map files included, after each stage. The step is the library's, on the batches of the file.
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import torch

from benchmarks import machine
from rstmrf.runtime import keep_freed_memory

RESULTS = Path(__file__).parent / "results" / "pipeline.json"
POINTS, HOURS, START = 9_200_000, 720, "2020-01-01"
POINTS_A_PROFILE, SECONDS_A_PROFILE = 400, 120.0
WARM_UP = 3


def make_files(folder: Path, points: int) -> None:
    """Write `points.npy` (float64 [N, 5]) and `tec.npy` (float32 [720, 181, 361])."""
    rng, profiles = np.random.default_rng(0), points // POINTS_A_PROFILE
    table = np.lib.format.open_memmap(folder / "points.npy", "w+", "float64", (profiles * POINTS_A_PROFILE, 5))
    begin = np.sort(rng.uniform(0, HOURS - 0.1, profiles))
    along = np.linspace(0, 1, POINTS_A_PROFILE)
    for first in range(0, profiles, 1000):
        hours = begin[first : first + 1000, None] + along * SECONDS_A_PROFILE / 3600
        lat = np.rad2deg(np.arcsin(rng.uniform(-0.95, 0.95, (len(hours), 1)))) + 4 * along
        lon = (rng.uniform(-180, 180, (len(hours), 1)) + 5 * along + 180) % 360 - 180
        alt_km = 120 + 680 * along[::-1]
        z = (alt_km - rng.uniform(250, 350, (len(hours), 1))) / 60
        log10_ne = 11.5 + 0.434 * 0.5 * (1 - z - np.exp(-z.clip(-3))) + 0.05 * rng.standard_normal(hours.shape)
        rows = np.stack(np.broadcast_arrays(lat, lon, alt_km, hours, log10_ne), axis=-1)
        table[first * POINTS_A_PROFILE :][: rows.shape[0] * POINTS_A_PROFILE] = rows.reshape(-1, 5)
    table.flush()
    lat, lon = np.deg2rad(np.arange(-90, 91.0))[:, None], np.deg2rad(np.arange(-180, 181.0))
    maps = np.lib.format.open_memmap(folder / "tec.npy", "w+", "float32", (HOURS, 181, 361))
    for hour in range(HOURS):
        maps[hour] = 8 + 25 * np.cos(lat) ** 2 * (1 + np.cos(lon + np.deg2rad(15.0 * (hour - 14)))) / 2
        maps[hour, :, -1] = maps[hour, :, 0]
    maps.flush()


def measure(folder: Path, batches: int) -> dict:
    """Read, prepare and train a few steps; to be run in a fresh process."""
    from rstmrf.config import RunConfig
    from rstmrf.data.batch import attach_background
    from rstmrf.data.run_data import RunData
    from rstmrf.readers.inputs import load_inputs

    row, started = {"imported_mb": machine.peak_resident_mb()}, time.perf_counter()

    def stage(name):
        nonlocal started
        row[f"{name}_seconds"] = time.perf_counter() - started
        row[f"{name}_mb"] = machine.peak_resident_mb()
        started = time.perf_counter()

    config = RunConfig()
    inputs = load_inputs(config, str(folder / "points.npy"), str(folder / "tec.npy"), start=START)
    stage("read")
    data = RunData(*inputs, config)
    stage("prepare")
    del inputs  # a run has what it needs
    keep_freed_memory()  # where `train` does
    batch_source = iter(data.train_dataloader())
    next(batch_source)
    stage("first_batch")
    pipeline, step = _train(data, batch_source, batches)
    stage("train")
    row |= {"points": len(data.points), "batch": config.batch_size, "pipeline_seconds": pipeline, "step_seconds": step}
    row["pipeline_share"] = pipeline / step
    place = data.points.coords[::4].unbind(1)
    started, of_processors = time.perf_counter(), time.process_time()
    attach_background(*place, data.iri)
    row["background_points_per_second"] = len(place[0]) / (time.perf_counter() - started)
    # on a machine that others use, what one processor does is the steadier number
    row["background_points_per_processor_second"] = len(place[0]) / (time.process_time() - of_processors)
    return {key: float(f"{value:.4g}") if isinstance(value, float) else value for key, value in row.items()}


def _train(data, batch_source, batches):
    """Median seconds of taking a batch and of the step on it, in turn."""
    from rstmrf.model.whole import RSTMRF
    from rstmrf.training.losses import loss_terms, total_loss

    torch.manual_seed(0)
    model = RSTMRF(data.config, data.duration_hours)
    optimizer = torch.optim.AdamW(model.parameters(), fused=True)
    taking, stepping = [], []
    for _ in range(WARM_UP + batches):
        begun = time.perf_counter()
        batch = next(batch_source)
        taken = time.perf_counter()
        optimizer.zero_grad(set_to_none=True)
        total_loss(loss_terms(batch, model, data.config), data.config).backward()
        optimizer.step()
        taking.append(taken - begun)
        stepping.append(time.perf_counter() - taken)
    return statistics.median(taking[WARM_UP:]), statistics.median(stepping[WARM_UP:])


def main():
    """Make the files, measure, print and write `results/pipeline.json`."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--points", type=int, default=POINTS)
    parser.add_argument("--batches", type=int, default=30)
    parser.add_argument("--stage", nargs=2, metavar=("NAME", "FOLDER"), help="one stage, in this process")
    arguments = parser.parse_args()
    if arguments.stage:
        name, folder = arguments.stage
        if name == "make":
            make_files(Path(folder), arguments.points)
        else:
            print(json.dumps(measure(Path(folder), arguments.batches)))
        return
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "benchmarks.pipeline", "--points", str(arguments.points)]
        command += ["--batches", str(arguments.batches), "--stage"]
        subprocess.run([*command, "make", folder], check=True)
        result = subprocess.run([*command, "measure", folder], check=True, stdout=subprocess.PIPE, text=True)
    row = json.loads(result.stdout.splitlines()[-1])
    for key, value in row.items():
        print(f"{key:30} {value}")
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(json.dumps(row, indent=1) + "\n")


if __name__ == "__main__":
    main()
