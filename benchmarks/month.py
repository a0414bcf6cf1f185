"""Skill on the simulated month, locked days scored once: `python -m benchmarks.month FOLDER [--only NAME ...]`.

FOLDER is what `scripts/make_month.py --points 300000 --out FOLDER` wrote. Each variant is trained for some seeds on one
split of days (split_seed 0) and scored on the development part, on held-out profiles of seen days and on locked days,
against the observations and against the simulated truth. Rows are added to `results/month.json` as they are done; what
is there is not run again. Settings were chosen on the development part alone (`--explore`).
"""

import argparse
import json
import tempfile
import time
from pathlib import Path

import numpy as np

from rstmrf.allocator import keep_freed_memory
from rstmrf.config import RunConfig
from rstmrf.data.splits import TEST_TIMES
from rstmrf.directions import density_cosines, direction_scores
from rstmrf.evaluate import validate
from rstmrf.load import load_inputs
from rstmrf.metrics import calibration_verdict
from rstmrf.run_data import RunData
from rstmrf.training import history, train
from rstmrf.uncertainty import recalibrate, stated_sigma

RESULTS = Path(__file__).parent / "results" / "month.json"
SEEDS = (0, 1, 2)
BASE = {
    "split": "days",
    "split_seed": 0,
    "epochs": 8,
    "patience": 6,
    "learning_rate": 2e-3,
    "tec_downsample_factor": 6,
    "tec_feat_dim": 12,
    "direction_source": "observed",
    "longitude_jitter_deg": 0.0,
}
OFF = {"w_tec_direction": 0.0}
SHARED = {"collocation_points": 1024, "collocation_hours": "all"}
VARIANTS = {
    "no TEC, no physics": {**OFF, "w_chapman": 0.0},
    "no TEC": OFF,
    "S13 at the observations": {},
    "S13 at collocation points": SHARED,
    "S13 at collocation points, shuffled": {**SHARED, "shuffle_tec": True},
    "S13 at collocation points, network": {**SHARED, "direction_source": "network"},
    "document form": {
        "coordinate_mode": "document",
        "time_mode": "document",
        "omega_0": 30.0,
        "omega_alt": 30.0,
        "weight_decay": 0.0,
        "average_decay": 0.0,
        **OFF,
    },
    "forecast": {**SHARED, "split": "last-days", "mode": "forecast"},
}
PARTS = ("development", "held-out profiles", "held-out times")


def run(folder: Path, name: str, changes: dict, seed: int, parts=PARTS) -> dict:
    """Train one variant and score it."""
    config = RunConfig.preset("default", **{**BASE, **changes, "seed": seed})
    inputs = load_inputs(config, str(folder / "observations.zarr"), str(folder / "tec.nc"), str(folder / "indices.csv"))
    data = RunData(*inputs, config)
    truth = inputs.observations["true_log10_ne_m3"].values[data.used]
    with tempfile.TemporaryDirectory() as scratch:
        started = time.perf_counter()
        model = train(data, Path(scratch) / "run")
        seconds = time.perf_counter() - started
        curve = history(Path(scratch) / "run")["dev_rmse_dex"].round(4).tolist()
    row = {"variant": name, "seed": seed, "split": data.split.digest, "seconds": round(seconds), "development": curve}
    row["scores"], sigma = [], None
    if model.spread is not None:
        row["sigma_scale"] = round(recalibrate(model, data), 3)
    for part in parts:
        for against, values in (("observations", None), ("truth", truth)):
            if model.spread is not None:
                points = data.part({"development": 1, "held-out profiles": 2, "held-out times": 3}[part])
                sigma = stated_sigma(model, data, points).numpy()
            tec = inputs.tec if seed == 0 else None
            found = validate(model, data, part=part, tec=tec, truth=values, sigma=sigma, n_bootstrap=200)
            tables = found.as_dict()["tables"]
            kept = {key: tables[key] for key in ("scores", "peaks", "calibration") if key in tables}
            if "calibration" in kept and against == "observations":
                row[f"verdict {part}"] = calibration_verdict(found.tables["calibration"])
            row["scores"].append({"part": part, "against": against, **kept})
    hours = np.unique(np.floor(data.part(TEST_TIMES).coords[:, 3].numpy())).astype(int)[::3]
    if "held-out times" in parts:
        row["cosines"] = density_cosines({"model": model}, data, hours).reset_index().to_dict("records")
        if config.direction_source == "network":
            row["directions"] = direction_scores(model, data, hours).reset_index().to_dict("records")
    return row


def overall(row, part, against="observations", prediction="R-STMRF"):
    """RMSE [dex] over all points of a part."""
    scores = next(s for s in row["scores"] if s["part"] == part and s["against"] == against)["scores"]
    return next(s["rmse"] for s in scores if s["stratum"] == "all" and s["prediction"] == prediction)


def main():
    """Run what is missing, or one exploration on the development part."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--only", nargs="*", default=list(VARIANTS), metavar="VARIANT")
    parser.add_argument("--seeds", nargs="*", type=int, default=SEEDS)
    parser.add_argument("--explore", type=json.loads, metavar="CHANGES", help="score these settings, seed 10, not kept")
    arguments = parser.parse_args()
    keep_freed_memory()
    if arguments.explore is not None:
        row = run(arguments.folder, "exploration", arguments.explore, 10, PARTS[:1])
        scores = [round(overall(row, PARTS[0], a, p), 4) for a in ("observations", "truth") for p in ("IRI", "R-STMRF")]
        print(json.dumps(arguments.explore), row["seconds"], "s", scores, row["development"], flush=True)
        return
    rows = json.loads(RESULTS.read_text()) if RESULTS.exists() else []
    for name in arguments.only:
        for seed in arguments.seeds:
            if any(row["variant"] == name and row["seed"] == seed for row in rows):
                continue
            rows.append(run(arguments.folder, name, VARIANTS[name], seed))
            RESULTS.write_text(json.dumps(rows, separators=(",", ":")) + "\n")
            print(name, seed, *(round(overall(rows[-1], part), 4) for part in PARTS), flush=True)


if __name__ == "__main__":
    main()
