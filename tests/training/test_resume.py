"""A run that was stopped goes on as if nothing had happened, and never touches what is not its own."""

import numpy as np
import pandas as pd
import pytest
import torch
from lightning.pytorch.callbacks import Callback

from rstmrf.data.run_data import RunData
from rstmrf.errors import InputError
from rstmrf.training.checkpoints import read_checkpoint
from rstmrf.training.log import history
from rstmrf.training.loop import train

pytestmark = pytest.mark.usefixtures("one_thread")


class Killed(BaseException):
    """Stands for a signal: nothing in the library catches it."""


class KillAt(Callback):
    """Ends the process, so to speak, in a step of an epoch; only in the phase whose log has a column."""

    def __init__(self, epoch, column, batch=1):
        self.epoch, self.column, self.batch = epoch, column, batch

    def on_train_batch_end(self, trainer, module, outputs, batch, batch_index):
        of_phase = hasattr(module, "direction_field") == (self.column == "dev_cosine")
        if of_phase and trainer.current_epoch == self.epoch and batch_index == self.batch:
            raise Killed


@pytest.fixture(scope="module")
def few(thin_observations, sample_tec, sample_indices, tiny_config):
    """Makes a run's data from every thirty-second profile, with longitudes moved at random."""
    chosen = thin_observations.isel(point=thin_observations["profile"].values % 32 == 0)

    def make(observations=chosen, **changes):
        config = tiny_config.changed(**{"epochs": 4, "longitude_jitter_deg": 20.0, "average_decay": 0.9, **changes})
        return RunData(observations, sample_tec, sample_indices, config)

    return make


@pytest.fixture(scope="module")
def whole(few, tmp_path_factory):
    """A run that nothing stopped."""
    folder = tmp_path_factory.mktemp("runs") / "whole"
    return train(few(), folder), folder


def assert_same(one, other):
    for name, value in one.state_dict().items():
        assert torch.equal(value, other.state_dict()[name]), name


def stopped(data, folder, *kills):
    """Train, killed at each of some moments, resumed after each."""
    for number, kill in enumerate(kills):
        with pytest.raises(Killed):
            train(data, folder, resume=number > 0, callbacks=[kill])
    return train(data, folder, resume=True)


@pytest.mark.parametrize(
    "kills",
    [
        [(1, "dev_rmse_dex")],
        [(1, "dev_rmse_dex"), (2, "dev_rmse_dex"), (3, "dev_rmse_dex")],
        [(0, "dev_rmse_dex")],
        [(1, "dev_cosine"), (2, "dev_cosine")],
        [(0, "dev_cosine"), (0, "dev_rmse_dex")],
    ],
    ids=["once", "three times", "before the first checkpoint", "while directions are learned", "early in both phases"],
)
def test_a_killed_run_ends_with_the_same_weights_and_the_same_log(few, whole, tmp_path, kills):
    model = stopped(few(), tmp_path / "run", *(KillAt(*kill) for kill in kills))
    assert_same(model, whole[0])
    for part in (".", "head"):
        ours, theirs = (pd.read_csv(folder / part / "metrics.csv") for folder in (tmp_path / "run", whole[1]))
        drop = ["process_mb", "cuda_mb"]
        ours, theirs = (log.drop(columns=drop, errors="ignore").dropna(how="all") for log in (ours, theirs))
        kept = [
            log.dropna(subset=["epoch"]).sort_values(["epoch", "step"]).reset_index(drop=True) for log in (ours, theirs)
        ]
        pd.testing.assert_frame_equal(kept[0], kept[1][kept[0].columns])


def test_directions_are_the_same_to_the_last_bit_after_a_stop(few, tmp_path):
    """A running average of weights that do not learn once rounded them, and with them the table of directions."""
    changes = {"average_decay": 0.995, "collocation_points": 64, "w_tec_direction": 0.5}
    whole = train(few(**changes), tmp_path / "whole")
    assert_same(stopped(few(**changes), tmp_path / "run", KillAt(2, "dev_rmse_dex")), whole)
    ends = [tmp_path / "run" / part / "checkpoints" / "last.ckpt" for part in ("head", ".")]
    learned, kept = (read_checkpoint(path)["state_dict"] for path in ends)
    for name, value in learned.items():
        assert torch.equal(kept[f"model.{name}"], value), name


def test_no_path_in_a_checkpoint_is_followed(few, tmp_path):
    """A checkpoint of somebody else names what a run then takes away: only its own files may be."""
    outside = tmp_path / "precious"
    outside.mkdir()
    (outside / "thesis.txt").write_text("years of work")
    train(few(), tmp_path / "run")
    last = tmp_path / "run" / "checkpoints" / "last.ckpt"
    content = read_checkpoint(last)
    for state in content["callbacks"].values():
        if "best_model_path" in state:
            state["best_model_path"] = str(last.parent / ".." / ".." / "precious")
            state["kth_best_model_path"] = state["last_model_path"] = state["best_model_path"]
            state["best_k_models"] = {state["best_model_path"]: torch.tensor(9.0)}
    torch.save(content, last)
    more = few()
    more.config = more.config.changed(epochs=6)
    train(more, tmp_path / "run", resume=True)
    assert (outside / "thesis.txt").read_text() == "years of work"


def test_a_folder_may_be_moved_before_the_run_goes_on(few, whole, tmp_path):
    with pytest.raises(Killed):
        train(few(), tmp_path / "here", callbacks=[KillAt(2, "dev_rmse_dex")])
    (tmp_path / "here").rename(tmp_path / "there")
    model = train(few(), tmp_path / "there", resume=True)
    assert_same(model, whole[0])


def test_fewer_epochs_than_were_done_are_refused(few, whole):
    shorter = few()
    shorter.config = shorter.config.changed(epochs=2)
    with pytest.raises(InputError, match=r"resume: epochs=2, but the run in .* has done 4; give at least so many"):
        train(shorter, whole[1], resume=True)


def test_other_data_under_the_same_settings_are_refused(few, whole, thin_observations):
    other = thin_observations.isel(point=thin_observations["profile"].values % 32 == 8)
    with pytest.raises(InputError, match=r"resume: the (split|data) of the run in .* is \w+, here it is \w+"):
        train(few(other), whole[1], resume=True)


def test_a_new_run_in_a_used_folder_keeps_nothing_of_the_old_one(few, tmp_path):
    train(few(save_interval=1), tmp_path / "run")
    shorter = few(save_interval=1)
    shorter.config = shorter.config.changed(epochs=1)
    train(shorter, tmp_path / "run")
    names = sorted(file.name for file in (tmp_path / "run" / "checkpoints").iterdir())
    assert names == ["best-epoch=000.ckpt", "epoch=000.ckpt", "last.ckpt"]
    assert list(history(tmp_path / "run").index) == [0]


def test_half_a_line_of_the_log_is_no_loss(few, whole, tmp_path):
    with pytest.raises(Killed):
        train(few(), tmp_path / "run", callbacks=[KillAt(2, "dev_rmse_dex")])
    log = tmp_path / "run" / "metrics.csv"
    log.write_text(log.read_text() + "0.12,0.3")
    train(few(), tmp_path / "run", resume=True)
    assert np.allclose(history(tmp_path / "run")["dev_rmse_dex"], history(whole[1])["dev_rmse_dex"], rtol=0, atol=0)


def test_callbacks_of_the_user_stand_beside_ours(few, tmp_path):
    seen = []

    class Counts(Callback):
        def on_train_epoch_end(self, trainer, module):
            seen.append(trainer.current_epoch)

    train(few(direction_source="observed"), tmp_path / "run", callbacks=Counts())
    assert seen == [0, 1, 2, 3] and (tmp_path / "run" / "checkpoints" / "last.ckpt").exists()
