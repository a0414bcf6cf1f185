"""Peak memory of a training step, predicted and measured: `python -m benchmarks.memory`, some ten minutes.

Each measurement has a process of its own. The literal design is measured the same way as the library. The design's
remedies are about a step that holds the ConvLSTM, so they are measured on one (`direction_training` "joint"); the rows
"directions first" are the library as it comes, its ConvLSTM trained before.
"""

import argparse
import gc
import json
import os
import subprocess
import sys
from pathlib import Path

import torch
from torch.utils.checkpoint import checkpoint

from benchmarks.literal import LiteralRSTMRF, literal_loss
from benchmarks.train_step import HOURS, make_batch
from rstmrf import memory
from rstmrf.config import RunConfig
from rstmrf.costs import planning
from rstmrf.presets import PRESETS
from rstmrf.runtime import keep_freed_memory

RESULTS = Path(__file__).parent / "results" / "memory.json"
SMALL_MODEL = {"basis_dim": 48, "siren_hidden": 96}
SMALL_TEC = {"seq_len": 4, "tec_downsample_factor": 6}
#: the five configurations of the design document's last table
CONFIGURATIONS = {
    "default": {},
    "small batch": {"batch_size": 1024},
    "small model": SMALL_MODEL,
    "small TEC": SMALL_TEC,
    "all of them": {"batch_size": 1024, **SMALL_MODEL, **SMALL_TEC},
}
#: one setting changed alone, and the presets
SETTINGS = {
    "batch 1024": {"batch_size": 1024},
    "batch 512": {"batch_size": 512},
    "seq_len 4": {"seq_len": 4},
    "factor 6": {"tec_downsample_factor": 6},
    "basis 48": {"basis_dim": 48},
    "hidden 96": {"siren_hidden": 96},
    "use_amp": {"use_amp": True},
    "all windows at once": {"window_group_size": "all"},
    "windows one by one": {"window_group_size": 1},
    "cpu-8gb": PRESETS["cpu-8gb"],
    "gpu-4gb": PRESETS["gpu-4gb"],
}
WINDOWS, BATCHES = (4, 100), (512, 1024, 2048)
LITERAL_CASES = ((2048, 100), (2048, 4), (512, 100))


def literal_step(points: int, windows: int, hours: int = 6, factor: int = 4, **sizes):
    """The literal design's model (of `sizes`), optimizer, inputs by name and loss, on random data."""
    batch = make_batch(points, windows, hours, 180 // factor + 1, 360 // factor + 1)
    model = LiteralRSTMRF(duration_hours=HOURS, **sizes)
    inputs = {
        "coords": batch.coords,
        "target_ne": batch.target_ne,
        "sw_seq": batch.sw_seq.contiguous(),
        "unique_tec_map_seq": batch.unique_tec_map_seq,
        "tec_indices": batch.tec_indices,
    }
    optimizer = torch.optim.Adam([p for p in model.parameters() if p.requires_grad])
    return model, optimizer, inputs, lambda: literal_loss(model, **inputs)


def literal_ledger(points: int, windows: int, change=lambda model: None, **sizes):
    """The ledger of the literal design's step on fake tensors; `change` may alter the model before.

    `sizes`: `hours`, `factor` (of the maps), and what `LiteralRSTMRF` takes.
    """
    with memory.fake_tensors():
        model, optimizer, inputs, forward = literal_step(points, windows, **sizes)
        change(model)
        return memory.ledger(forward, model, optimizer, inputs)


def checkpoint_whole(model: LiteralRSTMRF) -> None:
    """Compute the whole ConvLSTM again in the backward pass, as the document's code for gradient checkpointing does."""
    forward = model.convlstm.forward
    model.convlstm.forward = lambda maps: checkpoint(forward, maps, use_reentrant=False)


def find(table, **where):
    """The last row of a ledger whose columns have these values."""
    for column, value in where.items():
        table = table[table[column] == value]
    return table.iloc[-1]


def measure_literal_here(points: int, windows: int) -> None:
    """Print the peak [MB] of two steps of the literal design above the process before them.

    Freed blocks are kept, as training keeps them, unless the environment sets another threshold.
    """
    keep_freed_memory()
    for size in ((64, 2), (points, windows)):
        gc.collect()
        memory.reset_peak()
        base = memory.resident_mb()
        _, optimizer, _, forward = literal_step(*size)
        for _ in range(2):
            optimizer.zero_grad(set_to_none=True)
            forward().backward()
            optimizer.step()
        del optimizer, forward
    print(round(memory.peak_resident_mb() - base, 1))


def literal_row(points: int, windows: int) -> dict:
    """Predicted and measured peak [MB] of the literal design, and what the process takes that keeps freed blocks."""
    command = [sys.executable, "-m", "benchmarks.memory", "--literal", str(points), str(windows)]
    exact, kept = (
        float(subprocess.run(command, capture_output=True, text=True, check=True, env=os.environ | more).stdout)
        for more in ({"MALLOC_MMAP_THRESHOLD_": str(2**16)}, {})
    )
    predicted = memory.peak_mb(literal_ledger(points, windows))
    return _row("literal", points, windows, predicted, exact, kept, None)


def library_row(name: str, config: RunConfig, windows: int) -> dict:
    """Predicted and measured peak [MB] of a configuration, and what the process takes that keeps freed blocks."""
    exact = planning.measure_peak(config, windows)
    kept = planning.measure_peak(config, windows, keep_freed=True)
    predicted = planning.predict_tensors(config, windows)
    return _row(name, config.batch_size, windows, predicted, exact.peak_mb, kept.peak_mb, kept.seconds)


def _row(name, points, windows, predicted, measured, kept, seconds):
    row = {"configuration": name, "batch": points, "windows": windows, "predicted_mb": round(predicted, 1)}
    row |= {"measured_mb": measured, "kept_heap_mb": kept, "seconds": seconds}
    return row | {"agrees": bool(abs(predicted - measured) <= max(30.0, 0.15 * measured))}


def main() -> None:
    """Measure all cases and write `results/memory.json`."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--literal", nargs=2, type=int, metavar=("POINTS", "WINDOWS"), help="one measurement")
    parser.add_argument("--missing", action="store_true", help="keep what is stored; measure only what is not")
    arguments = parser.parse_args()
    if arguments.literal:
        return measure_literal_here(*arguments.literal)
    stored = json.loads(RESULTS.read_text()) if arguments.missing else []
    there = {(row["configuration"], row["batch"], row["windows"]): row for row in stored}
    rows, done = [], {}
    for points, windows in LITERAL_CASES:
        rows.append(there.get(("literal", points, windows)) or literal_row(points, windows))
    cases = [
        (name, {"batch_size": batch, **changes}, windows)
        for name, changes in CONFIGURATIONS.items()
        for batch in ((changes["batch_size"],) if "batch_size" in changes else BATCHES)
        for windows in WINDOWS
    ]
    cases += [
        (f"all of them, batch {b}", CONFIGURATIONS["all of them"] | {"batch_size": b}, w)
        for b in (512, 2048)
        for w in WINDOWS
    ]
    cases += [(name, changes, windows) for name, changes in SETTINGS.items() for windows in WINDOWS]
    cases = [(name, {"direction_training": "joint", **changes}, windows) for name, changes, windows in cases]
    first = {name: {} if name == "default" else PRESETS[name] for name in ("default", "cpu-8gb", "sample", "month")}
    cases += [(f"directions first, {name}", c, windows) for name, c in first.items() for windows in WINDOWS]
    for name, changes, windows in cases:
        config = RunConfig(**changes)
        key = (config.model_dump_json(exclude={"epochs", "save_best_only", "save_interval"}), windows)
        if key not in done:
            old = there.get((name, config.batch_size, windows))
            done[key] = old or library_row(name, config, windows)
        rows.append(done[key] | {"configuration": name})
        print(*(f"{key} {value}" for key, value in rows[-1].items()), sep="  ", flush=True)
        RESULTS.write_text(json.dumps(rows, indent=1) + "\n")
    print("all agree within 15 % or 30 MB:", all(row["agrees"] for row in rows))


if __name__ == "__main__":
    main()
