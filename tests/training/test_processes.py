"""Two processes that share every batch take the steps of one; each window and each point counts once."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from rstmrf.data.collocation import collocator
from rstmrf.data.dataset import BatchDataset
from rstmrf.data.splits import TRAIN
from rstmrf.model.whole import RSTMRF
from rstmrf.training.losses import loss_terms

SCRIPT = Path(__file__).parent / "shared_run.py"
CHANGES = [
    {},
    {"direction_mode": "document", "chapman_mode": "document"},
    {"direction_by_strength": True, "physics_points": 50},
    {"direction_by_strength": True, "collocation_points": 60, "collocation_hours": "all"},
]


@pytest.mark.parametrize("changes", CHANGES)
@pytest.mark.parametrize(("points", "world"), [(200, 2), (201, 3), (2, 3)])
def test_terms_of_parts_make_up_the_term_of_the_batch(tiny_data, tiny_config, changes, points, world):
    config = tiny_config.changed(**changes)
    torch.manual_seed(0)
    model = RSTMRF(config, 48.0)
    chosen = torch.arange(0, points * 7, 7)
    rows = tiny_data.split.rows(TRAIN)
    collocate = None
    if config.collocation_points:
        collocate = collocator(config, tiny_data.processor, tiny_data.iri, tiny_data.points.coords[rows, 3])
    kind = {"rows": rows, "collocate": collocate, "physics_points": config.physics_points}
    whole, *parts = (
        BatchDataset(tiny_data.points, tiny_data.processor, **kind, rank=rank, world=n)[chosen]
        for rank, n in [(0, 1), *((rank, world) for rank in range(world))]
    )
    if points >= world:
        assert sum(len(part.coords) for part in parts) == points
    terms = [loss_terms(part, model, config) for part in parts]
    for name, expected in loss_terms(whole, model, config).items():
        shared = sum(t[name].total for t in terms) / sum(t[name].weight for t in terms)
        assert shared.item() == pytest.approx(expected.mean.item(), rel=1e-5), name


def test_physics_points_are_those_of_the_whole_batch(tiny_data):
    """However many processes share it."""
    chosen = torch.arange(0, 1400, 7)
    made = {"rows": tiny_data.split.rows(TRAIN), "physics_points": 50}
    for world in (1, 2, 3):
        parts = [
            BatchDataset(tiny_data.points, tiny_data.processor, **made, rank=r, world=world)[chosen]
            for r in range(world)
        ]
        assert sum(len(part.physics.coords) for part in parts) == 50


RUNS = {
    "directions first": {"longitude_jitter_deg": 30.0, "physics_points": 40},
    "joint, with collocation": {
        "direction_training": "joint",
        "direction_by_strength": True,
        "collocation_points": 64,
    },
    "targets corrected": {"observation": "inverted", "w_tec_direction": 0.0},
}


@pytest.fixture(scope="module")
def curves(tmp_path_factory):
    """The total of each step of every run, by one process and as the mean over two; two starts serve all runs."""
    if not (torch.distributed.is_available() and torch.distributed.is_gloo_available()):
        pytest.skip("torch was built without gloo, by which processes speak to each other")
    found = {}
    for processes in (1, 2):
        folder = tmp_path_factory.mktemp(f"{processes}_processes")
        launch = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"] if processes == 2 else []
        command = [sys.executable, *launch, str(SCRIPT), str(folder), json.dumps(RUNS)]
        environment = {**os.environ, "OMP_NUM_THREADS": "1"}
        subprocess.run(command, check=True, capture_output=True, timeout=300, env=environment)
        for name in RUNS:
            parts = [np.load(folder / name / f"{rank}.npy") for rank in range(processes)]
            found[name, processes] = np.mean(parts, axis=0)
    return found


@pytest.mark.parametrize("name", RUNS)
def test_two_processes_have_the_loss_curve_of_one(curves, name):
    """Longitudes are moved, and points drawn, at random here, so the draw must be shared too."""
    one, two = curves[name, 1], curves[name, 2]
    assert len(one) == len(two) >= 20
    assert np.abs(one - two)[:20].max() < 1e-5
    assert one[15:20].mean() < one[:5].mean()
