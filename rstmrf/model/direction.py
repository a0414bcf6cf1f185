"""The field of TEC gradient directions: a ConvLSTM over TEC maps, its head, and sampling at points (S7, S8)."""

import math

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn.functional import pad

from rstmrf.config import RunConfig
from rstmrf.model.convlstm import ConvLSTM, convolve_globe
from rstmrf.units import EARTH_RADIUS_KM, wrap_longitude

TEC_SCALE_TECU = 20.0
POLAR_LIMIT_DEG = 85.0
SMALLEST_TECU = 0.5  # below which its logarithm is noise


def pad_globe(maps: Float[Tensor, "n c h w"]) -> Float[Tensor, "n c h+2 w+2"]:
    """One cell more on each side: periodic in longitude (first and last column are one meridian), edge at poles."""
    around = torch.cat([maps[..., -2:-1], maps, maps[..., 1:2]], dim=-1)
    return pad(around, (0, 0, 1, 1), mode="replicate")


class DirectionField(nn.Module):
    """ConvLSTM over windows of TEC maps and a head that gives a vector in each cell.

    The vector's two members are (east, north) in the metric form, (∂/∂lat, ∂/∂lon) in the document's; only its
    direction is ever used.

    Args:
        config: `tec_feat_dim`, `convlstm_layers`; with `tec_frame` "sun" every map of a window is first turned to where
            the Sun stands at the target's hour, `lead_hours` after the last of them.
    """

    def __init__(self, config: RunConfig):
        super().__init__()
        channels = config.tec_feat_dim
        inputs = [1] + [channels] * (config.convlstm_layers - 1)
        self.layers = nn.ModuleList(ConvLSTM(i, channels) for i in inputs)
        self.head = nn.Conv2d(channels, 2, 3)
        self.turned, self.lead_hours = config.tec_frame == "sun", config.lead_hours

    def forward(self, tec_map_seq: Float[Tensor, "n s 1 h w"]) -> Float[Tensor, "n 2 h w"]:
        """Vectors for windows of TEC maps [TECU]."""
        if self.turned:
            ages = range(self.lead_hours + tec_map_seq.shape[1] - 1, self.lead_hours - 1, -1)
            maps = [turned_with_sun(tec_map_seq[:, k], age) for k, age in enumerate(ages)]
            tec_map_seq = torch.stack(maps, dim=1)
        sequence = tec_map_seq[..., :-1].transpose(0, 1) / TEC_SCALE_TECU - 1  # the last column is the first one again
        device = sequence.device.type
        if torch.is_autocast_enabled(device):
            sequence = sequence.to(torch.get_autocast_dtype(device))
        for layer in self.layers:
            hidden = layer(sequence)
            sequence = torch.stack(hidden) if layer is not self.layers[-1] else None
        vectors = convolve_globe(hidden[-1], self.head.weight, self.head.bias)
        return torch.cat([vectors, vectors[..., :1]], dim=-1)


class ObservedDirection(nn.Module):
    """The gradient of a window's last map: what the ConvLSTM is to find, and nothing to learn."""

    def __init__(self, config: RunConfig):
        super().__init__()
        self.mode = config.direction_mode

    def forward(self, tec_map_seq: Float[Tensor, "n s 1 h w"]) -> Float[Tensor, "n 2 h w"]:
        """Vectors for windows of TEC maps [TECU]."""
        return tec_gradient(tec_map_seq[:, -1], self.mode)


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
    columns = hours * 15.0 / 360.0 * (maps.shape[-1] - 1)
    whole = math.floor(columns)
    part, inner = columns - whole, maps[..., :-1]
    turned = torch.lerp(inner.roll(-whole, -1), inner.roll(-whole - 1, -1), part) if part else inner.roll(-whole, -1)
    return torch.cat([turned, turned[..., :1]], dim=-1)


def tec_jet(maps: Float[Tensor, "n 1 h w"], later, window, lat, lon, hours) -> Float[Tensor, "5 b"]:
    """Log10 of TEC at points and its derivatives east and north [1/km], in the order of `jets`; none by altitude.

    Args:
        maps: of each window's last hour [TECU]; later: of the hour after, towards which time runs, or None.
        window, lat, lon, hours: of the points, as in `sample_maps`, and their times [h].
    """

    def at(maps):
        log = torch.log10(maps.clamp(min=SMALLEST_TECU))
        return sample_maps(torch.cat([log, tec_gradient(log)], dim=1), window, lat, lon)

    found = at(maps)
    if later is not None:
        found = torch.lerp(found, at(later), (hours % 1.0)[:, None])
    return torch.cat([found.T, found.new_zeros(2, len(found))])


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
    km_per_deg = math.pi / 180 * EARTH_RADIUS_KM
    cosine = torch.cos(torch.deg2rad(grid_latitude(maps))).clamp(min=1e-3)
    return torch.stack([by_lon / (km_per_deg * cosine), by_lat / km_per_deg], dim=1)


def grid_latitude(maps: Tensor) -> Float[Tensor, "h 1"]:
    """Latitudes [deg] of the rows of maps `[..., H, W]`, as a column."""
    return torch.linspace(-90, 90, maps.shape[-2], device=maps.device, dtype=maps.dtype)[:, None]
