"""Maps and directions on the globe: padding, sampling, gradients, turning with the Sun, metric and cosine.

What readers, data, model and simulations need of the globe is written once, in torch; arrays are wrapped for it.
East is not a direction at the poles: `SMALLEST_COSINE` bounds cos φ wherever something is divided by it, and nothing
is compared beyond `POLAR_LIMIT_DEG`.
"""

import math

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn.functional import pad

from rstmrf.units import EARTH_RADIUS_KM, wrap_longitude

POLAR_LIMIT_DEG = 85.0
SMALLEST_COSINE = 1e-3
SHORTEST = 1e-8  # of a vector that has a direction; gradients of log10 Ne are as small as 1e-6 per km


def pad_globe(maps: Float[Tensor, "n c h w"]) -> Float[Tensor, "n c h+2 w+2"]:
    """One cell more on each side: periodic in longitude (first and last column are one meridian), edge at poles."""
    around = torch.cat([maps[..., -2:-1], maps, maps[..., 1:2]], dim=-1)
    return pad(around, (0, 0, 1, 1), mode="replicate")


def sample_maps(
    field: Float[Tensor, "n c h w"], window: Int[Tensor, " b"], lat: Float[Tensor, " b"], lon: Float[Tensor, " b"]
) -> Float[Tensor, "b c"]:
    """Bilinear value of each point's own window at its latitude and longitude [deg].

    Only four corners a point are read. Indexing `field[window]` first, as the design document does, copies a whole
    map for every point: 68.6 MB instead of 64 KB at 2,048 points.
    """
    height, width = field.shape[-2:]
    y = ((lat + 90.0) * ((height - 1) / 180.0)).clamp(0, height - 1)
    x = (wrap_longitude(lon) + 180.0) * ((width - 1) / 360.0)
    row, column = y.floor().long().clamp(max=height - 2), x.floor().long().clamp(max=width - 2)
    corner = window * (height * width) + row * width + column
    index = torch.stack([corner, corner + 1, corner + width, corner + width + 1], dim=1)
    v, u = (y - row)[:, None], (x - column)[:, None]
    weights = torch.cat([(1 - v) * (1 - u), (1 - v) * u, v * (1 - u), v * u], dim=1)
    channels = field.shape[1]
    cells = field.permute(0, 2, 3, 1).reshape(-1, channels)
    corners = cells.index_select(0, index.flatten()).view(-1, 4, channels)
    return (corners * weights[..., None]).sum(1)


def turned_with_sun(maps: Float[Tensor, "... w"], hours: int | float) -> Float[Tensor, "... w"]:
    """Maps turned westward by 15° an hour, linear between columns; the last column is the first one again."""
    turned = turned_without_seam(maps[..., :-1], hours)
    return torch.cat([turned, turned[..., :1]], dim=-1)


def turned_without_seam(maps: Float[Tensor, "... w"], hours: int | float) -> Float[Tensor, "... w"]:
    """The same for maps whose last column is not the first one again."""
    columns = hours / 24.0 * maps.shape[-1]
    whole = math.floor(columns)
    part, there = columns - whole, maps.roll(-whole, -1)
    return torch.lerp(there, maps.roll(-whole - 1, -1), part) if part else there


def grid_latitude(maps: Tensor) -> Float[Tensor, "h 1"]:
    """Latitudes [deg] of the rows of maps `[..., H, W]`, as a column."""
    return torch.linspace(-90, 90, maps.shape[-2], device=maps.device, dtype=maps.dtype)[:, None]


def metric(lat_deg: Tensor, alt_km: Tensor | float) -> tuple[Tensor, Tensor | float]:
    """Kilometres to a radian eastwards and northwards at a place, each `[B]`."""
    radius = EARTH_RADIUS_KM + alt_km
    return radius * torch.cos(torch.deg2rad(lat_deg)).clamp(min=SMALLEST_COSINE), radius


def tec_gradient(maps: Float[Tensor, "n 1 h w"], mode: str = "metric") -> Float[Tensor, "n 2 h w"]:
    """Gradient of TEC maps by central differences, periodic in longitude, one-sided at the poles.

    "metric": (east, north) in units/km; "document": (∂/∂lat, ∂/∂lon) in units/degree.
    """
    height, width = maps.shape[-2:]
    step_lat, step_lon = 180.0 / (height - 1), 360.0 / (width - 1)
    wide = pad_globe(maps)[:, 0]
    by_lon = (wide[:, 1:-1, 2:] - wide[:, 1:-1, :-2]) / (2 * step_lon)
    rows = torch.full((height, 1), 2 * step_lat, device=maps.device, dtype=maps.dtype)
    rows[0], rows[-1] = step_lat, step_lat
    by_lat = (wide[:, 2:, 1:-1] - wide[:, :-2, 1:-1]) / rows
    if mode == "document":
        return torch.stack([by_lat, by_lon], dim=1)
    east_km, north_km = metric(grid_latitude(maps), 0.0)
    return torch.rad2deg(torch.stack([by_lon / east_km, by_lat / north_km], dim=1))


def cosine(a: Float[Tensor, "n 2 ..."], b: Float[Tensor, "n 2 ..."]) -> Float[Tensor, "n ..."]:
    """Cosine of the angle between two fields of vectors along dimension 1; 0 where one of them vanishes."""
    # Each length has a floor of its own, so that a vector near zero has no gradient without bound.
    lengths = (torch.sqrt((x**2).sum(1).clamp(min=SHORTEST**2)) for x in (a, b))
    return (a * b).sum(1) / math.prod(lengths)


def mean_cosine(truth, maps, max_lat_deg=POLAR_LIMIT_DEG) -> float:
    """Mean cosine between gradients of two sets of maps `[time, lat, lon]`, where that of `maps` is above its median.

    The mean is over area, and leaves out what lies beyond `max_lat_deg`. Both sets share a grid from pole to pole,
    with longitudes from −180° on; the repeated column of the seam may be left out.
    """
    own, other = (tec_gradient(_with_seam(torch.as_tensor(x))[:, None])[..., :-1] for x in (truth, maps))
    lat = grid_latitude(own)
    strength, inside = torch.hypot(other[:, 0], other[:, 1]), (lat.abs() < max_lat_deg).expand_as(other[:, 0])
    weight = torch.cos(torch.deg2rad(lat)) * (inside & (strength > np.median(strength[inside])))
    return float((cosine(own, other) * weight).sum() / weight.sum())


def _with_seam(maps: Tensor) -> Tensor:
    """Maps with the first column repeated at the end, as every map of the library has it; those that have it stay."""
    return maps if maps.shape[-1] % 2 else torch.cat([maps, maps[..., :1]], dim=-1)
