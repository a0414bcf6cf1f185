"""Batches of whole windows of TEC maps, from which the ConvLSTM learns directions alone."""

from typing import NamedTuple

from jaxtyping import Float, Int
from torch import Tensor
from torch.utils.data import Dataset

WINDOWS_A_STEP = 4


class MapWindows(NamedTuple):
    """Windows of TEC maps and the map whose gradient is the truth, as in `Batch`."""

    unique_tec_map_seq: Float[Tensor, "n s 1 h w"]
    target_tec_map: Float[Tensor, "n 1 h w"]
    window_share: None = None


class WindowsOfHours(Dataset):
    """Batches of windows; several processes each take a part, or all of them where there are fewer windows."""

    def __init__(self, processor, batches: tuple[Int[Tensor, " n"], ...], rank: int, world: int):
        self.processor, self.batches, self.rank, self.world = processor, batches, rank, world

    def __len__(self):
        return len(self.batches)

    def __getitem__(self, number) -> MapWindows:
        rows = self.batches[number]
        own = rows.tensor_split(self.world)[self.rank] if len(rows) >= self.world else rows
        return MapWindows(self.processor.map_windows(own), self.processor.tec[own])
