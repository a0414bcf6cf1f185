"""Batches by lists of point numbers, and what several processes each take of a batch."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.utils.data import Dataset

from rstmrf.data.batch import Batch, PointSet
from rstmrf.data.curtains import Curtains
from rstmrf.data.direction_table import DirectionTable
from rstmrf.data.tec_columns import LEVELS
from rstmrf.data.windows import SlidingWindowBatchProcessor
from rstmrf.units import wrap_longitude


class BatchDataset(Dataset):
    """Batches by lists of point numbers: what a data loader with a batch sampler asks for.

    Every process draws the same batch, with the same random numbers, and takes its part of it: a step is the same on
    any number of processes.

    Args:
        points, processor: where batches come from.
        rows: the numbers of the points that take part, `[R]`, in whose order they are asked for; by default all.
        longitude_jitter_deg: standard deviation by which data points are moved in longitude and time at fixed local
            time. It says that departures from IRI follow the Sun, and keeps a network from drawing the tracks of one
            orbit; the physics losses stay at the true places.
        collocate: from the points of a batch, and random numbers, to its collocation points; None: physics losses at
            the observations.
        physics_points: how many of a batch's observations, drawn anew each step; None: all of them.
        directions: of all hours, where they are known beforehand.
        curtains: those whose numbers the points carry, where slant TEC is fitted; None: nowhere.
        seed: of the random numbers; those of an epoch depend on nothing that came before it.
        rank, world: this process and how many there are; each holds a part of every batch.
    """

    def __init__(
        self,
        points: PointSet,
        processor: SlidingWindowBatchProcessor,
        *,
        rows: np.ndarray | None = None,
        longitude_jitter_deg: float = 0.0,
        collocate: Callable[[PointSet, torch.Generator], PointSet] | None = None,
        physics_points: int | None = None,
        directions: DirectionTable | None = None,
        curtains: Curtains | None = None,
        seed: int = 0,
        rank: int = 0,
        world: int = 1,
    ):
        self.points, self.processor, self.rows, self.jitter_deg = points, processor, rows, longitude_jitter_deg
        self.collocate, self.physics_points, self.directions = collocate, physics_points, directions
        self.curtains = curtains
        self.rank, self.world = rank, world
        self._random = torch.Generator().manual_seed(seed)

    def __len__(self) -> int:
        return len(self.points if self.rows is None else self.rows)

    def __getitem__(self, chosen) -> Batch:
        points = self.points.select(torch.as_tensor(chosen if self.rows is None else self.rows[chosen]))
        physics, share = self._physics(points), None
        moved = self._moved(points.coords) if self.jitter_deg else points.coords
        if self.world > 1:
            points, moved, physics, share = self._part(points, moved, physics)
        batch = self.processor(points, physics, self.directions)
        if self.curtains is not None:
            batch = replace(batch, rays=self.curtains.rays(points, batch.tec_indices))
        if share is not None:
            rows, _ = self.processor.unique_windows(_hours(points, physics))
            batch = replace(batch, window_share=share[rows])
        return replace(batch, coords=moved) if self.jitter_deg else batch

    def _physics(self, points: PointSet) -> PointSet | None:
        """Where the physics losses are asked; None: at the observations themselves."""
        if self.collocate:
            return self.collocate(points, self._random)
        if self.physics_points and self.physics_points < len(points):
            return points.select(torch.randperm(len(points), generator=self._random)[: self.physics_points])
        return points if self.jitter_deg else None

    def _moved(self, coords: Float[Tensor, "b 4"]) -> Float[Tensor, "b 4"]:
        eastward = self.jitter_deg * torch.randn(len(coords), generator=self._random)
        lat, lon, alt_km, hours = coords.unbind(1)
        return torch.stack([lat, wrap_longitude(lon + eastward), alt_km, hours - eastward / 15.0], dim=1)

    def _part(self, points, moved, physics):
        """This process's points and physics points, neighbours in time, and for each hour one over its holders."""
        own, held = self._split(points)
        if physics is not None:
            of_physics, also = self._split(physics, 1 if physics.column is None else LEVELS)
            physics, held = physics.select(of_physics), held | also
        return points.select(own), moved[own], physics, 1.0 / held.sum(0).clamp(min=1)

    def _split(self, points: PointSet, together: int = 1) -> tuple[Int[Tensor, " own"], Tensor]:
        """This process's numbers of some points, and which process holds which hour, `[world, hours]`.

        So many points that lie `together` in a column go to one process.
        """
        row = self.processor.window_hour(points.coords[:, 3])
        order = torch.argsort(row[::together], stable=True)
        parts = [(together * of[:, None] + torch.arange(together)).flatten() for of in order.tensor_split(self.world)]
        if not len(parts[-1]):  # fewer points than processes: all of them hold all
            parts = [torch.arange(len(points))] * self.world
        n_hours = self.processor.coverage.n_hours
        return parts[self.rank], torch.stack([torch.bincount(row[part], minlength=n_hours) > 0 for part in parts])


def _hours(points, physics):
    hours = points.coords[:, 3]
    return hours if physics is None else torch.cat([hours, physics.coords[:, 3]])
