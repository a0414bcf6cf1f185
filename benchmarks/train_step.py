"""One training step: the design document as written against the library, in turn. `python -m benchmarks.train_step`.

Time is taken in one process, A B A B; memory in a process of its own for each. Both sides have the same batch, the same
weights where they have the same layers, the same allocator thresholds and the background that is theirs: a frozen
neural proxy there, values and derivatives attached to the points here. By default the library learns directions before
the density; that phase, the "head", is timed apart, and counted where an epoch is extrapolated and where memory is
measured. "rstmrf-joint" has the ConvLSTM in every step, as the design does.
"""

import argparse
import json
import math
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import torch

from benchmarks import machine
from benchmarks.literal import LiteralRSTMRF, literal_loss
from rstmrf.config import RunConfig
from rstmrf.costs.steps import make_head_step
from rstmrf.data.batch import Batch
from rstmrf.data.map_windows import WINDOWS_A_STEP
from rstmrf.globe import tec_gradient
from rstmrf.model.whole import RSTMRF
from rstmrf.presets import DOCUMENT_MODE
from rstmrf.runtime import keep_freed_memory
from rstmrf.training.losses import loss_terms, total_loss

RESULTS = Path(__file__).parent / "results" / "train_step.json"
VARIANTS = ("literal", "literal-data-only", "rstmrf-document", "rstmrf-joint", "rstmrf")
CASES = ((2048, 4), (2048, 100), (512, 100))
HOURS = 720.0
GROUP = 4  # windows kept for backward at once
MONTH_HOURS, EPOCHS, LARGE = 720, 20, 9_200_000  # of the run that is extrapolated


def make_batch(points: int, windows: int, hours: int = 6, height: int = 46, width: int = 91) -> Batch:
    """Random points, windows and maps of the document's sizes."""
    generator = torch.Generator().manual_seed(0)

    def uniform(*shape, low=0.0, high=1.0):
        return low + (high - low) * torch.rand(*shape, generator=generator)

    time = uniform(points, low=10, high=10 + windows)
    lat = torch.rad2deg(torch.asin(uniform(points, low=-0.99, high=0.99)))
    coords = torch.stack([lat, uniform(points, low=-180, high=180), uniform(points, low=120, high=500), time], dim=1)
    maps = uniform(windows, hours, 1, height, width, low=1, high=40)
    maps[..., -1] = maps[..., 0]
    return Batch(
        coords=coords,
        target_ne=uniform(points, low=10, high=12),
        background=torch.cat([uniform(points, 1, low=10, high=12), 1e-3 * uniform(points, 4, low=-1)], dim=1),
        tec_indices=torch.randint(0, windows, (points,), generator=generator),
        unique_sw_seq=uniform(windows, hours, 2, high=5),
        unique_tec_map_seq=maps,
        target_tec_map=maps[:, -1],
    )


def make_step(variant: str, points: int, windows: int):
    """A variant's whole step, and its forward pass alone."""
    batch = make_batch(points, windows)
    torch.manual_seed(0)
    literal = LiteralRSTMRF(duration_hours=HOURS)
    if variant.startswith("literal"):
        model, sw_seq = literal, batch.sw_seq.contiguous()
        inputs = (batch.coords, batch.target_ne, sw_seq, batch.unique_tec_map_seq, batch.tec_indices)
        optimizer = torch.optim.Adam([p for p in model.parameters() if p.requires_grad])

        def forward():
            return literal_loss(model, *inputs, physics=variant == "literal")
    else:
        changes = {"rstmrf-document": DOCUMENT_MODE, "rstmrf-joint": {"direction_training": "joint"}}.get(variant, {})
        config = RunConfig.preset("default", **changes, window_group_size=GROUP if windows > GROUP else "all")
        model = RSTMRF(config, HOURS)
        if variant == "rstmrf-document":
            copy_weights(literal, model)
        if variant == "rstmrf":
            batch = with_directions(batch)
            model.direction_field.requires_grad_(False)
        optimizer = torch.optim.AdamW([p for p in model.parameters() if p.requires_grad], fused=True)

        def forward():
            return total_loss(loss_terms(batch, model, config), config)

    def step():
        optimizer.zero_grad(set_to_none=True)
        forward().backward()
        optimizer.step()

    return step, forward


def with_directions(batch: Batch) -> Batch:
    """The batch as it is where directions are tabulated: those of its hours and of the next, and no windows of maps."""
    directions = tec_gradient(batch.target_tec_map)
    tables = {"direction_maps": directions, "next_direction_maps": directions.roll(1, 0)}
    return replace(batch, unique_tec_map_seq=None, **tables)


def copy_weights(literal: LiteralRSTMRF, model: RSTMRF) -> None:
    """Give the library's model in document mode the literal one's weights."""
    field, direction = model.residual_field, model.direction_field
    for ours, theirs in ((field.spatial, literal.spatial), (field.temporal, literal.temporal)):
        layers = [ours.first, *ours.hidden, ours.last]
        for layer, source in zip(layers, [*(s.linear for s in theirs[:-1]), theirs[-1]], strict=True):
            layer.load_state_dict(source.state_dict())
    field.drivers.lstm.load_state_dict(literal.lstm.state_dict())
    field.drivers.mlp.load_state_dict(literal.beta.state_dict())
    field.decoder[0].load_state_dict(literal.decoder[0].state_dict())
    field.decoder[1].load_state_dict(literal.decoder[2].state_dict())
    direction.layers[0].gates.load_state_dict(literal.convlstm.conv.state_dict())
    direction.head.load_state_dict(literal.head.state_dict())


def measure_memory(variant: str, points: int, windows: int) -> dict[str, float]:
    """Peak resident memory above the start, and what is saved for backward [MB]; to be run in a fresh process."""
    step, forward = make_step(variant, points, windows)
    start = machine.resident_mb()
    if variant == "rstmrf":
        make_head_step(RunConfig()).run()
    for _ in range(2):
        step()
    peak = machine.peak_resident_mb() - start
    return {"peak_mb": round(peak, 1), "saved_mb": round(machine.saved_for_backward_mb(forward), 1)}


def measure_case(points: int, windows: int, repeats: int) -> list[dict]:
    """One row a variant at a batch size and number of windows."""
    steps = {name: make_step(name, points, windows)[0] for name in VARIANTS}
    product, product_flop = machine.matrix_product()
    head = make_head_step(RunConfig()).run
    seconds = machine.interleaved_seconds({**steps, "head": head, "matrix product": product}, repeats)
    rate = product_flop / seconds.pop("matrix product")
    rows = [{"batch": points, "windows": windows, "variant": "head", "seconds": round(seconds["head"], 4)}]
    rows[0]["gflops_of_products"] = round(rate / 1e9, 1)
    for name in VARIANTS:
        operations = machine.flop(steps[name])
        command = [sys.executable, "-m", "benchmarks.train_step", "--memory", name, str(points), str(windows)]
        memory = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
        row = {"batch": points, "windows": windows, "variant": name, "seconds": round(seconds[name], 4)}
        row["speedup"] = round(seconds["literal"] / seconds[name], 2)
        row |= memory | {"gflop": round(operations / 1e9, 2)}
        rows.append(row | {"gemm_share": round(operations / seconds[name] / rate, 3)})
    return rows


def epoch_hours(rows: list[dict]) -> dict[str, float]:
    """Hours for 20 epochs of 9.2 M points of a month, extrapolated from the steps.

    The design's random batches hold 100 windows, the library's bins 4; the head's whole training is counted, without
    stopping early.
    """
    taken = {(r["variant"], r["windows"]): r["seconds"] for r in rows if r["batch"] == 2048}
    steps = EPOCHS * math.ceil(LARGE / 2048)
    head = RunConfig().head_epochs * math.ceil(MONTH_HOURS / WINDOWS_A_STEP) * taken["head", 4]
    hours = {"literal": steps * taken["literal", 100], "head": head, "rstmrf": steps * taken["rstmrf", 4] + head}
    found = {name: round(seconds / 3600, 2) for name, seconds in hours.items()}
    return found | {"times faster": round(hours["literal"] / hours["rstmrf"], 1)}


def main():
    """Measure all cases, print a table and write `results/train_step.json`."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--memory", nargs=3, metavar=("VARIANT", "POINTS", "WINDOWS"), help="one memory measurement")
    parser.add_argument("--repeats", type=int, default=7)
    arguments = parser.parse_args()
    keep_freed_memory()
    if arguments.memory:
        variant, points, windows = arguments.memory
        print(json.dumps(measure_memory(variant, int(points), int(windows))))
        return
    rows = []
    for points, windows in CASES:
        rows += measure_case(points, windows, arguments.repeats)
        for row in rows[-len(VARIANTS) - 1 :]:
            print(*(f"{key} {value}" for key, value in row.items()), sep="  ", flush=True)
    print("20 epochs of 9.2 M points, hours:", epoch_hours(rows))
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(json.dumps(rows, indent=1) + "\n")


if __name__ == "__main__":
    main()
