"""Whether memory grows while a run trains for more than an hour: `python -m studies.long_run [--minutes M]`.

The packaged sample is trained on with batches of 2048 for as long as was asked, with validation, checkpoints and log at
each epoch, of which there are thousands: what a run keeps by mistake, it keeps at a step or at an epoch. Every five
seconds the process's resident memory is noted, with what the allocator has given out (glibc alone tells it) and the
number of objects that Python's collector follows. The slope is that of a line through the resident memory after a
warm-up; its interval is from residuals drawn anew in blocks of minutes, for neighbours are alike. Results are kept in
`results/long_run.json`, and in `results/long_run_system.json` with `RSTMRF_ALLOCATOR=system`, which leaves the heap to
the C library. `results/long_run_first.json` keeps a first run of an hour that was judged from its tenth minute on, when
resident memory had not settled yet.
"""

import argparse
import ctypes
import gc
import json
import os
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

import lightning as L
import numpy as np
import pandas as pd
import torch

from rstmrf.config import RunConfig
from rstmrf.data.run_data import RunData
from rstmrf.memory import MB, resident_mb
from rstmrf.readers import sample
from rstmrf.training.loop import TrainingModule, train

RESULTS = Path(__file__).parent / "results" / "long_run.json"
OF_SYSTEM = RESULTS.with_name("long_run_system.json")
EVERY_S, STORED_EVERY_S = 5.0, 30.0
BATCH, NEVER = 2048, 10_000
LEARNING_RATE = 2e-4  # small: what is learned does not matter here, and a step that is not finite would end the run
BLOCK_MINUTES, DRAWS, LEVEL = 5.0, 2000, 0.95
TARGET_MB_PER_1000_STEPS = 1.0


class Slope(NamedTuple):
    """A line's slope and the ends of its interval."""

    value: float
    low: float
    high: float


class Watch(L.Callback):
    """Notes memory every few seconds while the density is trained, and ends the run when its time is over."""

    def __init__(self, minutes: float, every_s: float = EVERY_S):
        self.minutes, self.every_s, self.rows, self.began, self.noted_s = minutes, every_s, [], None, -every_s

    def on_train_batch_end(self, trainer, module, outputs, batch, batch_index):
        if not isinstance(module, TrainingModule):  # the ConvLSTM's own training comes before
            return
        now = time.perf_counter()
        self.began = now if self.began is None else self.began
        seconds = now - self.began
        if seconds - self.noted_s >= self.every_s:
            self.noted_s = seconds
            at = {"minutes": seconds / 60, "step": trainer.global_step, "epoch": trainer.current_epoch}
            self.rows.append(at | noted())
        trainer.should_stop = trainer.should_stop or seconds >= 60 * self.minutes


def noted() -> dict[str, float]:
    """Resident memory and what the allocator has given out [MB], and objects that Python's collector follows."""
    return {"resident_mb": resident_mb(), "given_out_mb": given_out_mb(), "objects": len(gc.get_objects())}


def given_out_mb() -> float:
    """Bytes [MB] that the C library's allocator has given out and not got back; NaN where it does not tell."""

    class Info(ctypes.Structure):
        """`struct mallinfo2` of glibc."""

        _fields_ = [(name, ctypes.c_size_t) for name in _MALLINFO]

    try:
        mallinfo2 = ctypes.CDLL(None).mallinfo2
    except (AttributeError, TypeError):  # another C library; Windows
        return float("nan")
    mallinfo2.restype = Info
    info = mallinfo2()
    return (info.uordblks + info.hblkhd) / MB


_MALLINFO = ("arena", "ordblks", "smblks", "hblks", "hblkhd", "usmblks", "fsmblks", "uordblks", "fordblks", "keepcost")


def slope(x: np.ndarray, y: np.ndarray, block: int, seed: int = 0) -> Slope:
    """Slope of the line through points in order of time, with an interval from residuals drawn in blocks of `block`."""
    line = np.polynomial.Polynomial.fit(x, y, 1).convert()
    residual, rng = y - line(x), np.random.default_rng(seed)
    first = rng.integers(0, len(x) - block + 1, (DRAWS, -(-len(x) // block)))
    drawn = residual[(first[..., None] + np.arange(block)).reshape(DRAWS, -1)[:, : len(x)]]
    centred = x - x.mean()
    slopes = line.coef[1] + drawn @ centred / (centred @ centred)
    low, high = np.quantile(slopes, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return Slope(*(float(value) for value in (line.coef[1], low, high)))


def summary(rows: list[dict], warm_up_minutes: float) -> dict:
    """Slopes after the warm-up, by hour and by thousand steps, and the series as it is stored."""
    table = pd.DataFrame(rows)
    after = table[table["minutes"] >= warm_up_minutes]
    thinned = table.groupby((table["minutes"] * 60 // STORED_EVERY_S).astype(int)).mean()
    minutes_a_row = float(np.median(np.diff(after["minutes"])))
    block = max(1, min(round(BLOCK_MINUTES / minutes_a_row), len(after) // 4))
    found = {
        "points_a_batch": BATCH,
        "minutes": round(float(table["minutes"].iloc[-1]), 1),
        "warm_up_minutes": warm_up_minutes,
        "steps": int(table["step"].iloc[-1]),
        "epochs": int(table["epoch"].iloc[-1]),
        "resident_mb_after_warm_up": round(float(after["resident_mb"].iloc[0]), 1),
        "resident_mb_at_end": round(float(after["resident_mb"].iloc[-1]), 1),
        "interval_level": LEVEL,
        "target_mb_per_1000_steps": TARGET_MB_PER_1000_STEPS,
    }
    for name in ("resident_mb", "given_out_mb", "objects"):
        values = after[name].to_numpy(float)
        for unit, x in (("hour", after["minutes"] / 60), ("1000_steps", after["step"] / 1000)):
            if np.isfinite(values).all():
                fitted = slope(x.to_numpy(float), values, block)
                found[f"{name}_per_{unit}"] = {key: round(value, 3) for key, value in fitted._asdict().items()}
    return found | {"series": {name: thinned[name].round(2).tolist() for name in thinned}}


def run(minutes: float, folder: Path) -> list[dict]:
    """Train on the packaged sample for some minutes; what was noted."""
    changes = {"batch_size": BATCH, "epochs": NEVER, "patience": NEVER, "learning_rate": LEARNING_RATE}
    config = RunConfig.preset("sample", **changes)
    data, watch = RunData(sample.observations(), sample.tec(), sample.indices(), config), Watch(minutes)
    train(data, folder, callbacks=[watch])
    return watch.rows


def main():
    """Train, and write the results."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=70.0)
    parser.add_argument(
        "--warm-up", type=float, default=30.0, help="minutes at the beginning that the slope leaves out"
    )
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as scratch:
        found = summary(run(arguments.minutes, Path(scratch) / "run"), arguments.warm_up)
    results = OF_SYSTEM if os.environ.get("RSTMRF_ALLOCATOR") == "system" else RESULTS
    results.write_text(json.dumps(found, indent=1) + "\n")
    print({key: value for key, value in found.items() if key != "series"})


if __name__ == "__main__":
    main()
