"""What recomputing the whole ConvLSTM costs in time, on the literal design: `python -m benchmarks.checkpointing`.

The document expects 10 to 20 % more. Steps with and without it run in turn, on one thread.
"""

import argparse
import json
from pathlib import Path

import torch

from benchmarks import machine
from benchmarks.memory import checkpoint_whole, literal_step

RESULTS = Path(__file__).parent / "results" / "checkpointing.json"
POINTS, WINDOWS = 2048, 20


def step_of(change):
    """A whole step of the literal design after a change of its model."""
    torch.manual_seed(0)
    model, optimizer, _, forward = literal_step(POINTS, WINDOWS)
    change(model)

    def step():
        optimizer.zero_grad(set_to_none=True)
        forward().backward()
        optimizer.step()

    return step


def main():
    """Measure, and write `results/checkpointing.json`."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=5)
    repeats = parser.parse_args().repeats
    torch.set_num_threads(1)
    steps = {"as it is": step_of(lambda model: None), "recomputed": step_of(checkpoint_whole)}
    seconds = machine.interleaved_seconds(steps, repeats)
    more = seconds["recomputed"] / seconds["as it is"] - 1
    row = {"points": POINTS, "windows": WINDOWS, **{k: round(v, 3) for k, v in seconds.items()}, "more": round(more, 3)}
    RESULTS.write_text(json.dumps(row, indent=1) + "\n")
    print(row)


if __name__ == "__main__":
    main()
