"""What the direction of TEC is worth on the packaged sample: `python -m studies.sample_direction`.

The sample preset with the direction loss off, at the observations, at collocation points, on columns of them, and with
shuffled maps; three seeds of weights and batches on one split (split_seed 0). "Off" has the collocation points of the
variants that it is compared with. RMSE of log10 Ne, each profile counting once, on the development part and on what
was held out. Settings are chosen by the first; the page shows all.
"""

import json
from pathlib import Path

import numpy as np
import torch

from rstmrf.config import RunConfig
from rstmrf.data.splits import DEVELOPMENT, TEST_PROFILES, TEST_TIMES
from rstmrf.metrics.moments import profile_weights
from rstmrf.predict import Predictor
from rstmrf.runtime import keep_freed_memory
from studies.sources import data_of
from studies.training import trained

RESULTS = Path(__file__).parent / "results" / "sample_direction.json"
SEEDS = (0, 1, 2)
PARTS = {"development": DEVELOPMENT, "held-out profiles": TEST_PROFILES, "held-out hours": TEST_TIMES}
OBSERVATIONS = {"collocation_points": 0, "collocation_altitude": "peak"}
POINTS = {"collocation_points": 1024, "collocation_hours": "all", "collocation_altitude": "peak"}
COLUMNS = {**POINTS, "collocation_altitude": "column"}
VARIANTS = {
    "off, at the observations": {**OBSERVATIONS, "w_tec_direction": 0.0},
    "at the observations": {**OBSERVATIONS, "w_tec_direction": 0.05},
    "off, at collocation points": {**POINTS, "w_tec_direction": 0.0},
    "at collocation points": {**POINTS, "w_tec_direction": 0.1},
    "at collocation points, shuffled": {**POINTS, "w_tec_direction": 0.1, "shuffle_tec": True},
    "off, on columns": {**COLUMNS, "w_tec_direction": 0.0},
    "on columns": {**COLUMNS, "w_tec_direction": 0.1},
    "on columns, shuffled": {**COLUMNS, "w_tec_direction": 0.1, "shuffle_tec": True},
}


def run(name: str, seed: int) -> dict:
    """Train one variant with one seed; RMSE [dex] of the model and of IRI on each part."""
    data = data_of(RunConfig.preset("sample", split_seed=0, seed=seed, **VARIANTS[name]))
    row = {"variant": name, "seed": seed}
    model = trained(data, row)
    for part, number in PARTS.items():
        points = data.part(number)
        residual = Predictor(model, data.iri, data.processor).residual(points)
        departure, weight = points.log10_ne_m3 - points.background[:, 0], profile_weights(points.profile.numpy())
        for label, error in ((part, departure - residual), (f"{part}, IRI", departure)):
            row[label] = round(float(np.sqrt(np.average(error.numpy() ** 2, weights=weight))), 4)
    return row


def main():
    """Write `results/sample_direction.json`; what is there is not run again."""
    keep_freed_memory()
    torch.set_num_threads(1)
    rows = json.loads(RESULTS.read_text()) if RESULTS.exists() else []
    done = {(row["variant"], row["seed"]) for row in rows}
    for seed in SEEDS:
        for name in VARIANTS:
            if (name, seed) in done:
                continue
            rows.append(run(name, seed))
            RESULTS.write_text("[\n" + ",\n".join(json.dumps(row) for row in rows) + "\n]\n")
            print(*rows[-1].values(), flush=True)


if __name__ == "__main__":
    main()
