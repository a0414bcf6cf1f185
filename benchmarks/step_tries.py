"""What each way to make the training step faster brought. `python -m benchmarks.step_tries`.

The step is the default one, all losses on, with directions that are not learned in it. Each row changes one thing of
it. Rows run in turn, A B A B, on one thread; what is counted is the processor's time, which other work on the machine
disturbs least (`--wall --threads 2`: the clock's time on two threads, for a calm machine).
"""

import argparse
import json
import time
from unittest.mock import patch

import torch

from benchmarks import RESULTS, machine
from benchmarks.train_step import HOURS, make_batch, make_step
from rstmrf.config import RunConfig
from rstmrf.model import jets, products
from rstmrf.model.whole import RSTMRF
from rstmrf.runtime import keep_freed_memory
from rstmrf.training.losses import loss_terms, total_loss

POINTS, WINDOWS, CHUNK = 2048, 4, 512
ELEMENTWISE = ("_upward", "_downward", "_merged", "_turned")
_network, _upward, _product = jets.network, jets._upward, products.product


def in_chunks(jet, layers, out):
    """The network a chunk of points at a time, so that a layer stays in cache."""
    if len(jet) == 1:
        return _network(jet, layers, out)
    found = []
    for first in range(0, jet.shape[1], CHUNK):
        points = slice(first, first + CHUNK)
        own = [la._replace(bias=la.bias[points]) if la.bias.ndim == 2 else la for la in layers]
        found.append(_network(jet[:, points], own, out))
    return torch.cat(found, dim=1)


def carried_up(jet, layers, out):
    """All five members through every layer, their backward pass left to autograd."""
    if len(jet) == 1:
        return _network(jet, layers, out)
    for weight, bias, function in layers:
        z = products.linear(jet.flatten(0, 1), weight).unflatten(0, jet.shape[:2])
        phase = z[0] + bias
        value = torch.sin(phase) if function == "sine" else torch.tanh(phase)
        slope = torch.cos(phase) if function == "sine" else 1 - value**2
        curve = -value if function == "sine" else -2 * value * slope
        jet = torch.cat([value[None], slope * z[1:4], (slope * z[4] + curve * z[3] ** 2)[None]])
    return jet @ out


def of_tanh(z, z_alt, function):
    """The layer upwards with tanh itself instead of σ."""
    if function == "sine":
        return _upward(z, z_alt, function)
    value = torch.tanh_(z)
    slope = 1 - value * value
    return value, slope, slope * z_alt


def in_bfloat16(x, weight, bias=None):
    """A product of bfloat16 factors."""
    found = _product(x.bfloat16(), weight.bfloat16()).float()
    return found if bias is None else found + bias


def compiled(part):
    """An elementwise part of the jets, fused by `torch.compile`."""
    return torch.compile(part, dynamic=False)


def tries() -> dict[str, tuple]:
    """What each row replaces: the place and its names."""
    bf16 = {"product": in_bfloat16}
    return {
        "as it is": (),
        "products by MKL": ((products, {"ONEDNN": None}),),
        "products in bfloat16": ((jets, bf16), (products, bf16)),
        "five members carried up, backward by autograd": ((jets, {"network": carried_up}),),
        f"chunks of {CHUNK} points": ((jets, {"network": in_chunks}),),
        "tanh instead of sigmoid": ((jets, {"_upward": of_tanh}),),
        "elementwise parts compiled": ((jets, {name: compiled(getattr(jets, name)) for name in ELEMENTWISE}),),
    }


class Step:
    """The whole step with some names of the library replaced."""

    def __init__(self, replaced):
        self.replaced, self.batch = replaced, make_batch(POINTS, WINDOWS)
        self.config = RunConfig.preset("default", direction_source="observed")
        torch.manual_seed(0)
        self.model = RSTMRF(self.config, HOURS)
        self.optimizer = torch.optim.AdamW(self.model.parameters(), fused=True)

    def gradient(self) -> torch.Tensor:
        """Of the loss by all weights, `[P]`, after the names were replaced for the time of the call."""
        patches = [patch.multiple(place, **names) for place, names in self.replaced]
        for each in patches:
            each.start()
        self.optimizer.zero_grad(set_to_none=True)
        total_loss(loss_terms(self.batch, self.model, self.config), self.config).backward()
        for each in patches:
            each.stop()
        return torch.cat([p.grad.flatten() for p in self.model.parameters() if p.grad is not None])

    def __call__(self):
        self.gradient()
        self.optimizer.step()


def measure(repeats: int, clock) -> list[dict]:
    """One row a try: median milliseconds, ratio to the literal design's step, and the relative error of gradients."""
    steps = {name: Step(replaced) for name, replaced in tries().items()}
    exact = steps["as it is"].gradient()
    errors = {name: ((step.gradient() - exact).norm() / exact.norm()).item() for name, step in steps.items()}
    product, flop = machine.matrix_product()
    plain = torch.rand(2048, 2048)
    others = {name: make_step(name, POINTS, WINDOWS)[0] for name in ("literal", "literal-data-only")}
    ceilings = {"product 2048": product, "product 2048 by @": lambda: plain @ plain}
    seconds = machine.interleaved_seconds({**others, **steps, **ceilings}, repeats, clock)
    gflop = machine.flop(steps["as it is"]) / 1e9
    rows = [{"try": name, "gflop_per_s": round(flop / seconds.pop(name) / 1e9, 1)} for name in ceilings]
    ideal = gflop / rows[0]["gflop_per_s"]
    rows.append({"try": "roofline: the step's products alone", "ms": round(1e3 * ideal, 1), "gflop": round(gflop, 2)})
    for name, taken in seconds.items():
        row = {"try": name, "ms": round(1e3 * taken, 1), "faster_than_literal": round(seconds["literal"] / taken, 2)}
        row["faster_than_literal_data_only"] = round(seconds["literal-data-only"] / taken, 2)
        rows.append(row | ({"gradient_error": float(f"{errors[name]:.1e}")} if name in errors else {}))
    return rows


def main():
    """Measure all tries, print them and write `results/step_tries.json`."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=15)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--wall", action="store_true", help="the clock's time instead of the processor's")
    arguments = parser.parse_args()
    keep_freed_memory()
    torch.set_num_threads(arguments.threads)
    clock = time.perf_counter if arguments.wall else time.process_time
    rows = measure(arguments.repeats, clock)
    for row in rows:
        print(*(f"{key} {value}" for key, value in row.items()), sep="  ")
    told = {"threads": arguments.threads, "time": "wall" if arguments.wall else "processor", "rows": rows}
    (RESULTS / "step_tries.json").write_text(json.dumps(told, indent=1) + "\n")


if __name__ == "__main__":
    main()
