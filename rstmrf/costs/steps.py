"""Training steps on random data, as the forecasts of memory and disk take them, and the benchmarks."""

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from rstmrf.config import RunConfig
from rstmrf.data.batch import Batch, Points
from rstmrf.data.map_windows import WINDOWS_A_STEP, MapWindows
from rstmrf.data.tec_columns import LEVELS
from rstmrf.model.direction import DirectionField
from rstmrf.model.whole import RSTMRF
from rstmrf.training.direction_losses import head_term
from rstmrf.training.losses import loss_terms, total_loss

HOURS = 720.0


class Step(NamedTuple):
    """One training step: `forward` gives the loss."""

    model: RSTMRF
    optimizer: torch.optim.Optimizer
    batch: Batch
    forward: Callable[[], Tensor]

    def run(self) -> None:
        """Forward, backward and the optimizer's step."""
        self.optimizer.zero_grad(set_to_none=True)
        self.forward().backward()
        self.optimizer.step()


def random_batch(config: RunConfig, windows: int) -> Batch:
    """Random points, windows and maps of a configuration's sizes, as a `BatchDataset` makes them.

    `config.batch_size` observations; physics points of their own, maps of directions and of TEC as the settings say.
    """
    rows, columns = (n // config.tec_downsample_factor + 1 for n in (180, 360))

    def places(points: int, column: Tensor | None = None) -> Points:
        lat = torch.rad2deg(torch.asin(1.98 * torch.rand(points) - 0.99))
        place = [lat, 360 * torch.rand(points) - 180, 120 + 380 * torch.rand(points), HOURS * torch.rand(points)]
        background = torch.cat([10 + 2 * torch.rand(points, 1), 1e-3 * torch.rand(points, 4)], dim=1)
        return Points(torch.stack(place, dim=1), background, torch.randint(0, windows, (points,)), column)

    def directions() -> Tensor:
        return torch.rand(windows, 2, rows, columns) - 0.5

    at, apart = places(config.batch_size), config.longitude_jitter_deg or config.collocation_points
    few = config.physics_points if config.physics_points and config.physics_points < config.batch_size else None

    def elsewhere() -> Points:
        number = config.collocation_points or few or config.batch_size
        if config.collocation_altitude != "column":
            return places(number)
        number = -(-number // LEVELS) * LEVELS
        return places(number, torch.rand(number, 4))

    tabulated, maps = config.uses_directions and config.directions_first, None
    if config.tec_input or not tabulated:
        maps = 40 * torch.rand(windows, config.seq_len, 1, rows, columns)
    return Batch(
        coords=at.coords,
        target_ne=10 + 2 * torch.rand(config.batch_size),
        background=at.background,
        tec_indices=at.tec_indices,
        unique_sw_seq=5 * torch.rand(windows, config.driver_hours or config.seq_len, 2),
        unique_tec_map_seq=maps,
        target_tec_map=40 * torch.rand(windows, 1, rows, columns),
        collocation=elsewhere() if apart or few else None,
        next_tec_map=40 * torch.rand(windows, 1, rows, columns) if config.tec_input else None,
        direction_maps=directions() if tabulated else None,
        next_direction_maps=directions() if tabulated and not config.lead_hours else None,
    )


def make_step(config: RunConfig, windows: int, device: str = "cpu") -> Step:
    """A training step of a configuration on random data with N unique windows."""
    with torch.device(device):
        model = RSTMRF(config, HOURS)
    if config.directions_first or not config.uses_directions:
        model.direction_field.requires_grad_(False)
    learned = [p for p in model.parameters() if p.requires_grad]
    batch = random_batch(config, windows).to(device)

    def forward():
        with torch.autocast(device, torch.bfloat16, enabled=config.use_amp):
            return total_loss(loss_terms(batch, model, config), config)

    return Step(model, torch.optim.AdamW(learned, fused=not config.use_amp), batch, forward)


def make_head_step(config: RunConfig, device: str = "cpu") -> Step:
    """A step of the ConvLSTM's own training, which comes before the density's (`direction_training` "first")."""
    rows, columns = (n // config.tec_downsample_factor + 1 for n in (180, 360))
    with torch.device(device):
        field = DirectionField(config)
        maps = 40 * torch.rand(WINDOWS_A_STEP, config.seq_len, 1, rows, columns)
    batch = MapWindows(maps, maps[:, -1].clone())

    def forward():
        with torch.autocast(device, torch.bfloat16, enabled=config.use_amp):
            return head_term(field(batch.unique_tec_map_seq).float(), batch, config).mean

    return Step(field, torch.optim.AdamW(field.parameters()), batch, forward)


def learns_directions(config: RunConfig) -> bool:
    """Whether a run with maps trains the ConvLSTM alone before the density."""
    return config.uses_directions and config.directions_first and config.direction_source == "network"
