"""Weights for sharing: safetensors and a JSON beside it. Nothing that is loaded can run code."""

import hashlib
import json
import math
from importlib.metadata import version
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load, save

from rstmrf.config import RunConfig
from rstmrf.errors import InputError, quoted
from rstmrf.files import given_path, read_bytes, read_json
from rstmrf.model.whole import RSTMRF

#: of the weights' file; that of the default settings has half a megabyte
LARGEST_MB, LONGEST_HOURS = 256, 24 * 366 * 100


def save_model(model: RSTMRF, config: RunConfig, folder, **provenance) -> Path:
    """Write `model.safetensors` and `model.json` (settings and provenance) into a folder; returns the former's path.

    Args:
        provenance: anything JSON holds: the data's fingerprint, the split's hash, the first day.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    content = save({name: value.contiguous() for name, value in model.state_dict().items()})
    description = {
        "rstmrf": version("rstmrf"),
        "sha256": hashlib.sha256(content).hexdigest(),
        "config": config.model_dump(),
        "duration_hours": model.residual_field.duration_hours,
        **provenance,
    }
    (folder / "model.json").write_text(json.dumps(description, indent=2) + "\n")
    path = folder / "model.safetensors"
    path.write_bytes(content)
    return path


def load_model(folder) -> tuple[RSTMRF, RunConfig]:
    """Read what `save_model` wrote.

    Raises:
        InputError: files missing or damaged, weights that do not fit the settings beside them, that are not finite, or
            whose hash is not the one stated.
    """
    folder = given_path(folder, "a folder with model.safetensors and model.json")
    try:
        description = read_json(folder / "model.json", "the settings of a model")
        config = RunConfig(**description["config"])
        duration_hours = description["duration_hours"]
        if type(duration_hours) not in (int, float) or not 0 < duration_hours <= LONGEST_HOURS:
            raise ValueError(f"duration_hours is {duration_hours!r}, accepted are up to {LONGEST_HOURS} h")
        content = read_bytes(folder / "model.safetensors", "weights as safetensors", LARGEST_MB)
        if description.get("sha256", (found := hashlib.sha256(content).hexdigest())) != found:
            raise ValueError("the weights are not those whose hash model.json states")
        weights = load(content)
        with torch.device("meta"):  # shapes alone: settings may ask for any size, the file says what there is
            _check_fit(weights, RSTMRF(config, duration_hours).state_dict())
        model = RSTMRF(config, duration_hours)
        model.load_state_dict(weights)
    except (InputError, KeyError, TypeError, ValueError, SafetensorError, RuntimeError, OverflowError) as error:
        said = error if isinstance(error, InputError) else quoted(error)
        raise InputError(
            f"{folder}: no whole model is there ({said}); model.safetensors and model.json of one run are needed"
        ) from None
    return model.eval(), config


def _check_fit(weights: dict, wanted: dict) -> None:
    if names := set(weights) ^ set(wanted):
        raise ValueError(f"{min(names)} is not in both of weights and settings")
    for name, value in weights.items():
        if value.shape != wanted[name].shape or value.dtype != wanted[name].dtype:
            raise ValueError(f"{name} is {value.dtype} {list(value.shape)}")
        if value.is_floating_point() and not math.isfinite(value.abs().max().item() if value.numel() else 0.0):
            raise ValueError(f"{name} holds a value that is not finite")
