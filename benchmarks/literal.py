"""The design document word for word, as the thing to measure against. Nothing in the library imports it.

Where the document leaves a choice open, the usual one is taken: zero padding, tanh in MLPs, Adam at its defaults.
Shapes: B points, N windows, S hours, maps of H × W.
"""

import math

import torch
from torch import nn
from torch.nn import functional as F

ALT_CENTRE_KM, ALT_HALF_RANGE_KM = 310.0, 190.0


class Sine(nn.Module):
    """A linear map and sin(ω₀ ·)."""

    def __init__(self, inputs, outputs, omega_0=30.0, first=False):
        super().__init__()
        self.linear, self.omega_0 = nn.Linear(inputs, outputs), omega_0
        bound = 1 / inputs if first else math.sqrt(6 / inputs) / omega_0
        nn.init.uniform_(self.linear.weight, -bound, bound)

    def forward(self, x):
        return torch.sin(self.omega_0 * self.linear(x))


def siren(inputs, hidden, layers, outputs):
    """SIREN: first layer, `layers` hidden ones, linear end."""
    last = nn.Linear(hidden, outputs)
    bound = math.sqrt(6 / hidden) / 30.0
    nn.init.uniform_(last.weight, -bound, bound)
    return nn.Sequential(Sine(inputs, hidden, first=True), *(Sine(hidden, hidden) for _ in range(layers)), last)


class ConvLSTM(nn.Module):
    """One layer over all windows at once: input and hidden state are joined and convolved, hour by hour."""

    def __init__(self, inputs, channels):
        super().__init__()
        self.channels = channels
        self.conv = nn.Conv2d(inputs + channels, 4 * channels, 3, padding=1)

    def forward(self, x):
        n, s, _, height, width = x.shape
        hidden = x.new_zeros(n, self.channels, height, width)
        cell = torch.zeros_like(hidden)
        for t in range(s):
            i, f, o, g = self.conv(torch.cat([x[:, t], hidden], dim=1)).chunk(4, dim=1)
            cell = torch.sigmoid(f) * cell + torch.sigmoid(i) * torch.tanh(g)
            hidden = torch.sigmoid(o) * torch.tanh(cell)
        return hidden


class LiteralRSTMRF(nn.Module):
    """A1–A5, B1–B3 and the fusion of the document; IRI is a frozen neural proxy, so that it can be differentiated."""

    def __init__(self, hidden=128, layers=3, basis=64, channels=16, duration_hours=720.0):
        super().__init__()
        self.duration_hours = duration_hours
        self.iri_proxy = siren(4, hidden, 3, 1).requires_grad_(False)
        self.spatial, self.temporal = siren(5, hidden, layers, basis), siren(1, hidden, layers, basis)
        self.convlstm, self.head = ConvLSTM(1, channels), nn.Conv2d(channels, 2, 3, padding=1)
        self.lstm = nn.LSTM(2, basis, 2, batch_first=True)
        self.beta = nn.Sequential(nn.Linear(basis, basis), nn.Tanh(), nn.Linear(basis, basis))
        self.decoder = nn.Sequential(nn.Linear(2 * basis, 128), nn.Tanh(), nn.Linear(128, 1))

    def density(self, coords, sw_seq):
        """Log10 Ne_fused `[B]` at `[B, 4]` (lat, lon in degrees, alt in km, hours) with `sw_seq [B, S, 2]`."""
        lat, lon, alt, hours = coords.unbind(1)
        local = hours * (math.pi / 12) + torch.deg2rad(lon)
        lat_n, lon_n, alt_n = lat / 90, lon / 180, (alt - ALT_CENTRE_KM) / ALT_HALF_RANGE_KM
        time_n = 2 * hours / self.duration_hours - 1
        h_spatial = self.spatial(torch.stack([lat_n, lon_n, alt_n, torch.sin(local), torch.cos(local)], dim=1))
        z_env = self.lstm(torch.stack([sw_seq[..., 0] / 9, (sw_seq[..., 1] - 120) / 80], dim=-1))[0][:, -1]
        h_temporal = self.temporal(time_n[:, None]) + self.beta(z_env)
        residual = self.decoder(torch.cat([h_spatial, h_temporal], dim=1))
        background = self.iri_proxy(torch.stack([lat_n, lon_n, alt_n, time_n], dim=1))
        return (background + residual)[:, 0]

    def forward(self, coords, sw_seq, unique_tec_map_seq, tec_indices):
        """Density `[B]` and each point's own direction map `[B, 2, H, W]`, copied by the index."""
        field = self.head(self.convlstm(unique_tec_map_seq / 20 - 1))
        return self.density(coords, sw_seq), field[tec_indices]


def literal_loss(model, coords, target_ne, sw_seq, unique_tec_map_seq, tec_indices, physics=True, w_direction=0.05):
    """Data, Chapman and direction terms with nested `autograd.grad`, weights 0.1 and 0.05; data alone on request.

    Shapes: coords `[B, 4]`, target_ne `[B]`, sw_seq `[B, S, 2]`, unique_tec_map_seq `[N, S, 1, H, W]`.
    """
    coords = coords.detach().requires_grad_(physics)
    if not physics:
        return F.mse_loss(model.density(coords, sw_seq), target_ne)
    ne_fused, direction_maps = model(coords, sw_seq, unique_tec_map_seq, tec_indices)
    gradient = torch.autograd.grad(ne_fused.sum(), coords, create_graph=True)[0]
    grad_alt = gradient[:, 2]
    curvature = torch.autograd.grad(grad_alt.sum(), coords, create_graph=True)[0][:, 2] * ALT_HALF_RANGE_KM**2
    grad_ne = torch.autograd.grad(ne_fused.sum(), coords, create_graph=True)[0][:, :2]
    place = torch.stack([coords[:, 1] / 180, coords[:, 0] / 90], dim=1)[:, None, None].detach()
    expected = F.grid_sample(direction_maps, place, align_corners=True)[:, :, 0, 0]
    direction = 1 - F.cosine_similarity(F.normalize(grad_ne, dim=1), F.normalize(expected, dim=1))
    return F.mse_loss(ne_fused, target_ne) + 0.1 * curvature.square().mean() + w_direction * direction.mean()
