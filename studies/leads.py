"""Directions hours ahead: the ConvLSTM against persistence: `python -m studies.leads [FOLDER]`.

FOLDER is what `scripts/make_month.py` wrote; without it the packaged sample's two days of real maps are used. The head
is trained alone, by its own supervision (`head_term`), on hours that hold training points; it is scored on held-out
hours: locked days of the month, blocks of hours of the sample. No density takes part. The step is chosen on hours
of the development part. With `--hours 1` the window is one map, so that the ConvLSTM remembers nothing; it sees the
same observations, hours and split as the head with six. Rows are added to `results/leads.json`; what is there is not
run again.
"""

import argparse
import json
import time
from itertools import product
from pathlib import Path

import numpy as np
import torch

from rstmrf.config import RunConfig
from rstmrf.data.map_windows import MapWindows
from rstmrf.data.run_data import RunData
from rstmrf.data.splits import DEVELOPMENT, TEST_TIMES, TRAIN
from rstmrf.evaluation.directions import direction_scores
from rstmrf.model.whole import RSTMRF
from rstmrf.readers.inputs import load_inputs
from rstmrf.training.direction_losses import head_term

RESULTS = Path(__file__).parent / "results" / "leads.json"
LEADS, SEEDS, STEPS, WINDOWS, RATE = (0, 1, 2, 3, 6), (0, 1, 2), 400, 16, 4e-3
LONGEST = 6  # h of maps in a window; the hours that lack so many are left out of every row
LOOKS = 8  # at the development part


def hours_of(data: RunData, *parts: int) -> np.ndarray:
    """Whole hours since start that hold points of some parts."""
    return np.unique(np.floor(data.part(*parts).coords[:, 3].numpy())).astype(int)


def trained(data: RunData, seed: int):
    """The model whose head was best on development hours, and its cosines there, look by look."""
    torch.manual_seed(seed)
    model = RSTMRF(data.config, data.duration_hours)
    processor = data.processor
    rows = torch.from_numpy(hours_of(data, TRAIN)) - processor.first_hour
    optimizer = torch.optim.AdamW(model.direction_field.parameters(), lr=RATE, weight_decay=1e-3)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, RATE, STEPS, pct_start=0.1)
    curve, best = [], None
    for step in range(1, STEPS + 1):
        some = rows[torch.randperm(len(rows))[:WINDOWS]]
        batch = MapWindows(processor.map_windows(some), processor.tec[some])
        loss = head_term(model.direction_field(batch.unique_tec_map_seq), batch, data.config).mean
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.direction_field.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        if step % (STEPS // LOOKS):
            continue
        scores = direction_scores(model, data, hours_of(data, DEVELOPMENT))
        curve.append(round(float(scores.loc["all", "head"]), 4))
        if best is None or curve[-1] >= max(curve):
            best = {name: value.clone() for name, value in model.state_dict().items()}
    model.load_state_dict(best)
    return model, curve


def run(folder: str, lead: int, seed: int, frame: str, hours: int = LONGEST) -> dict:
    """Train and score one head, whose windows have `hours` maps."""
    changes = {"lead_hours": lead, "seed": seed, "split_seed": 0, "tec_frame": frame, "gap_hours": LONGEST}
    if folder:
        paths = [str(Path(folder) / name) for name in ("observations.zarr", "tec.nc", "indices.csv")]
        changes |= {"split": "days", "tec_downsample_factor": 6}
    else:
        paths, changes = [], changes | {"split": "hours", "tec_downsample_factor": 6}
    config = RunConfig.preset("default", **changes)
    inputs = load_inputs(config, *paths)
    data = RunData(*inputs, config)
    if hours != LONGEST:
        inputs = inputs._replace(observations=inputs.observations.isel(point=data.used))
        data = RunData(*inputs, config.changed(seq_len=hours))
    started = time.perf_counter()
    model, curve = trained(data, seed)
    row = {"maps": "month" if folder else "sample", "lead_hours": lead, "seed": seed, "frame": frame, "hours": hours}
    row |= {"seconds": round(time.perf_counter() - started), "development": curve}
    found = direction_scores(model, data, hours_of(data, TEST_TIMES)).round(4)
    return row | {"held_out": found.to_dict("index")}


def main():
    """Run what is missing."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", nargs="?", default="")
    parser.add_argument("--leads", nargs="*", type=int, default=LEADS)
    parser.add_argument("--seeds", nargs="*", type=int, default=SEEDS)
    parser.add_argument("--frames", nargs="*", default=["sun"])
    parser.add_argument("--hours", nargs="*", type=int, default=[LONGEST], help="maps in a window")
    arguments = parser.parse_args()
    rows = json.loads(RESULTS.read_text()) if RESULTS.exists() else []
    done = {(row["maps"], row["lead_hours"], row["seed"], row["frame"], row["hours"]) for row in rows}
    maps = "month" if arguments.folder else "sample"
    for case in product(arguments.seeds, arguments.leads, arguments.frames, arguments.hours):
        seed, lead, frame, hours = case
        if (maps, lead, seed, frame, hours) in done:
            continue
        rows.append(run(arguments.folder, lead, seed, frame, hours))
        RESULTS.write_text("[\n" + ",\n".join(json.dumps(row) for row in rows) + "\n]\n")
        print(maps, *case, rows[-1]["seconds"], rows[-1]["held_out"]["all"], flush=True)


if __name__ == "__main__":
    main()
