"""Scores of log10 Ne. Plain arrays in, numbers and tables out."""

import numpy as np
import pandas as pd

ALTITUDE_BANDS_KM = ((120.0, 200.0), (200.0, 300.0), (300.0, 500.0))


def rmse(error) -> float:
    """Root mean square of errors [dex], any shape; NaN where there are none."""
    error = np.asarray(error, float)
    return float(np.sqrt(np.mean(error**2))) if error.size else float("nan")


def rmse_by_altitude(errors: dict[str, np.ndarray], alt_km, bands_km=ALTITUDE_BANDS_KM) -> pd.DataFrame:
    """RMSE [dex] of named errors `[P]`, a row for each altitude band [km] and one for all points together.

    A band holds its lower edge; the highest holds its upper edge too. The column `points` says how many there are.
    """
    alt_km = np.asarray(alt_km)
    rows = {}
    for low, high in bands_km:
        inside = (alt_km >= low) & ((alt_km < high) | ((high == bands_km[-1][1]) & (alt_km <= high)))
        rows[f"{low:.0f}–{high:.0f} km"] = inside
    rows["all"] = np.ones(len(alt_km), bool)
    table = {
        name: {"points": int(inside.sum())} | {key: rmse(error[inside]) for key, error in errors.items()}
        for name, inside in rows.items()
    }
    return pd.DataFrame(table).T.astype({"points": int})


def skill(rmse_model: float, rmse_reference: float) -> float:
    """Share of the reference's RMSE that is gone: 0.1 means 10 % below it."""
    return 1 - rmse_model / rmse_reference
