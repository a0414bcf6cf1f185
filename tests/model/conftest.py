"""A small batch of random but plausible numbers, and a model that fits it."""

import pytest
import torch

from rstmrf.config import RunConfig
from rstmrf.data.batch import Batch
from rstmrf.presets import DOCUMENT_MODE

SMALL = {"basis_dim": 6, "siren_hidden": 12, "siren_layers": 2, "lstm_layers": 1, "tec_feat_dim": 3, "seq_len": 2}


@pytest.fixture(params=["default", "document"])
def config(request):
    changes = DOCUMENT_MODE if request.param == "document" else {}
    return RunConfig(**{**SMALL, **changes})


@pytest.fixture
def small_batch():
    def make(dtype=torch.float64, points=24, windows=3):
        draw = torch.Generator().manual_seed(1)
        random = torch.rand(points, 4, generator=draw, dtype=torch.float64)
        low = torch.tensor([-80.0, -180.0, 120.0, 0.0], dtype=torch.float64)
        high = torch.tensor([80.0, 180.0, 500.0, 48.0], dtype=torch.float64)
        background = torch.randn(points, 5, generator=draw, dtype=torch.float64)
        background *= torch.tensor([0.3, 2e-4, 2e-4, 5e-3, 1e-4], dtype=torch.float64)
        background[:, 0] += 11.0
        maps = 20 + 5 * torch.randn(windows, 2, 1, 13, 24, generator=draw, dtype=torch.float64)
        maps = torch.cat([maps, maps[..., :1]], dim=-1).to(dtype)
        weather = torch.rand(windows, 2, 2, generator=draw, dtype=torch.float64) * torch.tensor([9.0, 200.0])
        return Batch(
            coords=(low + random * (high - low)).to(dtype),
            target_ne=(background[:, 0] + 0.2).to(dtype),
            background=background.to(dtype),
            tec_indices=torch.arange(points) % windows,
            unique_sw_seq=weather.to(dtype),
            unique_tec_map_seq=maps,
            target_tec_map=maps[:, -1],
        )

    return make
