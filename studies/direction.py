"""How well maps of a given step tell the direction of the TEC gradient, on a simulated field finer than real maps."""

import numpy as np
import pandas as pd
import torch

from rstmrf.globe import cosine, sample_maps, tec_gradient
from rstmrf.simulate.sample_run import SmoothField
from rstmrf.units import EARTH_RADIUS_KM

FACTORS = (1, 2, 3, 4, 5, 6, 9, 10)
SCALES_KM = (500, 1000, 2000)
_STEP_DEG = 0.02


def direction_errors(scales_km=SCALES_KM, factors=FACTORS, points: int = 4000, seed: int = 0) -> pd.DataFrame:
    """Mean angle [deg] between the true gradient of a simulated field and the one read from its thinned maps.

    Points lie within 60° of the equator. Rows: step of the maps [deg]; a column for each correlation scale [km].
    """
    rng = np.random.default_rng(seed)
    lat = np.rad2deg(np.arcsin(rng.uniform(-np.sin(np.pi / 3), np.sin(np.pi / 3), points)))
    lon = rng.uniform(-180, 180, points)
    grid_lat, grid_lon = np.meshgrid(np.linspace(-90, 90, 181), np.linspace(-180, 180, 361), indexing="ij")
    columns = {}
    for scale in scales_km:
        field = SmoothField(5.0, scale, 6.0, np.random.default_rng([seed, scale]))
        east = field(lat, lon + _STEP_DEG, 0.0) - field(lat, lon - _STEP_DEG, 0.0)
        north = field(lat + _STEP_DEG, lon, 0.0) - field(lat - _STEP_DEG, lon, 0.0)
        km = 2 * np.deg2rad(_STEP_DEG) * EARTH_RADIUS_KM
        truth = torch.from_numpy(np.stack([east / (km * np.cos(np.deg2rad(lat))), north / km], axis=1)).float()
        maps = torch.from_numpy(field(grid_lat.ravel(), grid_lon.ravel(), 0.0).reshape(1, 1, 181, 361)).float()
        columns[f"{scale} km"] = [_angle(maps[..., ::n, ::n], lat, lon, truth) for n in factors]
    return pd.DataFrame(columns, index=pd.Index(factors, name="step (deg)"))


def _angle(maps, lat, lon, truth) -> float:
    place = torch.from_numpy(lat).float(), torch.from_numpy(lon).float()
    sampled = sample_maps(tec_gradient(maps), torch.zeros(len(lat), dtype=torch.long), *place)
    return float(torch.rad2deg(torch.arccos(cosine(sampled, truth).clamp(-1, 1))).mean())
