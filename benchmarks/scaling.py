"""How the cost of a step grows, and what bounds it. `python -m benchmarks.scaling`.

One thing at a time is changed from the default step (B 2048, N 4, S 6, maps thinned 4 times, SIREN 128 wide): seconds,
peak memory above the start, bytes saved for backward. Each has its exponent: the slope of log cost against log size.
The roofline: floating-point operations, bytes and seconds of the step's operators by kind, beside the rates of a large
matrix product and of a large copy in the same run.
"""

import argparse
import json
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.flop_counter import flop_registry

from benchmarks import machine
from benchmarks.train_step import HOURS, make_batch
from rstmrf.config import RunConfig
from rstmrf.model.whole import RSTMRF
from rstmrf.runtime import keep_freed_memory
from rstmrf.training.losses import loss_terms, total_loss

RESULTS = Path(__file__).parent / "results" / "scaling.json"
DEFAULT = {"points": 2048, "windows": 4, "hours": 6, "factor": 4, "hidden": 128}
SWEEPS = {
    "points": (512, 1024, 2048, 4096, 8192),
    "windows": (1, 2, 4, 8, 16),
    "hours": (2, 3, 6, 12),
    "factor": (2, 3, 4, 6, 10),
    "hidden": (32, 64, 128, 256),
}
KINDS = {"mm": "matrix products", "linear_pointwise": "matrix products", "convolution": "convolutions", "rnn": "LSTM"}


def make_step(points, windows, hours, factor, hidden):
    """The library's whole step with the ConvLSTM in it, and its forward pass."""
    batch = make_batch(points, windows, hours, 180 // factor + 1, 360 // factor + 1)
    config = RunConfig(seq_len=hours, tec_downsample_factor=factor, siren_hidden=hidden)
    config = config.changed(direction_training="joint", window_group_size="all")
    torch.manual_seed(0)
    model = RSTMRF(config, HOURS)
    optimizer = torch.optim.AdamW(model.parameters(), fused=True)

    def forward():
        return total_loss(loss_terms(batch, model, config), config)

    def step():
        optimizer.zero_grad(set_to_none=True)
        forward().backward()
        optimizer.step()

    return step, forward


class _Operators(TorchDispatchMode):
    """Adds up seconds, floating-point operations and bytes (inputs and results) of operators by kind."""

    def __init__(self):
        super().__init__()
        self.rows = {}

    def __torch_dispatch__(self, operator, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        started = time.perf_counter()
        result = operator(*args, **kwargs)
        seconds = time.perf_counter() - started
        name = operator.name()
        kind = next((kind for part, kind in KINDS.items() if part in name), "elementwise and copies")
        count = flop_registry.get(operator._overloadpacket)
        moved = 0 if operator.is_view else sum(map(_bytes, tree_leaves((args, kwargs, result))))
        row = self.rows.setdefault(kind, {"seconds": 0.0, "gflop": 0.0, "gbyte": 0.0})
        row["seconds"] += seconds
        row["gflop"] += (count(*args, **kwargs, out_val=result) if count else 0) / 1e9
        row["gbyte"] += moved / 1e9
        return result


def _bytes(leaf) -> int:
    return leaf.numel() * leaf.element_size() if isinstance(leaf, torch.Tensor) else 0


def roofline(repeats: int) -> dict:
    """Median seconds, Gflop and GB of the default step by kind of operator, and the two ceilings."""
    step, _ = make_step(**DEFAULT)
    product, product_flop = machine.matrix_product()
    source, target = torch.rand(2**26), torch.empty(2**26)
    ceilings = machine.interleaved_seconds({"product": product, "copy": lambda: target.copy_(source), "step": step}, 5)
    runs = []
    for _ in range(repeats):
        with _Operators() as operators:
            step()
        runs.append(operators.rows)
    kinds = {
        kind: {
            "seconds": round(float(np.median([run[kind]["seconds"] for run in runs])), 5),
            "gflop": round(row["gflop"], 3),
            "gbyte": round(row["gbyte"], 4),
        }
        for kind, row in runs[-1].items()
    }
    return {
        "gflop_per_second": round(product_flop / ceilings["product"] / 1e9, 1),
        "gbyte_per_second": round(2 * source.nbytes / ceilings["copy"] / 1e9, 1),
        "step_seconds": round(ceilings["step"], 4),
        "kinds": kinds,
    }


def measure_memory(**size) -> dict:
    """Peak memory above the start and what is saved for backward [MB]; to be run in a fresh process."""
    step, forward = make_step(**size)
    start = machine.resident_mb()
    for _ in range(2):
        step()
    peak = machine.peak_resident_mb() - start
    return {"peak_mb": round(peak, 1), "saved_mb": round(machine.saved_for_backward_mb(forward), 1)}


def sweep(name: str, repeats: int) -> dict:
    """Rows of one size that is changed, and the exponents of seconds, peak and saved bytes."""
    sizes = [DEFAULT | {name: value} for value in SWEEPS[name]]
    seconds = machine.interleaved_seconds({json.dumps(s): make_step(**s)[0] for s in sizes}, repeats)
    rows = []
    for size in sizes:
        command = [sys.executable, "-m", "benchmarks.scaling", "--memory", json.dumps(size)]
        memory = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
        rows.append({name: size[name], "seconds": round(seconds[json.dumps(size)], 4)} | memory)
    x = np.log([row[name] for row in rows])
    exponents = {
        cost: round(float(np.polyfit(x, np.log([row[cost] for row in rows]), 1)[0]), 2)
        for cost in ("seconds", "peak_mb", "saved_mb")
    }
    print(name, exponents, *rows, sep="\n  ", flush=True)
    return {"rows": rows, "exponents": exponents}


def main():
    """Measure all, print and write `results/scaling.json`."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--memory", type=json.loads, metavar="SIZE", help="one memory measurement, as JSON")
    parser.add_argument("--repeats", type=int, default=9)
    arguments = parser.parse_args()
    keep_freed_memory()
    if arguments.memory:
        print(json.dumps(measure_memory(**arguments.memory)))
        return
    found = {"default": DEFAULT, "sweeps": {name: sweep(name, arguments.repeats) for name in SWEEPS}}
    found["roofline"] = roofline(arguments.repeats)
    print(found["roofline"])
    RESULTS.write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
