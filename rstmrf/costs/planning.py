"""What memory a run takes: predicted from the ledger of a step that allocates nothing, or measured in a process.

Both count what a training step takes above the process's state before model and batch exist. `predict_tensors` is the
ledger's own count. A process that keeps freed blocks for the next step, as training does, takes more, for there are
holes between blocks and the kernels keep memory of their own: `predict_peak` is that.
"""

import gc
import json
import os
import statistics
import subprocess
import sys
import time
from typing import NamedTuple

import pandas as pd
import torch

from rstmrf import memory
from rstmrf.config import RunConfig
from rstmrf.costs.steps import HOURS, learns_directions, make_head_step, make_step
from rstmrf.errors import InputError
from rstmrf.model.whole import RSTMRF
from rstmrf.runtime import keep_freed_memory

#: MB that a process which keeps freed blocks takes for each MB of tensors, and beside them: holes between blocks, and
#: what kernels keep. A ConvLSTM's blocks are alike, so that one fits where another was; those of points are of many
#: sizes. Chosen on the measurements of `python -m benchmarks.memory` and `python -m benchmarks.process_memory`
HEAP = {"ConvLSTM alone": (1.1, 20.0), "ConvLSTM in the step": (1.2, 20.0), "points alone": (1.4, 25.0)}
#: a prediction of the process holds within a share of what is measured, or within some MB; `fit` allows for the share
ACCURACY, ACCURACY_MB = 0.15, 30.0
LARGEST_BATCH = 2**16


class Measured(NamedTuple):
    """Memory of a process [MB]: before model and batch, and its peak above that; seconds of a step (median)."""

    base_mb: float
    peak_mb: float
    seconds: float


class Fit(NamedTuple):
    """Settings that stay inside a budget, and the predictions that show why."""

    config: RunConfig
    table: pd.DataFrame


def step_ledger(config: RunConfig, windows: int | None = None) -> pd.DataFrame:
    """The `memory.ledger` of a configuration's step, on fake tensors.

    Args:
        windows: N, unique windows in a batch; by default the most that a batch of this configuration may have.

    Raises:
        InputError: `windows` is not at least 1.
    """
    windows = _windows(config, windows)
    with memory.fake_tensors():
        step = make_step(config, windows)
        return memory.ledger(step.forward, step.model, step.optimizer, step.batch)


def head_ledger(config: RunConfig) -> pd.DataFrame:
    """The `memory.ledger` of a step of the ConvLSTM's own training, on fake tensors."""
    with memory.fake_tensors():
        step = make_head_step(config)
        return memory.ledger(step.forward, step.model, step.optimizer, step.batch._asdict())


def predict_tensors(config: RunConfig, windows: int | None = None) -> float:
    """Most memory [MB] that the tensors of a training step take at one time; nothing is allocated.

    Where the ConvLSTM is trained alone before, the larger of both phases. Arguments and errors are those of
    `step_ledger`. On CUDA this is what the allocator counts.
    """
    return max(_tensors(config, windows).values())


def predict_peak(config: RunConfig, windows: int | None = None, *, members: int | None = None) -> float:
    """Most memory [MB] that training steps take of a process on the CPU, as training sets its allocator.

    It holds within 15 % or 30 MB, whichever is more; two measurements of one configuration differ by as much as 20 MB.

    Args:
        windows: as in `step_ledger`.
        members: of an ensemble, which are trained one after another and kept; by default `ensemble_size`.

    Raises:
        InputError: `windows` is not at least 1.
    """
    return _process(_tensors(config, windows)) + _kept_models_mb(config, members)


def holds(predicted_mb: float, measured_mb: float) -> bool:
    """Whether a measurement lies where a prediction says that it does."""
    return abs(predicted_mb - measured_mb) <= max(ACCURACY_MB, ACCURACY * measured_mb)


def measure_peak(
    config: RunConfig, windows: int | None = None, *, steps: int = 3, keep_freed: bool = False
) -> Measured:
    """Run a few steps in a process of its own and measure its peak.

    On the CPU that is the system's count of resident memory (VmHWM), on CUDA the allocator's own statistics.

    Args:
        windows: as in `step_ledger`.
        keep_freed: let the allocator keep freed blocks, as training does; otherwise each large block goes back to the
            system at once, and what is counted is what the tensors take.

    Raises:
        InputError: `windows` is not at least 1, or the process ended without an answer (its last line is quoted).
    """
    task = {"config": config.model_dump(), "windows": _windows(config, windows), "steps": steps, "keep": keep_freed}
    environment = {k: v for k, v in os.environ.items() if not k.startswith("MALLOC_")}
    if not keep_freed:
        environment["MALLOC_MMAP_THRESHOLD_"] = str(2**16)
    command = [sys.executable, "-c", "from rstmrf.costs.planning import _measure_here; _measure_here()"]
    # this interpreter with a fixed program; what is measured goes to its standard input as JSON
    done = subprocess.run(command, input=json.dumps(task), capture_output=True, text=True, env=environment)  # noqa: S603
    if done.returncode:
        said = done.stderr.strip().splitlines() or [f"exit status {done.returncode}; was it short of memory?"]
        raise InputError(f"batch_size={config.batch_size}, windows={task['windows']}: no measurement; {said[-1]}")
    return Measured(*json.loads(done.stdout))


def fit(
    budget_mb: float, config: RunConfig | None = None, windows: int | None = None, *, margin: float = 1 + ACCURACY
) -> Fit:
    """The largest batch, and then the largest group of windows, whose step stays inside a budget.

    Args:
        budget_mb: memory [MB] of the process above its start.
        config: the other settings; the default preset where none are given.
        windows: as in `step_ledger`.
        margin: what the process may take of the prediction.

    Returns:
        The changed settings, and a table of all that was tried: `batch_size`, `window_group_size`, `tensors_mb`,
        `process_mb`, the most that the process may take, and whether it `fits`. `window_group_size` is "all" where all
        windows fit at once.

    Raises:
        InputError: not even one point with one window at a time fits.
    """
    config = config or RunConfig()
    windows = _windows(config, windows)
    tried, kept_mb = {}, _kept_models_mb(config)

    def fits(batch: int, group: int) -> bool:
        if (batch, group) not in tried:
            changed = config.changed(batch_size=batch, window_group_size=group if group < windows else "all")
            found = _tensors(changed, windows)
            tried[batch, group] = max(found.values()), margin * (_process(found) + kept_mb)
        return tried[batch, group][1] <= budget_mb

    def largest(choices, test):
        low, high = 0, len(choices)  # choices below `low` fit
        while low < high:
            middle = (low + high) // 2
            low, high = (middle + 1, high) if test(choices[middle]) else (low, middle)
        return choices[low - 1] if low else None

    batch = largest([2**i for i in range(LARGEST_BATCH.bit_length())], lambda b: fits(b, 1))
    if batch is None:
        raise InputError(
            f"budget_mb={budget_mb} is too small: one point with one of {windows} windows at a time takes "
            f"{tried[1, 1][1]:.0f} MB; give more, fewer windows, or a larger tec_downsample_factor"
        )
    groups = sorted({*(2**i for i in range(windows.bit_length())), windows})
    group = largest(groups, lambda g: fits(batch, g)) or 1  # one at a time fits: the batch was so chosen
    rows = [(b, g, *mbs, fits(b, g)) for (b, g), mbs in sorted(tried.items())]
    table = pd.DataFrame(rows, columns=["batch_size", "window_group_size", "tensors_mb", "process_mb", "fits"])
    return Fit(config.changed(batch_size=batch, window_group_size=group if group < windows else "all"), table)


def _tensors(config, windows) -> dict[str, float]:
    """Most that the tensors of each phase of a run take [MB], by the names of `HEAP`."""
    joint = config.uses_directions and not config.directions_first
    found = {"ConvLSTM in the step" if joint else "points alone": memory.peak_mb(step_ledger(config, windows))}
    return found | ({"ConvLSTM alone": memory.peak_mb(head_ledger(config))} if learns_directions(config) else {})


def _process(tensors_mb: dict[str, float]) -> float:
    """What the process takes [MB] of which the tensors of each phase take so much."""
    return max(HEAP[phase][0] * mb + HEAP[phase][1] for phase, mb in tensors_mb.items())


def _kept_models_mb(config, members: int | None = None) -> float:
    """What the models of an ensemble take [MB] that are kept while the last of them is trained."""
    members = config.ensemble_size if members is None else members
    with memory.fake_tensors():
        return (members - 1) * sum(p.nbytes for p in RSTMRF(config, HOURS).parameters()) / memory.MB


def _windows(config, windows) -> int:
    if windows is None:
        own = min(config.batch_size, config.bin_hours * config.bins_per_batch)
        apart = config.collocation_points and config.collocation_hours == "all"  # points in hours of their own
        return own + (min(config.collocation_points, config.collocation_windows) if apart else 0)
    if windows < 1:
        raise InputError(f"windows={windows} is not accepted; give at least 1 unique window")
    return windows


def _measure_here() -> None:
    """What the process of `measure_peak` runs: the task comes on standard input, the answer goes to standard output."""
    task = json.loads(sys.stdin.read())
    found = measure_here(RunConfig(**task["config"]), task["windows"], task["steps"], keep_freed=task["keep"])
    print(json.dumps(found))


def measure_here(config: RunConfig, windows=None, steps: int = 3, *, keep_freed=True, members=None) -> Measured:
    """The same in this process, which should be new: what it did before decides where blocks are."""
    windows, device = _windows(config, windows), "cuda" if torch.cuda.is_available() else "cpu"
    if keep_freed:
        keep_freed_memory()
    first = make_step(config.changed(batch_size=64), 2, device)  # loads kernels and starts threads
    first.run()
    del first
    gc.collect()
    memory.reset_peak()
    base, seconds, kept = memory.resident_mb(), [], []
    if device == "cuda":
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()
        base = torch.cuda.memory_allocated() / memory.MB
    for _ in range(config.ensemble_size if members is None else members):
        if learns_directions(config):
            step = make_head_step(config, device)
            step.run()
            del step
            gc.collect()
        step = make_step(config, windows, device)
        for _ in range(steps):
            started = time.perf_counter()
            step.run()
            if device == "cuda":
                torch.cuda.synchronize()
            seconds.append(time.perf_counter() - started)
        kept.append(step.model)
        step.optimizer.zero_grad(set_to_none=True)
        del step
    peak = torch.cuda.max_memory_allocated() / memory.MB if device == "cuda" else memory.peak_resident_mb()
    return Measured(round(base, 1), round(peak - base, 1), round(statistics.median(seconds), 4))
