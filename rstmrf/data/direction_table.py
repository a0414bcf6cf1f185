"""Directions of TEC gradients for all hours of a run, known before the density is trained."""

from collections.abc import Callable
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

WINDOWS_AT_ONCE = 16


class DirectionTable(NamedTuple):
    """A vector for every cell of every hour of the maps; only its direction counts."""

    maps: Float[Tensor, "hours 2 h w"]
    interpolated: bool  # between two hours the direction is that of both, by the time to each

    @classmethod
    @torch.no_grad()
    def tabulate(cls, direction_field: Callable, processor, device="cpu") -> "DirectionTable":
        """What a direction field finds in the windows of a `SlidingWindowBatchProcessor`; zero where none is whole.

        24 MB for a month at 46 × 91 cells. Directions are interpolated in time where windows end at the hour itself.
        """
        rows = processor.coverage.whole.nonzero()[:, 0]
        table = torch.zeros(len(processor.tec), 2, *processor.tec.shape[-2:])
        for some in rows.split(WINDOWS_AT_ONCE):
            table[some] = direction_field(processor.map_windows(some).to(device)).float().cpu()
        return cls(table, processor.lead_hours == 0)
