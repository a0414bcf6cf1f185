"""The whole model: residual field and direction field, evaluated together for a batch."""

from typing import NamedTuple

import torch
from torch import Tensor, nn

from rstmrf.config import RunConfig
from rstmrf.model import jets
from rstmrf.model.direction import DirectionField, sample_direction
from rstmrf.model.field import ResidualField

WITH_DERIVATIVES = 5


class Prediction(NamedTuple):
    """What the losses need of a batch."""

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
        self.direction_field = DirectionField(config)

    def forward(self, batch) -> Prediction:
        """Everything the losses need; derivatives in float32 even under mixed precision."""
        field = self.direction_field(batch.unique_tec_map_seq).float()
        at = batch.physics
        with torch.autocast(batch.coords.device.type, enabled=False):
            physics = self.residual_field(at.coords, batch.unique_sw_seq, at.tec_indices, WITH_DERIVATIVES)
            residual = physics[:1]
            if batch.collocation is not None:
                residual = self.residual_field(batch.coords, batch.unique_sw_seq, batch.tec_indices)
            sampled = sample_direction(field, at.tec_indices, at.coords[:, 0], at.coords[:, 1])
        return Prediction(residual, physics, field, sampled)

    def log10_density(self, batch) -> Tensor:
        """Log10 Ne_fused [m⁻³] at a batch's observations, `[B]`."""
        residual = self.residual_field(batch.coords, batch.unique_sw_seq, batch.tec_indices)
        return batch.background[:, 0] + residual[jets.VALUE]
