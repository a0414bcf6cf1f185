"""What every test shares: shapes checked as types, the packaged sample, a small run, and the folder of real files."""

import os
from pathlib import Path

import matplotlib
import pytest
from hypothesis import settings
from jaxtyping import install_import_hook

# Before any of these is imported. The readers stay out: they refuse a user's wrong types with sentences of their own.
SHAPES_CHECKED = [
    "globe",
    "background.iri",
    "background.maps",
    "background.profile",
    "background.days",
    "model",
    "data.batch",
    "data.windows",
    "data.splits",
    "data.run_data",
]
SHAPES_CHECKED += ["training.losses", "training.loop", "predict"]
install_import_hook([f"rstmrf.{name}" for name in SHAPES_CHECKED], "beartype.beartype")
matplotlib.use("agg")  # not in the environment: kernels of notebooks under test would inherit it
settings.register_profile("rstmrf", deadline=None, derandomize=True)
settings.load_profile("rstmrf")

ROOT = Path(__file__).resolve().parents[1]
REAL_FILES = Path(os.environ.get("RSTMRF_REAL_DATA", ROOT.parent / "shared" / "data"))


@pytest.fixture
def real_file():
    """Path of a genuine file by its name within the folder of real files; skips where that folder is absent."""

    def find(name: str) -> Path:
        path = REAL_FILES / name
        if not path.exists():
            pytest.skip(f"real file {name} is not here; set RSTMRF_REAL_DATA to the folder that holds it")
        return path

    return find


@pytest.fixture(scope="module")
def one_thread():
    """Threads of torch and of numpy, taking turns, wait for each other where processors are few."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def sample_tec():
    from rstmrf.readers import sample

    return sample.tec()


@pytest.fixture(scope="session")
def sample_indices():
    from rstmrf.readers import sample

    return sample.indices()


@pytest.fixture(scope="session")
def thin_observations():
    """Every eighth profile of the sample."""
    from rstmrf.readers import sample

    observations = sample.observations()
    return observations.isel(point=observations["profile"].values % 8 == 0)


@pytest.fixture(scope="session")
def tiny_config():
    """Settings of a model and a run that take a second or two."""
    from rstmrf.config import RunConfig

    return RunConfig(
        batch_size=256,
        epochs=2,
        warmup_steps=5,
        average_decay=0.0,
        basis_dim=8,
        siren_hidden=16,
        siren_layers=1,
        lstm_layers=1,
        seq_len=3,
        tec_downsample_factor=30,
        tec_feat_dim=4,
        head_epochs=3,
    )


@pytest.fixture(scope="session")
def tiny_data(thin_observations, sample_tec, sample_indices, tiny_config):
    """A run's data from an eighth of the sample."""
    from rstmrf.data.run_data import RunData

    return RunData(thin_observations, sample_tec, sample_indices, tiny_config)


@pytest.fixture(scope="session")
def trained(tiny_data, tmp_path_factory):
    """A model of two epochs and the folder of its run."""
    from rstmrf.training.loop import train

    run_dir = tmp_path_factory.mktemp("runs") / "tiny"
    return train(tiny_data, run_dir), run_dir
