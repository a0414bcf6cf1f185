"""Weights for sharing: safetensors, and a JSON that says what they are. Nothing that is loaded can run code."""

import hashlib
import json
import math
from dataclasses import asdict, dataclass, field, fields
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load, save

from rstmrf.config import RunConfig
from rstmrf.errors import InputError, quoted
from rstmrf.files import given_path, read_bytes, read_json, write_whole, writing
from rstmrf.model.whole import RSTMRF

#: of the weights' file; that of the default settings has half a megabyte
LARGEST_MB, LONGEST_HOURS = 256, 24 * 366 * 100
#: of `model.json`; 1 is the form without a number, which held neither the period nor the sources
FORMAT = 2
WEIGHTS, DESCRIPTION = "model.safetensors", "model.json"
_NEEDED = f"{WEIGHTS} and {DESCRIPTION} of one run are needed"


@dataclass(frozen=True)
class ModelDescription:
    """What weights know of themselves; None or empty: it was not written down."""

    start: str | None = None  # first day, from which the model's hours count
    duration_hours: float = 0.0  # of the days it was trained on
    period: tuple[str, str] | None = None  # first and last hour for which maps and indices were there
    sources: dict[str, str] = field(default_factory=dict)  # where observations, maps and indices came from
    split: str | None = None  # digest of the parts
    fingerprint: str | None = None  # of the data
    training: dict[str, Any] = field(default_factory=dict)  # summary: points, epochs, scores
    rstmrf: str = ""  # the version that wrote it
    format: int = FORMAT

    @property
    def unknown(self) -> str:
        """One sentence on what was not written down; empty where nothing is missing."""
        missing = [name for name in ("start", "period", "sources", "split", "fingerprint") if not getattr(self, name)]
        if not missing:
            return ""
        return f"{DESCRIPTION} of format {self.format} does not say {', '.join(missing)} of this model"

    def days(self) -> np.ndarray:
        """The days it was trained on, datetime64[D]; none where the first one is unknown."""
        n_days = round(self.duration_hours / 24) if self.start else 0
        return np.datetime64(self.start or "1970-01-01", "D") + np.arange(n_days)


class LoadedModel(NamedTuple):
    """A model, its settings, and where it comes from."""

    model: RSTMRF
    config: RunConfig
    description: ModelDescription


def save_model(
    model: RSTMRF,
    config: RunConfig,
    folder,
    *,
    start=None,
    period=None,
    sources: dict[str, str] | None = None,
    split: str | None = None,
    fingerprint: str | None = None,
    training: dict[str, Any] | None = None,
) -> Path:
    """Write `model.safetensors` and `model.json` into a folder, whole or not at all; returns the former's path.

    Args:
        start: first day, from which hours count; without it a model of absolute time cannot be asked again.
        period: first and last hour for which there were maps and indices, datetime64.
        sources: name of each input by kind, as `tec`.
        split, fingerprint: digests of the parts and of the data.
        training: anything JSON holds.
    """
    folder = Path(folder)
    path = folder / WEIGHTS
    weights = save({name: value.contiguous() for name, value in model.state_dict().items()})
    description = ModelDescription(
        start=None if start is None else str(np.datetime64(start, "D")),
        duration_hours=model.residual_field.duration_hours,
        period=None if period is None else tuple(str(np.datetime64(hour, "h")) for hour in period),
        sources=sources or {},
        split=split,
        fingerprint=fingerprint,
        training=training or {},
        rstmrf=version("rstmrf"),
    )
    # A process killed between the two leaves weights that the description's digest does not fit: it is noticed.
    content = {**asdict(description), "weights": hashlib.sha256(weights).hexdigest(), "config": config.model_dump()}
    with writing(folder):
        write_whole(path, weights)
        write_json(folder / DESCRIPTION, content)
    return path


def write_json(path: Path, content: dict) -> None:
    """Write a dictionary as JSON, whole or not at all."""
    write_whole(path, (json.dumps(content, indent=2) + "\n").encode())


def load_model(folder) -> LoadedModel:
    """Read what `save_model` wrote; the `unknown` of an older description says what it does not tell.

    Raises:
        InputError: files missing or damaged, of a later format, weights that do not fit the settings beside them, that
            are not finite, or whose digest is not the one stated.
    """
    folder = given_path(folder, "a folder with model.safetensors and model.json")
    try:
        content = read_json(folder / DESCRIPTION, "the description of a model")
        written = content.get("format", 1)
        if written not in range(1, FORMAT + 1):
            raise InputError(f"{DESCRIPTION} has format {quoted(written)}, this version of rstmrf reads 1 to {FORMAT}")
        config, description = RunConfig(**content["config"]), _described(content, written)
        hours = description.duration_hours
        if type(hours) not in (int, float) or not 0 < hours <= LONGEST_HOURS:
            raise ValueError(f"duration_hours is {hours!r}, accepted are up to {LONGEST_HOURS} h")
        stored = read_bytes(folder / WEIGHTS, "weights as safetensors", LARGEST_MB)
        if content.get("weights", (digest := hashlib.sha256(stored).hexdigest())) != digest:
            raise InputError(f"{WEIGHTS} is not the one that {DESCRIPTION} describes")
        weights = load(stored)
        with torch.device("meta"):  # shapes alone: settings may ask for any size, the file says what there is
            _check_fit(weights, RSTMRF(config, hours).state_dict())
        model = RSTMRF(config, hours)
        model.load_state_dict(weights)
    except (InputError, KeyError, TypeError, ValueError, SafetensorError, RuntimeError, OverflowError) as error:
        said = error if isinstance(error, InputError) else quoted(error)
        raise InputError(f"{folder}: no whole model is there ({said}); {_NEEDED}") from None
    return LoadedModel(model.eval(), config, description)


def _check_fit(weights: dict, wanted: dict) -> None:
    if names := set(weights) ^ set(wanted):
        raise ValueError(f"{min(names)} is not in both of weights and settings")
    for name, value in weights.items():
        if value.shape != wanted[name].shape or value.dtype != wanted[name].dtype:
            raise ValueError(f"{name} is {value.dtype} {list(value.shape)}")
        if value.is_floating_point() and not math.isfinite(value.abs().max().item() if value.numel() else 0.0):
            raise ValueError(f"{name} holds a value that is not finite")


def _described(content: dict, written: int) -> ModelDescription:
    known = {f.name: content[f.name] for f in fields(ModelDescription) if f.name in content}
    if written == 1:
        renamed = {"start": content.get("first_day"), "fingerprint": content.get("fingerprint", content.get("data"))}
        known |= {**renamed, "format": 1}
    if known.get("period"):
        known["period"] = tuple(known["period"])
    return ModelDescription(**known)
