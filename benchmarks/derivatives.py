"""Ways to the derivatives that the losses need, in turn. `python -m benchmarks.derivatives`.

A SIREN of 5 inputs, 128 wide, and a decoder to one number, at 2,048 points: value, three first derivatives and the
second along altitude, then the gradient of the sum of their squares. Each way gets the same network and directions:
nested `autograd.grad`, `torch.func` (jvp within jvp), jet-for-pytorch (Taylor mode by tracing) where it is installed,
and the library's jets.
"""

import argparse
import json
from itertools import pairwise
from pathlib import Path

import torch
from torch.func import jvp

from benchmarks import machine
from rstmrf.model import jets

RESULTS = Path(__file__).parent / "results" / "derivatives.json"
POINTS, INPUTS, WIDTH, HIDDEN, OMEGA = 2048, 5, 128, 4, 2.0


def make_network():
    """Layers with their frequency multiplied in, the last weights, places, and a tangent for each direction."""
    torch.manual_seed(0)
    widths = [INPUTS] + [WIDTH] * HIDDEN
    layers = []
    for i, o in pairwise(widths):
        bound = OMEGA / i if i == INPUTS else (6 / i) ** 0.5
        weight = (bound * (2 * torch.rand(o, i) - 1)).requires_grad_()
        layers.append(jets.Layer(weight, torch.zeros(o, requires_grad=True), "sine"))
    layers.append(jets.Layer((0.1 * torch.randn(WIDTH, WIDTH)).requires_grad_(), torch.zeros(WIDTH), "tanh"))
    out = (0.1 * torch.randn(WIDTH)).requires_grad_()
    return layers, out, torch.rand(POINTS, INPUTS), torch.randn(3, POINTS, INPUTS)


def ways(layers, out, x, tangents) -> dict:
    """Each way as a function that returns the jet `[5, B]`."""
    east, north, up = tangents

    def column(x):
        for layer in layers:
            x = jets.activate(layer, x)
        return x @ out[:, None]

    def value(x):
        return column(x)[:, 0]

    def nested():
        moved = torch.zeros(POINTS, 3, requires_grad=True)
        at = x + moved[:, :1] * east + moved[:, 1:2] * north + moved[:, 2:] * up
        found = value(at)
        first = torch.autograd.grad(found.sum(), moved, create_graph=True)[0]
        second = torch.autograd.grad(first[:, 2].sum(), moved, create_graph=True)[0][:, 2]
        return torch.stack([found, *first.unbind(1), second])

    def functional():
        (found, by_up), (_, second) = jvp(lambda x: jvp(value, (x,), (up,)), (x,), (up,))
        by_east, by_north = (jvp(value, (x,), (t,))[1] for t in (east, north))
        return torch.stack([found, by_east, by_north, by_up, second])

    def ours():
        return jets.network(torch.stack([x, east, north, up, torch.zeros_like(x)]), layers, out)

    found = {"nested autograd": nested, "torch.func": functional, "rstmrf": ours}
    try:
        from jet import jet
    except ImportError:
        return found
    taylor = jet(column, (x,))

    def traced():
        value, by_up, second = taylor((x, up, torch.zeros_like(x)))
        by_east, by_north = (taylor((x, t))[1] for t in (east, north))
        return torch.cat([value, by_east, by_north, by_up, second], dim=1).T

    return {**found, "jet-for-pytorch": traced}


def main():
    """Measure every way, print and write `results/derivatives.json`; tensors of torch.func hide what they save."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=15)
    repeats = parser.parse_args().repeats
    layers, out, *place = make_network()
    parameters = [out, *(p for layer in layers for p in layer[:2] if p.requires_grad)]
    forward = ways(layers, out, *place)

    def step(way):
        return lambda: torch.autograd.grad(way().square().sum(), parameters)

    exact = step(forward["nested autograd"])()
    rows = []
    seconds = machine.interleaved_seconds({name: step(way) for name, way in forward.items()}, repeats)
    for name, way in forward.items():
        found = step(way)()
        error = max(((a - b).norm() / b.norm()).item() for a, b in zip(found, exact, strict=True))
        rows.append(
            {
                "way": name,
                "milliseconds": round(1e3 * seconds[name], 1),
                "speedup": round(seconds["nested autograd"] / seconds[name], 2),
                "saved_mb": None if name == "torch.func" else round(machine.saved_for_backward_mb(way), 1),
                "gflop": round(machine.flop(step(way)) / 1e9, 2),
                "relative_difference": float(f"{error:.1e}"),
            }
        )
        print(rows[-1])
    RESULTS.write_text(json.dumps(rows, indent=1) + "\n")


if __name__ == "__main__":
    main()
