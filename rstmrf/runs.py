"""A run from its paths to what is kept of it: the notebook shows it step by step, the command does it at once."""

import json
from pathlib import Path
from typing import NamedTuple

import numpy as np
import xarray as xr

from rstmrf.config import RunConfig
from rstmrf.data.run_data import RunData
from rstmrf.data.saved_run import save_run
from rstmrf.errors import InputError
from rstmrf.evaluation.evaluate import PARTS, Evaluation, evaluate
from rstmrf.model.ensemble import member_name
from rstmrf.model.weights import load_model, write_json
from rstmrf.model.whole import RSTMRF
from rstmrf.predict.load import members_of
from rstmrf.readers.inputs import load_inputs
from rstmrf.training.inversion import correct_targets
from rstmrf.training.run_folder import METRICS, PATHS
from rstmrf.uncertainty import Ensemble, error_sigma, train


class Run(NamedTuple):
    """A trained model, the data of its run, and its scores on what was held out."""

    model: RSTMRF | Ensemble
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
    data = RunData(*load_inputs(config, **paths, progress=progress), config)
    model = train(data, run_dir, resume=resume, progress=progress)
    run = Run(model, data, evaluate(model, data))
    finish_run(run_dir, *run, paths)
    return run


def finish_run(run_dir, model: RSTMRF | Ensemble, data: RunData, evaluation: Evaluation, paths: dict[str, str]) -> dict:
    """Write what `rstmrf.load` needs, the scores, and where the inputs came from; returns the scores."""
    folder, about = Path(run_dir), {"rmse_held_out_dex": evaluation.overall.to_dict()}
    if isinstance(model, Ensemble):
        model.saved(folder, data, [member_name(one.config.seed) for one in model.models])
    else:
        save_run(folder, model, data, training=about)
    digests = {"split": data.split.digest, "data": data.fingerprint()}
    metrics = evaluation.as_dict() | {"seed": data.config.seed, **digests}
    for name, content in ((METRICS, metrics), (PATHS, paths)):
        write_json(folder / name, content)
    return metrics


class OpenedRun(NamedTuple):
    """A run's model or ensemble, its data, and its TEC maps at full resolution, None where it has none."""

    model: RSTMRF | Ensemble
    data: RunData
    tec: xr.Dataset | None


def open_run(run_dir, **paths: str) -> OpenedRun:
    """What a run was made of, read again from where it came from; given `paths` go before those kept.

    Raises:
        InputError: no run in the folder, or inputs that are no longer those it was trained on.
    """
    folder = Path(run_dir)
    members, scale = members_of(folder)
    models = [load_model(member) for member in members]
    config = models[0].config
    model = models[0].model if scale is None else Ensemble([one.model for one in models], scale)
    kept = read_json(folder / PATHS)
    inputs = load_inputs(config, **(kept | {k: v for k, v in paths.items() if v}))
    data = RunData(*inputs, config)
    trained_on = read_json(folder / METRICS)["data"]
    if data.fingerprint() != trained_on:
        raise InputError(
            f"{folder}: its inputs have changed since training (data {trained_on}, now {data.fingerprint()}), so that "
            "what was held out cannot be told; give the files it was trained on"
        )
    if config.observation != "density":
        correct_targets(data, models[0].model, members[0])  # baselines are made of the same
    return OpenedRun(model, data, inputs.tec)


def stated_error_sigma(model, data: RunData, part: str) -> np.ndarray | None:
    """σ [dex] of observed less predicted at the points of a part, by its name in `evaluation.evaluate.PARTS`.

    None where the run states no σ, or states that of corrected observations ("inverted"), which a part does not hold.
    """
    states = any(one.spread is not None for one in getattr(model, "models", (model,)))
    if not states or data.config.observation == "inverted" or part not in PARTS:
        return None
    return error_sigma(model, data, data.part(PARTS[part])).numpy()


def read_json(path: Path) -> dict:
    """A JSON file of a run.

    Raises:
        InputError: it is absent or damaged.
    """
    try:
        return json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: cannot be read ({error}); give the folder of a finished run") from None
