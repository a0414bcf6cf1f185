"""R-STMRF: electron density as the IRI background plus a learned residual, guided by TEC gradient directions.

The public names below are loaded when first used: importing the package costs nothing.
"""

from importlib import import_module

_HOMES = {
    "InputError": "errors",
    "RunConfig": "config",
    "read_parameters": "parameters",
    "IriBackground": "background",
    "load_inputs": "readers.inputs",
    "load_tec": "readers.tec",
    "read_observations": "readers.observations",
    "read_indices": "readers.indices",
    "RunData": "data.run_data",
    "train": "training.loop",
    "Predictor": "predict",
    "check": "inventory",
    "fetch_tec": "archives",
    "fetch_indices": "archives",
    "fetch_cosmic2": "archives",
    "run_training": "runs",
    "finish_run": "runs",
    "load": "predict",
    "save_run": "data.saved_run",
    "save_model": "model.weights",
    "load_model": "model.weights",
}
__all__ = sorted(_HOMES)


def __getattr__(name: str):
    if name not in _HOMES:
        raise AttributeError(f"module 'rstmrf' has no attribute {name!r}")
    return getattr(import_module(f"rstmrf.{_HOMES[name]}"), name)
