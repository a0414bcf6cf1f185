"""A full disk: one sentence, nothing that was saved is lost, and nothing half written is left.

A limit of the size of files stands for the disk; the system refuses what goes beyond it in the same way.
"""

import errno
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from rstmrf.errors import InputError
from rstmrf.files import whole_file, write_whole, writing

resource = pytest.importorskip("resource")
SMALL_RUN = """
import resource, sys
from pathlib import Path
import torch
from lightning.pytorch.callbacks import Callback
sys.path.insert(0, sys.argv[2])
from shared_run import SMALL
from rstmrf.config import RunConfig
from rstmrf.data.run_data import RunData
from rstmrf.readers import sample
from rstmrf.training.loop import train

torch.set_num_threads(1)
some = sample.observations()
some = some.isel(point=some["profile"].values % 32 == 0)
data = RunData(some, sample.tec(), sample.indices(), RunConfig(**{**SMALL, "epochs": 3}))

class Trouble(Callback):
    def on_train_batch_start(self, trainer, module, batch, index):
        if hasattr(module, "model") and trainer.current_epoch == 1 and index == 0:
            if sys.argv[3] == "full":
                resource.setrlimit(resource.RLIMIT_FSIZE, (1000, resource.RLIM_INFINITY))
            else:
                raise KeyboardInterrupt

try:
    train(data, sys.argv[1], callbacks=[Trouble()])
except BaseException as error:
    print(type(error).__name__, error)
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
train(data, sys.argv[1], resume=True)
print("went on")
"""


@pytest.mark.parametrize(
    ("trouble", "said"),
    [("full", "InputError run: cannot be written (File too large); free space"), ("interrupted", "KeyboardInterrupt")],
)
def test_a_run_that_cannot_go_on_says_so_and_loses_nothing(tmp_path, trouble, said):
    here = Path(__file__).parent / "training"
    command = [sys.executable, "-c", SMALL_RUN, "run", str(here), trouble]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=300)
    assert said in done.stdout and "resume=True goes on" in done.stdout, done.stderr[-2000:]
    assert done.stdout.strip().endswith("went on")
    assert not list((tmp_path / "run").rglob("*.part"))


@pytest.fixture
def little_space():
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_what_was_there_stays_where_the_new_one_does_not_fit(tmp_path, little_space):
    place = tmp_path / "model.safetensors"
    write_whole(place, b"old")
    with pytest.raises(InputError, match=r"the weights: cannot be written \(File too large\)"), writing("the weights"):
        write_whole(place, b"n" * 5000)
    assert place.read_bytes() == b"old" and [path.name for path in tmp_path.iterdir()] == ["model.safetensors"]


def test_a_folder_that_may_not_be_written_is_named(tmp_path, monkeypatch):
    def refused(*_, **__):
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(Path, "mkdir", refused)
    sentence = r"--out nowhere.nc: cannot be written \(Permission denied\); free space there, or give another place"
    with pytest.raises(InputError, match=sentence), writing("--out nowhere.nc"), whole_file(tmp_path / "nowhere.nc"):
        pass


def test_other_errors_are_not_taken_for_a_full_disk(tmp_path):
    with pytest.raises(ConnectionError), writing(tmp_path):
        raise ConnectionError(errno.ECONNRESET, "reset")
    with pytest.raises(ZeroDivisionError), whole_file(tmp_path / "half.nc") as place:
        place.write_text("half")
        raise ZeroDivisionError
    assert not list(tmp_path.iterdir())
