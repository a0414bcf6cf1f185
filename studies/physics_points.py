"""Physics at some of a batch's observations: time and skill on the sample. `python -m studies.physics_points`.

The sample preset (512 points a batch) with the physics losses at all, at 128 and at 32 of them; RMSE of log10 Ne on the
development part, relative to IRI's, for splits of three seeds that no other page uses; seconds of a step, in turn.
"""

import json
import tempfile
from pathlib import Path

import torch

from benchmarks import machine
from rstmrf.config import RunConfig
from rstmrf.data.run_data import RunData
from rstmrf.data.splits import DEVELOPMENT
from rstmrf.predict import Predictor
from rstmrf.readers import sample
from rstmrf.training.loop import train
from rstmrf.training.losses import loss_terms, total_loss

RESULTS = Path(__file__).parent / "results" / "physics_points.json"
SEEDS, CHOICES = (10, 11, 12), (None, 128, 32)


def skill(config: RunConfig) -> float:
    """RMSE on the development part, relative to IRI's, of a run on the sample."""
    data = RunData(sample.observations(), sample.tec(), sample.indices(), config)
    with tempfile.TemporaryDirectory() as folder:
        model = train(data, Path(folder) / "run")
    points = data.part(DEVELOPMENT)
    residual = Predictor(model, data.iri, data.processor).residual(points)
    departure = points.log10_ne_m3 - points.background[:, 0]
    return float(((departure - residual).square().mean() / departure.square().mean()).sqrt())


def step_of(config: RunConfig):
    """A training step on the first batch of the run."""
    data = RunData(sample.observations(), sample.tec(), sample.indices(), config)
    data.trainer = None
    batch = next(iter(data.train_dataloader()))
    from rstmrf.model.whole import RSTMRF

    model = RSTMRF(config, data.duration_hours)
    optimizer = torch.optim.AdamW(model.parameters(), fused=True)

    def step():
        optimizer.zero_grad(set_to_none=True)
        total_loss(loss_terms(batch, model, config), config).backward()
        optimizer.step()

    return step


def main():
    """Measure, print and write `results/physics_points.json`."""
    configs = {str(n or "all"): RunConfig.preset("sample", physics_points=n) for n in CHOICES}
    seconds = machine.interleaved_seconds({name: step_of(config) for name, config in configs.items()}, 15)
    rows = []
    for name, config in configs.items():
        scores = [round(skill(config.changed(seed=seed)), 4) for seed in SEEDS]
        rows.append({"physics_points": name, "milliseconds": round(1e3 * seconds[name], 1), "rmse_to_iri": scores})
        print(rows[-1], flush=True)
    RESULTS.write_text(json.dumps(rows, indent=1) + "\n")


if __name__ == "__main__":
    main()
