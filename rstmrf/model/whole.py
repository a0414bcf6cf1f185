"""The whole model: residual field and direction field, evaluated together for a batch."""

from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor, nn

from rstmrf.config import RunConfig
from rstmrf.model import jets
from rstmrf.model.direction import DirectionField, ObservedDirection, tec_jet
from rstmrf.model.field import ResidualField
from rstmrf.model.spread import SpreadHead

WITH_DERIVATIVES = 5


class Prediction(NamedTuple):
    """The residual of log10 Ne for a batch."""

    residual: Float[Tensor, "k b"]  # its jet at the observations
    physics: Float[Tensor, "5 p"] | None  # its jet at the physics points; None where no loss asks for it
    log_sigma: Float[Tensor, " b"] | None  # log of σ [dex] of observed less predicted, before recalibration


class RSTMRF(nn.Module):
    """Residual field and direction field; TEC guides only through the loss, never the value of Ne.

    Args:
        config: the run's settings.
        duration_hours: length of the run's data.
    """

    def __init__(self, config: RunConfig, duration_hours: float):
        super().__init__()
        self.config = config
        self.residual_field = ResidualField(config, duration_hours)
        learned = config.direction_source == "network"
        self.direction_field = DirectionField(config) if learned else ObservedDirection(config)
        with torch.random.fork_rng(devices=[]):  # what is drawn later is the same with a σ and without
            self.spread = SpreadHead(config) if config.w_sigma else None

    def forward(self, batch) -> Prediction:
        """The residual at the observations and, if a physics loss asks for it, with its derivatives where that does."""
        if not (self.config.w_chapman or self.config.uses_directions):
            residual, physics = self.residual(batch, batch), None
        else:
            physics = self.residual(batch, batch.physics, WITH_DERIVATIVES)
            residual = physics[:1] if batch.collocation is None else self.residual(batch, batch)
        log_sigma = None
        if self.spread is not None:
            log_sigma = self.spread.error_sigma(batch.coords, batch.unique_sw_seq, batch.tec_indices).log()
        return Prediction(residual, physics, log_sigma)

    def residual(self, batch, at, order: int = 1) -> Float[Tensor, "k b"]:
        """Jet of the residual at a batch's `physics`, or at its observations, which are the batch itself.

        It is float32 even under mixed precision: derivatives ask for it, and scores compare fractions of a per cent.
        """
        with torch.autocast(batch.coords.device.type, enabled=False):
            tec = None
            if self.residual_field.sees_tec:
                lat, lon, _, hours = at.coords.unbind(1)
                tec = tec_jet(batch.unique_tec_map_seq[:, -1], batch.next_tec_map, at.tec_indices, lat, lon, hours)
            return self.residual_field(at.coords, batch.unique_sw_seq, at.tec_indices, order, tec)

    def log10_density(self, batch) -> Tensor:
        """Log10 Ne_fused [m⁻³] at a batch's observations, `[B]`."""
        return batch.background[:, 0] + self.residual(batch, batch)[jets.VALUE]
