"""Collocation points: where the physics losses are asked though nothing was observed, for TEC is known everywhere.

A pool is drawn once, with IRI attached, and batches take from it by the hour, for every hour more is a window more.
"""

from dataclasses import replace

import numpy as np
import torch
from jaxtyping import Int
from torch import Tensor

from rstmrf.background import IriBackground
from rstmrf.config import RunConfig
from rstmrf.data.batch import PointSet, attach_background
from rstmrf.data.tec_columns import LEVELS, LEVELS_KM, column_of_points
from rstmrf.errors import InputError
from rstmrf.model.coordinates import TRAINED_KM

LARGEST_POOL, POINTS_AN_HOUR = 1 << 19, 1024
ALTITUDES = ("peak", "uniform", "fixed", "column")


class CollocationPool:
    """Points evenly over the globe in each of some hours, at altitudes of a wanted kind, ready to be drawn.

    Args:
        hours: whole hours since start in which points may lie, `[H]`.
        iri: background, whose first day is the start.
        altitude: "peak" (normal about `peak_km`, with the width that the direction's weight has), "uniform" from 120 to
            500 km, "fixed" at `peak_km`, or "column", all levels of `tec_columns` at each place.
        peak_km, width_km: as `direction_peak_km` and `direction_width_km`.
        seed: of the draw.

    Raises:
        InputError: no hours, or another kind of altitude.
    """

    def __init__(self, hours, iri: IriBackground, *, altitude="peak", peak_km=350.0, width_km=100.0, seed=0):
        self.hours = torch.as_tensor(np.unique(np.asarray(hours)), dtype=torch.long)
        if not len(self.hours):
            raise InputError(
                "collocation: there is no hour in which points may lie; TEC maps of the run's days are needed"
            )
        self.together = LEVELS if altitude == "column" else 1
        self.per_hour = max(1, min(POINTS_AN_HOUR, LARGEST_POOL // len(self.hours)) // self.together)  # places
        rng = np.random.default_rng([seed, 500])
        n = self.per_hour * len(self.hours)
        lat = np.rad2deg(np.arcsin(rng.uniform(-1.0, 1.0, n))).astype(np.float32)
        lon = rng.uniform(-180.0, 180.0, n).astype(np.float32)
        alt_km = _altitudes(altitude, n, peak_km, width_km, rng).astype(np.float32)
        time = (np.repeat(self.hours.numpy(), self.per_hour) + rng.uniform(0.0, 0.999, n)).astype(np.float32)
        places = [torch.from_numpy(x) for x in (lat, lon, time)]
        lat, lon, time = (x.repeat_interleave(self.together) for x in places)
        place = lat, lon, torch.from_numpy(alt_km)
        background = attach_background(*place, time.double(), iri)
        points = PointSet.places(torch.stack([*place, time], dim=1), np.datetime64(iri.start.isoformat(), "ns"))
        column = column_of_points(*places, background, iri) if self.together > 1 else None
        self.points = replace(points, background=background, column=column)

    def draw(self, n: int, random: torch.Generator, hours: Int[Tensor, " h"] | None = None, n_hours: int = 1):
        """About `n` points, as many in each hour: in those of `hours` that the pool has, else in `n_hours` at random.

        Returns a `PointSet`; its density is NaN: there is none to fit.
        """
        if hours is None:
            rows = torch.randperm(len(self.hours), generator=random)[:n_hours]
        else:
            rows = torch.isin(self.hours, hours).nonzero()[:, 0]
            if not len(rows):
                return self.draw(n, random, None, n_hours)
        each = -(-n // (len(rows) * self.together))
        places = torch.randint(self.per_hour, (len(rows), each), generator=random) + self.per_hour * rows[:, None]
        return self.points.select((self.together * places[..., None] + torch.arange(self.together)).flatten())


def allowed_hours(processor, n_days: int, train_hours, *, which: str, last_hour: float | None = None) -> np.ndarray:
    """Whole hours since start in which collocation points may lie.

    Args:
        processor: whose windows are whole there.
        n_days: days of the background.
        train_hours: hours of the training points.
        which: "seen", only hours that hold training points, or "all", wherever TEC is known.
        last_hour: nothing after it (forecast); None: no such limit (analysis).
    """
    hours = np.arange(24 * n_days)
    hours = hours[processor.usable(torch.from_numpy(hours + 0.5)).numpy()]
    if which == "seen":
        hours = hours[np.isin(hours, np.floor(np.asarray(train_hours)).astype(int))]
    return hours if last_hour is None else hours[hours <= np.floor(last_hour)]


def collocator(config: RunConfig, processor, iri: IriBackground, train_hours, last_hour=None):
    """A function from the points of a batch, and random numbers, to its collocation points, as the settings say.

    Where hours are "seen", points lie in the batch's own hours, which costs no window more; where they are "all", in
    `collocation_windows` hours at random. Arguments as in `allowed_hours`.
    """
    c = config
    hours = allowed_hours(processor, iri.n_days, train_hours, which=c.collocation_hours, last_hour=last_hour)
    kind = {"altitude": c.collocation_altitude, "peak_km": c.direction_peak_km, "width_km": c.direction_width_km}
    pool = CollocationPool(hours, iri, seed=c.seed, **kind)

    def draw(batch: PointSet, random: torch.Generator) -> PointSet:
        own = batch.coords[:, 3].floor().long().unique() if c.collocation_hours == "seen" else None
        return pool.draw(c.collocation_points, random, own, c.collocation_windows)

    return draw


def _altitudes(kind, n, peak_km, width_km, rng):
    if kind == "column":
        return np.tile(LEVELS_KM, n)
    if kind == "fixed":
        return np.full(n, peak_km)
    if kind == "uniform":
        return rng.uniform(*TRAINED_KM, n)
    if kind == "peak":
        return np.clip(rng.normal(peak_km, width_km / np.sqrt(2.0), n), *TRAINED_KM)
    raise InputError(f"collocation_altitude={kind!r} is not accepted; give one of {', '.join(ALTITUDES)}")
