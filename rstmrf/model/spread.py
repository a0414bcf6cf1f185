"""How far the truth may lie from the prediction: a head for σ of log10 Ne that never moves the prediction itself."""

import math

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from rstmrf.config import RunConfig
from rstmrf.model.coordinates import N_SPATIAL, N_TEMPORAL, spatial_features, temporal_features
from rstmrf.model.drivers import SpaceWeatherEncoder

WIDTH, DRIVER_WIDTH = 64, 8
FIRST_SIGMA_DEX, SMALLEST_SIGMA_DEX = 0.15, 0.01


class SpreadHead(nn.Module):
    """σ [dex] from place, local time and space weather. It has weights of its own, and learns from errors alone.

    `scale` is what recalibration found on the development part; until then it is one.
    """

    def __init__(self, config: RunConfig):
        super().__init__()
        self.coordinate_mode = config.coordinate_mode
        self.drivers = SpaceWeatherEncoder(DRIVER_WIDTH, 1)
        inputs = N_SPATIAL[config.coordinate_mode] + N_TEMPORAL["diurnal"] + DRIVER_WIDTH
        self.layers = nn.Sequential(nn.Linear(inputs, WIDTH), nn.Tanh(), nn.Linear(WIDTH, WIDTH), nn.Tanh())
        self.out = nn.Linear(WIDTH, 1)
        nn.init.zeros_(self.out.weight)
        nn.init.constant_(self.out.bias, math.log(FIRST_SIGMA_DEX))
        self.register_buffer("scale", torch.ones(()))

    def forward(
        self, coords: Float[Tensor, "b 4"], sw_seq: Float[Tensor, "n s 2"], window: Int[Tensor, " b"]
    ) -> Tensor:
        """Log of σ [dex] at points `[B]`, before recalibration."""
        place = spatial_features(coords, self.coordinate_mode, 1)[0]
        time = temporal_features(coords[:, 3], "diurnal", 1.0)
        weather = self.drivers(sw_seq).index_select(0, window)
        log_sigma = self.out(self.layers(torch.cat([place, time, weather], dim=1)))[:, 0]
        return log_sigma.clamp(min=math.log(SMALLEST_SIGMA_DEX))

    def sigma(self, coords, sw_seq, window) -> Float[Tensor, " b"]:
        """σ [dex] at points, recalibrated."""
        return self.scale * torch.exp(self(coords, sw_seq, window))
