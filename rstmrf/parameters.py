"""What a notebook's parameters become: settings of the run, and paths."""

from typing import Any

from rstmrf.config import RunConfig
from rstmrf.errors import InputError
from rstmrf.presets import PRESETS

#: Parameters of `notebooks/train.ipynb` that are no settings of the run itself, with what stands for "not given".
NOTEBOOK_DEFAULTS = {
    "obs_path": "",
    "tec_path": "",
    "drivers_path": "",
    "start": "",
    "run_dir": "out/train",
    "resume": False,
}


def read_parameters(namespace: dict[str, Any]) -> tuple[RunConfig, dict[str, Any]]:
    """Turn a notebook's parameters, `globals()`, into settings and paths; papermill itself lets wrong ones pass.

    Args:
        namespace: plain values by name: `preset`, the parameters of `NOTEBOOK_DEFAULTS`, and keys of `RunConfig`
            (None: the preset's). Modules, functions, classes and IPython's own names are passed over.

    Raises:
        InputError: a name that is no parameter, or a value that is not accepted.
    """
    plain = (str, int, float, bool, list, dict, tuple, type(None))
    given = {k: v for k, v in namespace.items() if not k.startswith("_") and isinstance(v, plain)}
    given = {k: v for k, v in given.items() if k not in ("In", "Out")}
    name = given.pop("preset", "default")
    others = {key: given.pop(key, default) for key, default in NOTEBOOK_DEFAULTS.items()}
    for key, value in others.items():
        if type(value) is not type(NOTEBOOK_DEFAULTS[key]):
            wanted = "True or False" if key == "resume" else "a path or date as text, or '' for the sample"
            raise InputError(f"{key}={value!r} is not accepted; give {wanted}")
    if not others["run_dir"]:
        raise InputError("run_dir (--out) is empty; give a folder for the run")
    return RunConfig.preset(name, **given), others


def shown(value) -> str:
    """A setting as a command line has it."""
    return "null" if value is None else str(value)


def options_of(config: RunConfig) -> list[str]:
    """Options of the command that give these settings again: the nearest preset, and what departs from it."""

    def apart(name: str) -> dict:
        preset = RunConfig.preset(name)
        return {key: value for key, value in config if getattr(preset, key) != value}

    name = min(PRESETS, key=lambda name: len(apart(name)))
    own = [] if name == "default" else ["--preset", name]
    return own + [word for key, value in apart(name).items() for word in ("--set", f"{key}={shown(value)}")]
