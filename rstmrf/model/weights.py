"""Weights for sharing: safetensors and a JSON beside it. Nothing that is loaded can run code."""

import json
from importlib.metadata import version
from pathlib import Path

from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from rstmrf.config import RunConfig
from rstmrf.errors import InputError
from rstmrf.model.whole import RSTMRF


def save_model(model: RSTMRF, config: RunConfig, folder, **provenance) -> Path:
    """Write `model.safetensors` and `model.json` (settings and provenance) into a folder; returns the former's path.

    Args:
        provenance: anything JSON holds: the data's fingerprint, the split's hash, the first day.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    description = {
        "rstmrf": version("rstmrf"),
        "config": config.model_dump(),
        "duration_hours": model.residual_field.duration_hours,
        **provenance,
    }
    (folder / "model.json").write_text(json.dumps(description, indent=2) + "\n")
    path = folder / "model.safetensors"
    save_file({name: value.contiguous() for name, value in model.state_dict().items()}, path)
    return path


def load_model(folder) -> tuple[RSTMRF, RunConfig]:
    """Read what `save_model` wrote.

    Raises:
        InputError: files missing or damaged, or weights that do not fit the settings beside them.
    """
    folder = Path(folder)
    try:
        description = json.loads((folder / "model.json").read_text())
        config = RunConfig(**description["config"])
        model = RSTMRF(config, description["duration_hours"])
        model.load_state_dict(load_file(folder / "model.safetensors"))
    except (OSError, KeyError, TypeError, ValueError, SafetensorError, RuntimeError) as error:
        first_line = str(error).splitlines()[0]
        raise InputError(
            f"{folder}: no whole model is there ({first_line}); model.safetensors and model.json of one run are needed"
        ) from None
    return model.eval(), config
