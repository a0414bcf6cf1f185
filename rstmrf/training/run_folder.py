"""The folder of a run: what is in it when training starts, and whether a stopped run may go on from there."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from filelock import FileLock, Timeout
from lightning.pytorch.utilities import rank_zero_only

from rstmrf.config import RunConfig
from rstmrf.data.saved_run import INPUTS
from rstmrf.errors import InputError
from rstmrf.files import read_json
from rstmrf.model.ensemble import ENSEMBLE, MEMBERS
from rstmrf.model.weights import DESCRIPTION, WEIGHTS
from rstmrf.training import log
from rstmrf.training.checkpoints import LAST, read_checkpoint

CHECKPOINTS, HEAD, CONFIG = "checkpoints", "head", "config.json"
PATHS, METRICS = "paths.json", "metrics.json"
FINISHED = "directions.safetensors"  # of the ConvLSTM, in the folder of its own training
#: what a run that came to its end has left
PRODUCTS = (WEIGHTS, DESCRIPTION, INPUTS, ENSEMBLE, METRICS, PATHS)
LOCK, HOLDER = ".lock", ".holder"
MAY_CHANGE = ("epochs", "patience")


@contextmanager
def held(run_dir: Path) -> Iterator[None]:
    """Keep a run's folder from other runs; the system lets go of it when the process ends, in whatever way.

    Raises:
        InputError: another run has it; the sentence says which process, and since when.
    """
    if rank_zero_only.rank or not run_dir.is_dir():  # of several processes the first holds it for all
        yield
        return
    lock, holder = FileLock(run_dir / LOCK, timeout=0), run_dir / HOLDER
    try:
        lock.acquire()
    except Timeout:
        who = holder.read_text().strip() if holder.exists() else "another process"
        raise InputError(f"run_dir={run_dir} is in use by {who}; let that run end, or give another run_dir") from None
    try:
        holder.write_text(f"process {os.getpid()} since {datetime.now(UTC):%Y-%m-%d %H:%M:%S} UTC\n")
        yield
    finally:
        for name in (HOLDER, LOCK):
            (run_dir / name).unlink(missing_ok=True)
        lock.release()


def identity(data) -> dict[str, str]:
    """What names the data of a run, `RunData`: checkpoints carry it, and a run goes on with the same alone."""
    return {"split": data.split.digest, "data": data.fingerprint()}


@rank_zero_only  # processes meet when the trainer starts, after this
def start_anew(run_dir: Path, config: RunConfig) -> None:
    """Begin a run in a folder of which nothing that an earlier run left is counted, kept or gone on from."""
    clear(run_dir)
    run_dir.mkdir(parents=True, exist_ok=True)
    config.save(run_dir / CONFIG)


@rank_zero_only
def clear(run_dir: Path) -> None:
    """Take away what an earlier run left: nobody shall load its weights or scores as those of the next one.

    Only files of a run's own names go, those of an ensemble's members too; a folder that is left empty goes with them.

    Raises:
        InputError: files have such names, and no run of this library left them.
    """
    members = [folder for folder in sorted(run_dir.glob(MEMBERS)) if folder.is_dir()]
    left = {folder: _own_files(folder) for folder in (*members, run_dir)}
    for folder, own in left.items():
        if own and not _left_by_a_run(folder):
            names = ", ".join(str(path.relative_to(run_dir)) for path in own[:5])
            raise InputError(
                f"run_dir={run_dir} holds {names}, which no run of this library left; "
                "move away what is to be kept, or give another run_dir"
            )
    for folder, own in left.items():
        for path in own:
            path.unlink(missing_ok=True)
        emptied = [folder / name for name in (CHECKPOINTS, f"{HEAD}/{CHECKPOINTS}", HEAD)]
        for place in [*emptied, folder] if own and folder != run_dir else emptied:
            if place.is_dir() and not place.is_symlink() and not any(place.iterdir()):
                place.rmdir()


def _own_files(folder: Path) -> list[Path]:
    """Files as a run leaves them; the settings come last, for by them it is told that a run left the others."""
    found = [path for name in (CHECKPOINTS, f"{HEAD}/{CHECKPOINTS}") for path in sorted((folder / name).glob("*.ckpt"))]
    names = (f"{HEAD}/{log.NAME}", f"{HEAD}/{FINISHED}", log.NAME, *PRODUCTS, CONFIG)
    return found + [path for path in (folder / name for name in names) if path.is_file()]


def _left_by_a_run(folder: Path) -> bool:
    """Whether there are settings, of another version perhaps, or a model's description."""
    if not (folder / CONFIG).exists():
        return (folder / DESCRIPTION).exists() or (folder / ENSEMBLE).exists()
    try:
        settings = read_json(folder / CONFIG, "a run's settings")
    except InputError:
        return False
    return len(settings.keys() & RunConfig.model_fields.keys()) > len(RunConfig.model_fields) / 2


def go_on(run_dir: Path, config: RunConfig, run: dict[str, str]) -> Path | None:
    """The checkpoint from which a stopped run goes on; None: it was stopped before its first one.

    Args:
        run: `identity` of the data at hand.

    Raises:
        InputError: no run is there, or one of other settings or other data.
    """
    if not (run_dir / CONFIG).exists():
        raise InputError(f"resume: {run_dir} holds no run; train first, or give the run_dir of a run that was stopped")
    saved = RunConfig.load(run_dir / CONFIG)
    other = [
        f"{key} ({value} there, {getattr(config, key)} here)"
        for key, value in saved
        if value != getattr(config, key) and key not in MAY_CHANGE
    ]
    if other:
        may = " and ".join(MAY_CHANGE)
        raise InputError(f"resume: {', '.join(other)} differ from the run in {run_dir}; only {may} may")
    last = checkpoint_to_go_on_from(run_dir, run)
    if last is not None:
        state = read_checkpoint(last)
        if state["epoch"] >= config.epochs:
            done = state["epoch"] + 1
            raise InputError(
                f"resume: epochs={config.epochs}, but the run in {run_dir} has done {done}; give at least so many"
            )
        log.rows_until(run_dir, state["global_step"])
    _save(config, run_dir)
    return last


@rank_zero_only
def _save(config: RunConfig, run_dir: Path) -> None:
    config.save(run_dir / CONFIG)


def checkpoint_to_go_on_from(folder: Path, run: dict[str, str]) -> Path | None:
    """The last checkpoint below a folder, if there is one; InputError where it is of other data."""
    last = folder / CHECKPOINTS / LAST
    if not last.exists():
        return None
    saved = read_checkpoint(last).get("run", {})
    for name, value in run.items():
        if saved.get(name) != value:
            raise InputError(
                f"resume: the {name} of the run in {folder} is {saved.get(name)}, here it is {value}; "
                "a run goes on with the observations, maps and indices that it began with"
            )
    return last
