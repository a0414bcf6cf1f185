"""A ConvLSTM that carries its state over the hours, against windows. `python -m benchmarks.streaming`.

44 consecutive windows of 6 hours share most of their maps: as windows they are 264 hours of convolution, as one stream
49. Measured: seconds and bytes saved of both, forward and backward, and how much the fields differ, for the state of a
stream is older than its window. Real UQRG maps of the sample (49 hours), an untrained network.
"""

import json
from pathlib import Path

import torch

from benchmarks import machine
from rstmrf.config import RunConfig
from rstmrf.globe import cosine
from rstmrf.model.convlstm import convolve_globe
from rstmrf.model.direction import TEC_SCALE_TECU, DirectionField
from rstmrf.readers import sample
from rstmrf.readers.tec import downsample

RESULTS = Path(__file__).parent / "results" / "streaming.json"
HOURS, FACTOR = 6, 4


def windows_of(maps):
    """Every window of maps `[T, 1, H, W]`: `[N, S, 1, H, W]`."""
    return maps.unfold(0, HOURS, 1).movedim(-1, 1)


def stream(field, maps):
    """The field after each whole window, from one pass over all hours: `[N, 2, H, W]`."""
    sequence = maps[:, None, ..., :-1] / TEC_SCALE_TECU - 1
    for layer in field.layers:
        sequence = torch.stack(layer(sequence))
    vectors = convolve_globe(sequence[HOURS - 1 :, 0], field.head.weight, field.head.bias)
    return torch.cat([vectors, vectors[..., :1]], dim=-1)


def main():
    """Measure, print and write `results/streaming.json`."""
    torch.manual_seed(0)
    real = torch.from_numpy(downsample(sample.tec(), FACTOR)["vtec_tecu"].values)[:, None]
    field = DirectionField(RunConfig())
    weight = torch.randn(len(real) - HOURS + 1, 2, *real.shape[-2:])
    steps = {
        "windows": lambda: (field(windows_of(real)) * weight).sum(),
        "stream": lambda: (stream(field, real) * weight).sum(),
    }
    seconds = machine.interleaved_seconds({name: lambda f=f: f().backward() for name, f in steps.items()}, 5)
    with torch.no_grad():
        alike = cosine(field(windows_of(real)), stream(field, real))[HOURS:]
    found = {
        "windows": len(weight),
        "seconds": {name: round(value, 3) for name, value in seconds.items()},
        "saved_mb": {name: round(machine.saved_for_backward_mb(f), 1) for name, f in steps.items()},
        "cosine_of_fields": {"median": round(alike.median().item(), 4), "1 %": round(alike.quantile(0.01).item(), 4)},
    }
    print(found)
    RESULTS.write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
