"""Several models that predict together."""

from pathlib import Path
from typing import NamedTuple

from rstmrf.model.weights import write_json
from rstmrf.model.whole import RSTMRF

ENSEMBLE = "ensemble.json"
MEMBERS = "seed-*"  # their folders, within the ensemble's


def member_name(seed: int) -> str:
    """The folder of the model of a seed, within its ensemble's."""
    return MEMBERS.replace("*", str(seed))


class Models(NamedTuple):
    """Models of the same settings, and the scale of their common σ; `rstmrf.uncertainty.Ensemble` trains them."""

    models: list[RSTMRF]
    scale: float = 1.0


def save_ensemble(run_dir, members: list[str], scale: float) -> Path:
    """Write `ensemble.json` into the folder that holds the members' own; returns its path."""
    path = Path(run_dir) / ENSEMBLE
    write_json(path, {"format": 1, "members": members, "sigma_scale": scale})
    return path
