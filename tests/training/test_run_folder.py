"""One folder, one run at a time; who is killed lets go of it."""

import os
import subprocess
import sys

import pytest
from lightning.pytorch.callbacks import Callback

from rstmrf.data.run_data import RunData
from rstmrf.errors import InputError
from rstmrf.training.loop import train
from rstmrf.training.run_folder import HOLDER, LOCK, held

HOLD = """
import sys, time
from pathlib import Path
from rstmrf.training.run_folder import held
with held(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(600)
"""


def test_a_second_run_is_refused_and_the_first_goes_on(
    tmp_path, thin_observations, sample_tec, sample_indices, tiny_config
):
    data = RunData(thin_observations, sample_tec, sample_indices, tiny_config.changed(epochs=1, head_epochs=1))
    phases = []

    class Second(Callback):
        def on_train_start(self, trainer, module):
            phases.append(type(module).__name__)
            for resume in (False, True):
                with pytest.raises(InputError, match=f"is in use by process {os.getpid()} since 20.* give another"):
                    train(data, tmp_path / "run", resume=resume)

    train(data, tmp_path / "run", callbacks=[Second()])
    assert len(phases) == 2  # that of the directions, and that of the density
    assert not any((tmp_path / "run" / name).exists() for name in (LOCK, HOLDER))


def test_a_process_that_is_killed_lets_go(tmp_path):
    with subprocess.Popen([sys.executable, "-c", HOLD, tmp_path], stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout.readline() == "held\n"
        with pytest.raises(InputError, match=f"is in use by process {other.pid} since"), held(tmp_path):
            pass
        other.kill()
    assert (tmp_path / HOLDER).exists()
    with held(tmp_path):
        assert f"process {os.getpid()} " in (tmp_path / HOLDER).read_text()


def test_to_go_on_without_a_run_makes_no_folder(tmp_path):
    with held(tmp_path / "none"):
        assert not (tmp_path / "none").exists()
