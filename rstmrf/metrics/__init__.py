"""Scores of log10 Ne: plain arrays in, numbers and tables out. No model is known here."""

from rstmrf.metrics.calibration import calibration_table, calibration_verdict, crps_gaussian, recalibration_factor
from rstmrf.metrics.peaks import peak_errors, peak_errors_by_cell, peaks
from rstmrf.metrics.scores import ALTITUDE_BANDS_KM, rmse, rmse_by_altitude, skill
from rstmrf.metrics.strata import strata_of
from rstmrf.metrics.tables import score_table

__all__ = [
    "ALTITUDE_BANDS_KM",
    "calibration_table",
    "calibration_verdict",
    "crps_gaussian",
    "peak_errors",
    "peak_errors_by_cell",
    "peaks",
    "recalibration_factor",
    "rmse",
    "rmse_by_altitude",
    "score_table",
    "skill",
    "strata_of",
]
