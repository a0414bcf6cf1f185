"""How far the truth may lie from the prediction: a head for σ of log10 Ne that never moves the prediction itself.

An error of an observation is two things: the prediction's and the observation's own. The head states the first, and
learns it from errors that hold both, with the second given (`rstmrf.data.observation_error`).
"""

import math

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from rstmrf.config import RunConfig
from rstmrf.model.coordinates import N_SPATIAL, N_TEMPORAL, TRAINED_KM, spatial_features, temporal_features
from rstmrf.model.drivers import SpaceWeatherEncoder

WIDTH, DRIVER_WIDTH = 64, 8
FIRST_SIGMA_DEX, SMALLEST_SIGMA_DEX = 0.15, 0.01
#: centres [km] of the bands of altitude in which the observations' error is known; linear between them
ERROR_KNOTS_KM, TROPICS_DEG = (160.0, 250.0, 400.0), 30.0
#: what recalibration may widen σ by, beside a constant (`widening_features`)
N_WIDENING = 6


class SpreadHead(nn.Module):
    """σ [dex] from place, local time and space weather. It has weights of its own, and learns from errors alone.

    `trust`, `widening` and `scale` are what recalibration found on the development part: how much of the head's own
    pattern is believed, by what smooth function it is widened, and by what factor. Until then they are 1, 0 and 1.
    `observation_error` [dex] is that of the observations it learned from, by band of altitude and zone, above what the
    highest band has; 0: not known.
    """

    trust: Tensor
    scale: Tensor
    widening: Tensor
    observation_error: Tensor

    def __init__(self, config: RunConfig):
        super().__init__()
        self.coordinate_mode = config.coordinate_mode
        self.drivers = SpaceWeatherEncoder(DRIVER_WIDTH, 1, config.driver_inputs)
        inputs = N_SPATIAL[config.coordinate_mode] + N_TEMPORAL["diurnal"] + DRIVER_WIDTH
        self.layers = nn.Sequential(nn.Linear(inputs, WIDTH), nn.Tanh(), nn.Linear(WIDTH, WIDTH), nn.Tanh())
        self.out = nn.Linear(WIDTH, 1)
        nn.init.zeros_(self.out.weight)
        nn.init.constant_(self.out.bias, math.log(FIRST_SIGMA_DEX))
        self.register_buffer("trust", torch.ones(()))
        self.register_buffer("scale", torch.ones(()))
        self.register_buffer("widening", torch.zeros(N_WIDENING))
        self.register_buffer("observation_error", torch.zeros(len(ERROR_KNOTS_KM), 2))

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
        """σ of density [dex] at points, recalibrated."""
        wider = widening_features(coords) @ self.widening
        return self.scale * torch.exp(self.trust * self(coords, sw_seq, window) + wider)

    def observation_sigma(self, coords: Float[Tensor, "b 4"]) -> Float[Tensor, " b"]:
        """σ [dex] of what was observed at points, about the density there; 0 where it is not known."""
        knots = coords.new_tensor(ERROR_KNOTS_KM)
        at = (coords[:, 2:3].clamp(knots[0], knots[-1]) - knots[:-1]) / (knots[1:] - knots[:-1])
        share = at.clamp(0.0, 1.0)  # of the way over each interval
        of_zone = self.observation_error[:, (coords[:, 0].abs() >= TROPICS_DEG).long()]
        return of_zone[0] + (share.T * (of_zone[1:] - of_zone[:-1])).sum(0)

    def error_sigma(self, coords, sw_seq, window) -> Float[Tensor, " b"]:
        """σ [dex] of observed less predicted, before recalibration: both errors together."""
        return torch.hypot(torch.exp(self(coords, sw_seq, window)), self.observation_sigma(coords))


def widening_features(coords: Float[Tensor, "b 4"]) -> Float[Tensor, "b 6"]:
    """Smooth functions of altitude, latitude and local time, by which recalibration tells parts of the field apart."""
    low, high = TRAINED_KM
    altitude = (coords[:, 2] - (low + high) / 2) / ((high - low) / 2)
    latitude = torch.cos(2 * torch.deg2rad(coords[:, 0]))
    noon = torch.cos(torch.deg2rad(coords[:, 1]) + (coords[:, 3] - 14.0) * (math.pi / 12))
    return torch.stack([altitude, altitude**2 - 1 / 3, latitude, noon, altitude * latitude, latitude * noon], dim=1)
