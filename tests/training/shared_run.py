"""Trains small runs and writes the total loss of their steps: started alone, or by torchrun on several processes."""

import json
import os
import sys
from pathlib import Path

import numpy as np
import torch

from rstmrf.config import RunConfig
from rstmrf.data.run_data import RunData
from rstmrf.readers import sample
from rstmrf.training.loop import TrainingModule, train

SMALL = {
    "batch_size": 128,
    "epochs": 1,
    "warmup_steps": 5,
    "basis_dim": 8,
    "siren_hidden": 16,
    "siren_layers": 1,
    "lstm_layers": 1,
    "seq_len": 3,
    "tec_downsample_factor": 30,
    "tec_feat_dim": 4,
    "head_epochs": 2,
}


def main(folder: str, runs: str):
    """Write `{name}/{rank}.npy` in a folder for each run (JSON: its name and the settings it changes)."""
    torch.set_num_threads(1)
    totals, plain = [], TrainingModule.training_step

    def recorded(self, batch, batch_index):
        total = plain(self, batch, batch_index)
        totals.append(total.item())
        return total

    TrainingModule.training_step = recorded
    world, rank = int(os.environ.get("WORLD_SIZE", 1)), int(os.environ.get("RANK", 0))
    options = {"devices": world, "strategy": "ddp"} if world > 1 else {}
    observations = sample.observations()
    observations = observations.isel(point=observations["profile"].values % 16 == 0)
    for name, changes in json.loads(runs).items():
        totals.clear()
        data = RunData(observations, sample.tec(), sample.indices(), RunConfig(**{**SMALL, **changes}))
        train(data, Path(folder) / name / "run", accelerator="cpu", **options)
        np.save(Path(folder) / name / f"{rank}.npy", totals)


if __name__ == "__main__":
    main(*sys.argv[1:])
