"""Two processes that share every batch take the steps of one; each window and each point counts once."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from rstmrf.data.splits import TRAIN
from rstmrf.data.windows import BatchDataset
from rstmrf.model.whole import RSTMRF
from rstmrf.training.losses import loss_terms
from rstmrf.training.ranks import term_weights

SCRIPT = Path(__file__).parent / "shared_run.py"


@pytest.mark.parametrize("changes", [{}, {"direction_mode": "document", "chapman_mode": "document"}])
@pytest.mark.parametrize(("points", "world"), [(200, 2), (201, 3), (2, 3)])
def test_terms_of_parts_make_up_the_term_of_the_batch(tiny_data, tiny_config, changes, points, world):
    config = tiny_config.changed(**changes)
    torch.manual_seed(0)
    model = RSTMRF(config, 48.0)
    chosen = torch.arange(0, points * 7, 7)
    rows = tiny_data.split.rows(TRAIN)
    whole, *parts = (
        BatchDataset(tiny_data.points, tiny_data.processor, rows=rows, rank=rank, world=n)[chosen]
        for rank, n in [(0, 1), *((rank, world) for rank in range(world))]
    )
    if points >= world:
        assert sum(len(part.coords) for part in parts) == points
    terms = [loss_terms(part, model, config) for part in parts]
    weights = [term_weights(part, config) for part in parts]
    for name, expected in loss_terms(whole, model, config).items():
        total = sum(w[name] for w in weights)
        shared = sum(t[name] * w[name] for t, w in zip(terms, weights, strict=True)) / total
        assert shared.item() == pytest.approx(expected.item(), rel=1e-5), name


@pytest.mark.skipif(
    not (torch.distributed.is_available() and torch.distributed.is_gloo_available()),
    reason="torch was built without gloo, by which processes speak to each other",
)
def test_two_processes_have_the_loss_curve_of_one(tmp_path):
    """Longitudes are moved at random here, so the draw must be shared too."""
    curves = []
    for processes in (1, 2):
        folder = tmp_path / str(processes)
        folder.mkdir()
        launch = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"] if processes == 2 else []
        command = [sys.executable, *launch, str(SCRIPT), str(folder)]
        environment = {**os.environ, "PYTHONPATH": str(SCRIPT.parent), "OMP_NUM_THREADS": "1"}
        subprocess.run(command, check=True, capture_output=True, timeout=300, env=environment)
        curves.append(np.mean([np.load(folder / f"{rank}.npy") for rank in range(processes)], axis=0))
    assert len(curves[0]) == len(curves[1]) >= 20
    assert np.abs(curves[0] - curves[1])[:20].max() < 1e-5
    assert curves[0][19] < curves[0][0]
