"""Dip latitude, the magnetic latitude that orders the equatorial anomaly, from IGRF-13."""

from functools import cache

import numpy as np
from jaxtyping import Float

ALT_KM, STEP_DEG = 300.0, 2.0


def dip_latitude(lat, lon, year: int) -> Float[np.ndarray, " n"]:
    """Dip latitude [deg] at places [deg], each `[N]`: arctan(tan(I) / 2) of the inclination I at 300 km.

    The field is IGRF-13 (Alken et al. 2021, doi:10.1186/s40623-020-01288-x) as PyIRI carries it, made once for the
    whole `year` on a grid of 2° and linear between its nodes, which is good to 0.3° below 75° of latitude.
    """
    grid = _grid(year)
    row = (np.asarray(lat, float) + 90.0) / STEP_DEG
    column = (np.asarray(lon, float) + 180.0) % 360.0 / STEP_DEG
    low_row = np.clip(np.floor(row).astype(int), 0, grid.shape[0] - 2)
    low_column = np.floor(column).astype(int) % (grid.shape[1] - 1)
    down, right = row - low_row, column - np.floor(column)
    upper = grid[low_row, low_column] * (1 - right) + grid[low_row, low_column + 1] * right
    lower = grid[low_row + 1, low_column] * (1 - right) + grid[low_row + 1, low_column + 1] * right
    return upper * (1 - down) + lower * down


@cache
def _grid(year: int) -> np.ndarray:
    """Dip latitudes from pole to pole and from -180° to 180°, `[91, 181]`."""
    import PyIRI
    from PyIRI import igrf_library

    lat, lon = np.meshgrid(np.arange(-90, 90.1, STEP_DEG), np.arange(-180, 180.1, STEP_DEG), indexing="ij")
    within = np.clip(lat.ravel(), -89.99, 89.99)  # the field's components are not defined at the poles themselves
    inclination = igrf_library.inclination(PyIRI.coeff_dir, year + 0.5, lon.ravel(), within, alt=ALT_KM)
    return np.rad2deg(np.arctan(np.tan(np.deg2rad(inclination)) / 2)).reshape(lat.shape)
