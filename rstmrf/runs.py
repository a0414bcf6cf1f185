"""A run from its paths to what is kept of it: the notebook shows it step by step, the command does it at once."""

import json
from pathlib import Path
from typing import NamedTuple

from rstmrf.config import RunConfig
from rstmrf.data.run_data import RunData
from rstmrf.data.saved_run import save_run
from rstmrf.errors import InputError
from rstmrf.evaluation.evaluate import Evaluation, evaluate
from rstmrf.model.weights import load_model, write_json
from rstmrf.model.whole import RSTMRF
from rstmrf.readers.inputs import load_inputs
from rstmrf.training.loop import train

PATHS, METRICS = "paths.json", "metrics.json"


class Run(NamedTuple):
    """A trained model, the data of its run, and its scores on what was held out."""

    model: RSTMRF
    data: RunData
    evaluation: Evaluation


def run_training(config: RunConfig, paths: dict[str, str], run_dir, *, resume=False, progress=False) -> Run:
    """Read the inputs, train, score on what was held out, and keep all of it in `run_dir`.

    Args:
        paths: `obs_path`, `tec_path`, `drivers_path` and `start` of `load_inputs`; none: the packaged sample.
        resume: go on from the folder's last checkpoint; progress: show bars.

    Raises:
        InputError: inputs or settings that cannot be used.
    """
    data = RunData(*load_inputs(config, **paths), config)
    model = train(data, run_dir, resume=resume, progress=progress)
    run = Run(model, data, evaluate(model, data))
    finish_run(run_dir, *run, paths)
    return run


def finish_run(run_dir, model: RSTMRF, data: RunData, evaluation: Evaluation, paths: dict[str, str]) -> dict:
    """Write what `rstmrf.load` needs, the scores, and where the inputs came from; returns the scores."""
    folder = save_run(run_dir, model, data, training={"rmse_held_out_dex": evaluation.overall.to_dict()})
    digests = {"split": data.split.digest, "data": data.fingerprint()}
    metrics = evaluation.as_dict() | {"seed": data.config.seed, **digests}
    for name, content in ((METRICS, metrics), (PATHS, paths)):
        write_json(folder / name, content)
    return metrics


def open_run(run_dir, **paths: str) -> tuple[RSTMRF, RunData]:
    """A run's model and its data, read again from where they came from; given `paths` go before those kept.

    Raises:
        InputError: no run in the folder, or inputs that are no longer those it was trained on.
    """
    folder = Path(run_dir)
    model, config = load_model(folder)[:2]
    kept = read_json(folder / PATHS)
    data = RunData(*load_inputs(config, **(kept | {k: v for k, v in paths.items() if v})), config)
    trained_on = read_json(folder / METRICS)["data"]
    if data.fingerprint() != trained_on:
        raise InputError(
            f"{folder}: its inputs have changed since training (data {trained_on}, now {data.fingerprint()}), so that "
            "what was held out cannot be told; give the files it was trained on"
        )
    return model, data


def read_json(path: Path) -> dict:
    """A JSON file of a run.

    Raises:
        InputError: it is absent or damaged.
    """
    try:
        return json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: cannot be read ({error}); give the folder of a finished run") from None
