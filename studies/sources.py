"""Where directions come from, and when they are learned: `python -m studies.sources`.

The sample preset three ways: the ConvLSTM learned first and tabulated, learned in every step beside the density, and
the gradients of the maps themselves. For the splits of three seeds that no page scores otherwise: RMSE of log10 Ne on
the development part, relative to IRI's, and the cosine of the directions to observed TEC in held-out hours; seconds of
a step, in turn, and of the ConvLSTM's own training; the peak of tensors, foreseen, and how far the fits differ.
"""

import json
import tempfile
import time
from pathlib import Path

import numpy as np
import torch

from benchmarks import machine
from rstmrf.config import RunConfig
from rstmrf.costs import planning
from rstmrf.data.direction_table import DirectionTable
from rstmrf.data.run_data import RunData
from rstmrf.data.splits import DEVELOPMENT, TEST_TIMES
from rstmrf.evaluation.directions import direction_scores
from rstmrf.model.whole import RSTMRF
from rstmrf.predict import Predictor
from rstmrf.readers import sample
from rstmrf.training.loop import TrainingModule, train
from rstmrf.training.losses import loss_terms, total_loss

RESULTS = Path(__file__).parent / "results" / "sources.json"
SEEDS = (10, 11, 12)
AT_OBSERVATIONS = {"collocation_points": 0, "w_tec_direction": 0.05}
WAYS = {
    "learned first": {},
    "learned in every step": {"direction_training": "joint"},
    "observed": {"direction_source": "observed"},
}


def data_of(config: RunConfig) -> RunData:
    """The sample's data."""
    return RunData(sample.observations(), sample.tec(), sample.indices(), config)


def skill(model, data: RunData) -> float:
    """RMSE on the development part, relative to IRI's."""
    points = data.part(DEVELOPMENT)
    residual = Predictor(model, data.iri, data.processor).residual(points)
    departure = points.log10_ne_m3 - points.background[:, 0]
    return float(((departure - residual).square().mean() / departure.square().mean()).sqrt())


def run(config: RunConfig) -> dict:
    """Train, and score densities and directions."""
    data = data_of(config)
    with tempfile.TemporaryDirectory() as folder:
        model = train(data, Path(folder) / "run")
    hours = np.unique(np.floor(data.part(TEST_TIMES).coords[:, 3].numpy())).astype(int)
    return {"rmse_to_iri": skill(model, data), "cosine": direction_scores(model, data, hours).loc["all", "head"]}


def step_of(config: RunConfig):
    """A training step on the first batch of a run, with directions tabulated where they are known beforehand."""
    data = data_of(config)
    torch.manual_seed(0)
    model = RSTMRF(config, data.duration_hours)
    if config.directions_first and data.directions is None:
        data = data.with_directions(DirectionTable.tabulate(model.direction_field, data.processor))
    batch = next(iter(data.train_dataloader()))
    TrainingModule(model)  # decides what learns
    optimizer = torch.optim.AdamW([p for p in model.parameters() if p.requires_grad], fused=True)

    def step():
        optimizer.zero_grad(set_to_none=True)
        total_loss(loss_terms(batch, model, config), config).backward()
        optimizer.step()

    return step


def main():
    """Measure, print and write `results/sources.json`."""
    configs = {name: RunConfig.preset("sample", **AT_OBSERVATIONS, **changes) for name, changes in WAYS.items()}
    seconds = machine.interleaved_seconds({name: step_of(config) for name, config in configs.items()}, 15)
    rows = []
    for name, config in configs.items():
        row = {"directions": name, "step_ms": round(1e3 * seconds[name], 1)}
        row["peak_mb"] = {n: round(planning.predict_tensors(config, n), 1) for n in (4, 100)}
        started = time.perf_counter()
        found = [run(config.changed(seed=seed)) for seed in SEEDS]
        row["run_seconds"] = round((time.perf_counter() - started) / len(SEEDS), 1)
        row |= {key: [round(float(one[key]), 4) for one in found] for key in found[0]}
        rows.append(row)
        print(row, flush=True)
    RESULTS.write_text(json.dumps(rows, indent=1) + "\n")


if __name__ == "__main__":
    main()
