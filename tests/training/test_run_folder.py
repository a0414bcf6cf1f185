"""One folder, one run at a time; who is killed lets go of it."""

import os
import subprocess
import sys

import pytest
from lightning.pytorch.callbacks import Callback

import rstmrf
from rstmrf.config import RunConfig
from rstmrf.data.run_data import RunData
from rstmrf.errors import InputError
from rstmrf.training.loop import train
from rstmrf.training.run_folder import HOLDER, LOCK, clear, held

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


def left_by_a_run(folder):
    """Files as a run leaves them."""
    for name in (
        "checkpoints/last.ckpt",
        "head/checkpoints/last.ckpt",
        "head/metrics.csv",
        "head/directions.safetensors",
    ):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"old")
    for name in ("metrics.csv", "model.safetensors", "model.json", "inputs.nc", "metrics.json", "paths.json"):
        (folder / name).write_bytes(b"old")
    RunConfig().save(folder / "config.json")


def test_what_a_run_left_is_taken_away_and_nothing_else(tmp_path):
    for name in ("", "seed-0", "seed-7"):
        left_by_a_run(tmp_path / name)
    (tmp_path / "ensemble.json").write_text("{}")
    (tmp_path / "seed-notes").mkdir()
    others = ["ne.nc", "checkpoints/other_project.pt", "head/notes.txt", "seed-7/ne.png"]
    for name in others:
        (tmp_path / name).write_text("mine")
    clear(tmp_path)
    assert sorted(str(p.relative_to(tmp_path)) for p in tmp_path.rglob("*") if p.is_file()) == sorted(others)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["checkpoints", "head", "ne.nc", "seed-7", "seed-notes"]


def test_checkpoints_may_lie_on_another_disk(tmp_path):
    run, scratch = tmp_path / "run", tmp_path / "scratch"
    left_by_a_run(run)
    scratch.mkdir()
    (run / "checkpoints" / "last.ckpt").rename(scratch / "last.ckpt")
    (run / "checkpoints").rmdir()
    (run / "checkpoints").symlink_to(scratch)
    clear(run)
    assert (run / "checkpoints").is_symlink() and not list(scratch.iterdir())


@pytest.mark.parametrize("name", ["inputs.nc", "config.json", "checkpoints/a.ckpt", "seed-1/config.json"])
def test_files_of_such_names_that_no_run_left_are_refused(tmp_path, name, tiny_data):
    """A folder of another project, whose files happen to be named as a run's are."""
    place = tmp_path / name
    place.parent.mkdir(exist_ok=True)
    place.write_text('{"mine": 1}')
    with pytest.raises(InputError, match=f"holds {name}, which no run of this library left; move away"):
        train(tiny_data, tmp_path)
    assert place.exists()


def test_an_ensemble_takes_nothing_from_a_run_that_goes_on(tmp_path, tiny_data):
    data = tiny_data.with_seed(0)
    data.config = data.config.changed(ensemble_size=2)
    for busy in ("", "seed-1"):
        run = tmp_path / (busy or "single")
        for folder in {run, run / busy}:
            left_by_a_run(folder)
        before = sorted(run.rglob("*"))
        with held(run / busy), pytest.raises(InputError, match="is in use by process"):
            rstmrf.train(data, run)
        assert sorted(run.rglob("*")) == before


def test_members_of_an_earlier_ensemble_are_not_gone_on_from(tmp_path, tiny_data):
    class Stop(Callback):
        def on_train_start(self, trainer, module):
            raise KeyboardInterrupt

    data = tiny_data.with_seed(0)
    data.config = data.config.changed(ensemble_size=2)
    for seed in (0, 1, 2):
        left_by_a_run(tmp_path / f"seed-{seed}")
    with pytest.raises(KeyboardInterrupt):
        rstmrf.train(data, tmp_path, callbacks=[Stop()])
    assert sorted(p.name for p in tmp_path.iterdir()) == ["seed-0"]


@pytest.mark.parametrize("size", [1, 2])
def test_a_file_in_the_place_of_a_run_is_named(tmp_path, tiny_data, size):
    data = tiny_data.with_seed(0)
    data.config = data.config.changed(ensemble_size=size)
    (tmp_path / "run").write_text("a file")
    with pytest.raises(
        InputError, match=r"run: cannot be written, because a file stands in the place of a folder: .*run; give another"
    ):
        rstmrf.train(data, tmp_path / "run")
