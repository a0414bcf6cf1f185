"""The whole model: residual field and direction field, evaluated together for a batch."""

from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor, nn

from rstmrf.config import RunConfig
from rstmrf.globe import sample_maps
from rstmrf.model import jets
from rstmrf.model.direction import DirectionField, ObservedDirection, tec_jet
from rstmrf.model.field import ResidualField
from rstmrf.model.spread import SpreadHead

WITH_DERIVATIVES = 5


class Prediction(NamedTuple):
    """Both fields for a batch."""

    residual: Tensor  # jet at the observations, [K, B]
    physics_residual: Tensor  # jet at the physics points, [5, B']
    field: Tensor  # direction field, [N, 2, H, W]
    sampled: Tensor  # its value at the physics points, [B', 2]


class RSTMRF(nn.Module):
    """Residual field and direction field; TEC guides only through the loss, never the value of Ne.

    Args:
        config: the run's settings.
        duration_hours: length of the run's data.
    """

    def __init__(self, config: RunConfig, duration_hours: float):
        super().__init__()
        self.residual_field = ResidualField(config, duration_hours)
        learned = config.direction_source == "network"
        self.direction_field = DirectionField(config) if learned else ObservedDirection(config)
        with torch.random.fork_rng(devices=[]):  # what is drawn later is the same with a σ and without
            self.spread = SpreadHead(config) if config.w_sigma else None

    def forward(self, batch) -> Prediction:
        """Both fields for a batch, all windows at once; `rstmrf.training.losses` takes it group by group."""
        field = self.direction_field(batch.unique_tec_map_seq).to(batch.coords.dtype)
        at = batch.physics
        sampled = sample_maps(field, at.tec_indices, at.coords[:, 0], at.coords[:, 1])
        return Prediction(*self.residuals(batch), field, sampled)

    def residuals(self, batch) -> tuple[Float[Tensor, "k b"], Float[Tensor, "5 p"]]:
        """Jets of the residual at the observations and at the physics points; float32 even under mixed precision."""
        at = batch.physics
        with torch.autocast(batch.coords.device.type, enabled=False):
            physics = self.residual(batch, at, WITH_DERIVATIVES)
            return (physics[:1] if batch.collocation is None else self.residual(batch, batch)), physics

    def residual(self, batch, at, order: int = 1) -> Float[Tensor, "k b"]:
        """Jet of the residual at a batch's `physics`, or at its observations, which are the batch itself."""
        tec = None
        if self.residual_field.sees_tec:
            lat, lon, _, hours = at.coords.unbind(1)
            tec = tec_jet(batch.unique_tec_map_seq[:, -1], batch.next_tec_map, at.tec_indices, lat, lon, hours)
        return self.residual_field(at.coords, batch.unique_sw_seq, at.tec_indices, order, tec)

    def log10_density(self, batch) -> Tensor:
        """Log10 Ne_fused [m⁻³] at a batch's observations, `[B]`."""
        return batch.background[:, 0] + self.residual(batch, batch)[jets.VALUE]
