"""R-STMRF: electron density as the IRI background plus a learned residual, guided by TEC gradient directions.

The public names below are loaded when first used: importing the package costs nothing.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # what editors and type checkers see; `_HOMES` says the same at run time
    from rstmrf.background import IriBackground as IriBackground
    from rstmrf.config import RunConfig as RunConfig
    from rstmrf.data.run_data import RunData as RunData
    from rstmrf.data.saved_run import save_run as save_run
    from rstmrf.errors import InputError as InputError
    from rstmrf.inventory import check as check
    from rstmrf.model.weights import load_model as load_model
    from rstmrf.model.weights import save_model as save_model
    from rstmrf.parameters import read_parameters as read_parameters
    from rstmrf.predict import Predictor as Predictor
    from rstmrf.predict import load as load
    from rstmrf.readers.indices import read_indices as read_indices
    from rstmrf.readers.inputs import load_inputs as load_inputs
    from rstmrf.readers.observations import read_observations as read_observations
    from rstmrf.readers.tec import load_tec as load_tec
    from rstmrf.runs import finish_run as finish_run
    from rstmrf.runs import run_training as run_training
    from rstmrf.uncertainty import train as train

    __version__: str

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
    "train": "uncertainty",
    "Predictor": "predict",
    "check": "inventory",
    "run_training": "runs",
    "finish_run": "runs",
    "load": "predict",
    "save_run": "data.saved_run",
    "save_model": "model.weights",
    "load_model": "model.weights",
}
__all__ = sorted(_HOMES)  # pyright: ignore[reportUnsupportedDunderAll]


def __getattr__(name: str):
    if name == "__version__":
        from importlib.metadata import version

        return version("rstmrf")
    if name not in _HOMES:
        raise AttributeError(f"module 'rstmrf' has no attribute {name!r}")
    return getattr(import_module(f"rstmrf.{_HOMES[name]}"), name)


def __dir__():
    return sorted({*globals(), *_HOMES, "__version__"})
