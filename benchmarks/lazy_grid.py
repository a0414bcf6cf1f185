"""A global grid to Zarr on one and two Dask workers, and what a kill costs. `python -m benchmarks.lazy_grid`.

The field is that of an untrained model on the packaged sample: time and memory do not depend on the weights. Each
worker is a process with one thread; a cluster's start, some seconds, is part of its time. Rates are taken on a part of
the day with one worker and with two in turn. The whole day is written with two workers, killed on its way and begun
again, and compared with a part written at one go. Memory is the sum over all processes, watched five times a second. A
month is planned from these rates.
"""

import argparse
import json
import multiprocessing
import os
import signal
import statistics
import tempfile
import time
from pathlib import Path

import numpy as np
import torch

from rstmrf.config import RunConfig
from rstmrf.data.run_data import RunData
from rstmrf.model.whole import RSTMRF
from rstmrf.predict import Predictor
from rstmrf.readers import sample

RESULTS = Path(__file__).parent / "results" / "lazy_grid.json"
LAT, LON, ALT_KM = np.arange(-90.0, 91.0), np.arange(-180.0, 180.0), np.arange(120.0, 701.0, 10.0)
TIMES = np.datetime64("2019-04-26T00") + np.arange(24)
VARIABLES = ("ne_m3", "ne_iri_m3", "log10_ne_m3", "residual_dex")
PART_HOURS, EVERY_S, KILL_AT_SHARE = 6, 0.2, 0.4
MB = 1 << 20


def predictor() -> Predictor:
    """A field of the default size."""
    observations = sample.observations()
    some = observations.isel(point=observations["profile"].values % 16 == 0)
    config = RunConfig(tec_downsample_factor=6, w_tec_direction=0.0)
    data = RunData(some, sample.tec(), sample.indices(), config)
    torch.manual_seed(0)
    return Predictor(RSTMRF(config, data.duration_hours), data.iri, data.processor)


def write(path: str, hours: int, workers: int) -> None:
    """Write the first hours of the day on a cluster of its own."""
    from distributed import Client, LocalCluster

    torch.set_num_threads(1)
    options = {"n_workers": workers, "threads_per_worker": 1, "dashboard_address": None}
    with LocalCluster(**options) as cluster, Client(cluster):
        predictor().write_grid(path, TIMES[:hours], LAT, LON, ALT_KM, variables=VARIABLES)


class Watched:
    """A call in a process of its own: seconds, and the highest memory of it and all its children together [MB]."""

    def __init__(self, *args):
        self.process = multiprocessing.get_context("spawn").Process(target=write, args=args)
        self.peak_mb = 0.0

    def run(self, kill_when=None) -> float:
        """Seconds until it ended, or until `kill_when()` said that it be killed."""
        may_be_killed = kill_when is not None
        import psutil

        began = time.perf_counter()
        self.process.start()
        tree = psutil.Process(self.process.pid)
        while self.process.is_alive():
            self.peak_mb = max(self.peak_mb, _resident_mb(tree))
            if kill_when and kill_when():
                for child in tree.children(recursive=True):
                    os.kill(child.pid, signal.SIGKILL)
                os.kill(tree.pid, signal.SIGKILL)
                kill_when = None
            time.sleep(EVERY_S)
        self.process.join()
        if self.process.exitcode and not may_be_killed:
            raise SystemExit(f"a writing process ended with {self.process.exitcode}")
        return time.perf_counter() - began


def _resident_mb(tree):
    import psutil

    total = 0
    for process in [tree, *tree.children(recursive=True)]:
        try:
            total += process.memory_info().rss
        except psutil.NoSuchProcess:
            continue
    return total / MB


def finished_blocks(path: Path) -> int:
    """Blocks that the notes of an unfinished store count."""
    notes = path.with_suffix(".zarr.unfinished")
    return len(notes.read_text().splitlines()) - 1 if notes.exists() else 0


def measure(repeats: int, folder: Path) -> dict:
    """Rates, memory and the restart."""
    import zarr

    points = LAT.size * LON.size * ALT_KM.size
    seconds: dict[int, list[float]] = {1: [], 2: []}
    for _ in range(repeats):
        for workers in seconds:
            part = Watched(str(folder / f"part{workers}.zarr"), PART_HOURS, workers)
            seconds[workers].append(part.run())
    whole = folder / "day.zarr"
    blocks = _blocks()
    first = Watched(str(whole), len(TIMES), 2)
    before = first.run(lambda: finished_blocks(whole) > KILL_AT_SHARE * blocks)
    kept = finished_blocks(whole)
    second = Watched(str(whole), len(TIMES), 2)
    after = second.run()
    at_one_go = folder / "part1.zarr"
    same = all(
        np.array_equal(*(zarr.open_array(store / name, mode="r")[:PART_HOURS] for store in (whole, at_one_go)))
        for name in VARIABLES
    )
    middle = {workers: statistics.median(taken) for workers, taken in seconds.items()}
    return {
        "points_an_hour": points,
        "points_of_the_day": points * len(TIMES),
        "hours_of_a_part": PART_HOURS,
        "seconds_of_a_part": {str(workers): round(taken, 1) for workers, taken in middle.items()},
        "faster_on_two_workers": round(middle[1] / middle[2], 2),
        "whole_day": {
            "blocks": blocks,
            "killed_after_s": round(before, 1),
            "blocks_kept": kept,
            "blocks_written_again": blocks - kept,
            "seconds_after_restart": round(after, 1),
            "peak_mb": round(max(first.peak_mb, second.peak_mb)),
            "store_mb": round(sum(f.stat().st_size for f in whole.rglob("*") if f.is_file()) / MB),
            "equal_to_one_go": bool(same),
        },
    }


def _blocks() -> int:
    from rstmrf.predict.grids import grid_request

    request = grid_request(predictor().field, TIMES, LAT, LON, ALT_KM, variables=VARIABLES)
    return len(request.blocks()) * len(VARIABLES)


def main():
    """Measure, and write `results/lazy_grid.json`."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=2)
    with tempfile.TemporaryDirectory() as folder:
        found = measure(parser.parse_args().repeats, Path(folder))
    RESULTS.write_text(json.dumps(found, indent=1) + "\n")
    print(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
