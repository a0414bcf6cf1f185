"""The field of TEC gradient directions: a ConvLSTM over TEC maps, its head, and sampling at points."""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from rstmrf.config import RunConfig
from rstmrf.globe import sample_maps, tec_gradient, turned_with_sun
from rstmrf.model.convlstm import ConvLSTM, convolve_globe

TEC_SCALE_TECU = 20.0
SMALLEST_TECU = 0.5  # below which its logarithm is noise


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
