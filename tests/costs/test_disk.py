"""Sizes on disk are foreseen within five per cent."""

import pytest
import torch

from rstmrf.config import RunConfig
from rstmrf.costs import disk
from rstmrf.data.run_data import RunData
from rstmrf.model.weights import save_model
from rstmrf.model.whole import RSTMRF
from rstmrf.training.log import memory_history
from rstmrf.training.loop import train

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(scope="module")
def sized_data(thin_observations, sample_tec, sample_indices, tiny_config):
    """Makes a run's data from every thirty-second profile, for a model of the default width."""
    chosen = thin_observations.isel(point=thin_observations["profile"].values % 32 == 0)
    config = tiny_config.changed(basis_dim=64, siren_hidden=128, siren_layers=2, epochs=4, save_interval=2)

    def make(**changes):
        return RunData(chosen, sample_tec, sample_indices, config.changed(**changes))

    return make


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"save_best_only": True, "average_decay": 0.9},
        {"save_optimizer": False, "average_decay": 0.9},
        {"compress": "gzip"},
        {"compress": "zstd", "save_optimizer": False, "save_interval": 1},
    ],
    ids=lambda changes: ",".join(changes) or "default",
)
def test_a_run_takes_what_was_foreseen(sized_data, tmp_path, changes):
    data = sized_data(**changes)
    model = train(data, tmp_path / "run")
    save_model(model, data.config, tmp_path / "run")
    measured = disk.measure_run(tmp_path / "run")
    foreseen = disk.predict_run(data.config, batches=len(data.train_dataloader()))
    assert (measured["files"] == foreseen["files"])[:5].all(), measured
    assert foreseen["bytes"].sum() == pytest.approx(measured["bytes"].sum(), rel=0.05)


def test_a_run_goes_on_from_compressed_files_without_optimizer(sized_data, tmp_path):
    settings = {"compress": "zstd", "save_optimizer": False}
    steps = len(sized_data().train_dataloader())
    for epochs in (1, 2):
        train(sized_data(epochs=epochs, **settings), tmp_path / "run", resume=epochs == 2)
    from rstmrf.training.checkpoints import read_checkpoint

    assert read_checkpoint(tmp_path / "run" / "checkpoints" / "last.ckpt")["global_step"] == 2 * steps


def test_memory_is_logged_every_ten_batches(sized_data, tmp_path):
    data = sized_data(epochs=1, batch_size=16)
    train(data, tmp_path / "run")
    log = memory_history(tmp_path / "run")
    batches = len(data.train_dataloader())
    assert len(log) == -(-batches // 10) > 2 and list(log.columns) == ["process_mb"]
    assert log["process_mb"].between(100, 20_000).all()


def test_sizes_of_weights():
    model = RSTMRF(RunConfig(), 48.0)
    sizes = disk.weight_sizes(model)["bytes"]
    plain = 4 * sum(p.numel() for p in model.state_dict().values())
    assert sizes["float32"] == pytest.approx(plain, rel=0.01)
    assert sizes["float16"] == pytest.approx(plain / 2, rel=0.01)
    assert sizes["float32 with optimizer"] == pytest.approx(3 * plain, rel=0.03)
    assert 0.85 * plain < sizes["float32, gzip"] < plain  # random mantissas hardly give way


def test_cache_of_the_document():
    """720 h of maps of 46 × 91, and of two indices."""
    assert disk.cache_bytes(RunConfig(), 720) == {"TEC maps": 720 * 46 * 91 * 4, "space weather": 5760}


def test_sizes_of_half_precision_are_those_of_the_file(tmp_path):
    model = RSTMRF(RunConfig(basis_dim=8, siren_hidden=8), 48.0)
    from safetensors.torch import save_file

    save_file({k: v.half().contiguous() for k, v in model.state_dict().items()}, tmp_path / "half.safetensors")
    assert disk.weight_sizes(model)["bytes"]["float16"] == (tmp_path / "half.safetensors").stat().st_size
    assert all(v.dtype == torch.float32 for v in model.state_dict().values())
