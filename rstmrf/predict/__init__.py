"""From a trained model to density at points, on profiles, along rays and on grids."""

from rstmrf.predict.load import load
from rstmrf.predict.predictor import Predictor

__all__ = ["Predictor", "load"]
