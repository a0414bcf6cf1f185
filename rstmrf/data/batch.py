"""What one training step sees, and the points it is cut from."""

from dataclasses import dataclass, fields, replace

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from rstmrf.background import IriBackground
from rstmrf.errors import InputError
from rstmrf.globe import metric
from rstmrf.runtime import give_back_freed_memory
from rstmrf.units import hours_since, wrap_longitude

BACKGROUND = ("log10_ne_m3", "d_east_per_km", "d_north_per_km", "d_alt_per_km", "d2_alt_per_km2")
_BLOCK = 1 << 18  # points held in more than their final form


@dataclass(frozen=True)
class Points:
    """Places and times where a loss is evaluated, with IRI there and the window each belongs to."""

    coords: Float[Tensor, "b 4"]  # lat [deg], lon [deg], alt [km], time [h since start]
    background: Float[Tensor, "b 5"]  # log10 Ne of IRI and its derivatives, as in BACKGROUND
    tec_indices: Int[Tensor, " b"]  # row of the unique windows
    column: Float[Tensor, "b 4"] | None = None  # as in PointSet


@dataclass(frozen=True)
class Rays:
    """The rays of a batch's observations, through curtains that those of one profile share."""

    coords: Float[Tensor, "k 4"]  # nodes of the curtains where the residual is asked for, as in Points
    tec_indices: Int[Tensor, " k"]  # row of the unique windows
    iri_dex: Float[Tensor, "q column shell"]  # log10 of IRI's density [m⁻³] on the curtains
    curtain: Int[Tensor, " b"]  # of each observation's ray, −1 where there is none
    alt_km: Float[Tensor, " b"]  # of the tangent points
    slant_tecu: Float[Tensor, " b"]  # measured, NaN where unknown


@dataclass(frozen=True)
class Batch:
    """One step's input: B observations, N unique windows of S hours, TEC maps of H × W.

    Members are named as in the design document. Physics losses may be asked at points of their own (`collocation`);
    without them they are evaluated at the observations.
    """

    coords: Float[Tensor, "b 4"]  # lat [deg], lon [deg], alt [km], time [h since start]
    target_ne: Float[Tensor, " b"]  # log10 of observed Ne [m⁻³]
    background: Float[Tensor, "b 5"]  # log10 Ne of IRI and its derivatives, as in BACKGROUND
    tec_indices: Int[Tensor, " b"]  # row of the unique windows
    unique_sw_seq: Float[Tensor, "n d 2"]  # Kp, F10.7 [sfu]
    unique_tec_map_seq: Float[Tensor, "n s 1 h w"] | None = None  # TECU; None where directions are tabulated
    target_tec_map: Float[Tensor, "n 1 h w"] | None = None  # TECU, whose gradient direction is the truth
    collocation: Points | None = None
    next_tec_map: Float[Tensor, "n 1 h w"] | None = None  # TECU, of the hour after, for a field that sees TEC
    direction_maps: Float[Tensor, "n 2 h w"] | None = None  # tabulated directions of the hour
    next_direction_maps: Float[Tensor, "n 2 h w"] | None = None  # of the hour after, to interpolate between
    window_share: Float[Tensor, " n"] | None = None  # one over the processes that hold a window; None: one process
    point_weight: Float[Tensor, " b"] | None = None  # how much an observation counts; None: all alike
    rays: Rays | None = None  # where slant TEC is fitted

    @property
    def sw_seq(self) -> Float[Tensor, "b d 2"]:
        """Kp and F10.7 [sfu] of each point's window, expanded; the model uses the unique ones."""
        return self.unique_sw_seq[self.tec_indices]

    @property
    def physics(self) -> Points:
        """Where the physics losses are evaluated."""
        return self.collocation or Points(self.coords, self.background, self.tec_indices)

    def to(self, device, non_blocking: bool = False) -> "Batch":
        """The same batch on another device."""

        def move(x):
            if isinstance(x, Points | Rays):
                return type(x)(*(move(getattr(x, f.name)) for f in fields(x)))
            return x if x is None else x.to(device, non_blocking=non_blocking)

        return replace(self, **{f.name: move(getattr(self, f.name)) for f in fields(self)})


@dataclass(frozen=True)
class PointSet:
    """All points of a data set as tensors, in the order of the observations."""

    coords: Float[Tensor, "p 4"]
    log10_ne_m3: Float[Tensor, " p"]
    background: Float[Tensor, "p 5"]
    profile: Int[Tensor, " p"]
    start: np.datetime64  # of `time_hours`
    weight: Float[Tensor, " p"] | None = None  # how much each counts in training; None: all alike
    azimuth_deg: Float[Tensor, " p"] | None = None  # of the ray, east of north, NaN where unknown; None: of no point
    slant_tecu: Float[Tensor, " p"] | None = None  # of the ray below the receiver's orbit [TECU], as azimuth_deg
    curtain: Int[Tensor, " p"] | None = None  # number of the profile's among a run's curtains, −1: none
    # Of points that lie in columns: thickness [km] that counts for the point; of IRI's column above the highest one
    # the equivalent thickness [km] at that point's density, and its gradient's log10 (east, north) [1/km]; else 0
    column: Float[Tensor, "p 4"] | None = None

    @classmethod
    def places(cls, coords: Float[Tensor, "p 4"], start: np.datetime64) -> "PointSet":
        """Points of which only place and time are known."""
        n = len(coords)
        unknown = torch.full((n,), float("nan"))
        return cls(coords, unknown, unknown[:, None].expand(n, len(BACKGROUND)), torch.full((n,), -1), start)

    def __len__(self) -> int:
        return len(self.log10_ne_m3)

    def select(self, chosen) -> "PointSet":
        """The points of an index or mask."""
        chosen = torch.as_tensor(chosen)
        tensors = {f.name: getattr(self, f.name) for f in fields(self) if f.name != "start"}
        return replace(self, **{name: x if x is None else x[chosen] for name, x in tensors.items()})


def attach_background(lat, lon, alt_km, hours, iri: IriBackground, first_number: int = 0) -> Float[Tensor, "p 5"]:
    """IRI at points `[P]` as the columns of BACKGROUND, horizontal derivatives turned to east and north, 1/km.

    Errors call the first point `first_number`.
    """
    at = iri.evaluate(lat, lon, alt_km, hours, first_number)
    east_km, north_km = metric(*(torch.as_tensor(x).to(iri.dtype) for x in (lat, alt_km)))
    east, north = torch.rad2deg(at.d_dlon_per_deg) / east_km, torch.rad2deg(at.d_dlat_per_deg) / north_km
    return torch.stack([at.log10_ne_m3, east, north, at.d_dalt_per_km, at.d2_dalt2_per_km2], dim=1).float()


def prepare_points(observations, iri: IriBackground, used: Bool[np.ndarray, " p"] | None = None) -> PointSet:
    """Observations (a Dataset of `point`) as tensors with the IRI background attached, times from IRI's first day.

    Args:
        used: which points to keep; by default all.

    Raises:
        InputError: no points, a density that is no number, or points outside the days or altitudes of the background.
    """
    if observations.sizes.get("point", 0) == 0:
        raise InputError("observations: there are no points; give at least one profile within the days of the drivers")
    start = np.datetime64(iri.start.isoformat(), "ns")
    time = observations["time"].values
    chosen = slice(None) if used is None else _as_slice(used)

    def column(name, dtype):
        return torch.from_numpy(np.require(observations[name].values[chosen], dtype, "W"))

    time, lat, lon, alt_km = time[chosen], *(column(name, np.float32) for name in ("lat", "lon", "alt_km"))
    coords, background = torch.empty(len(time), 4), torch.empty(len(time), 5)
    for first in range(0, len(time), _BLOCK):
        here = slice(first, first + _BLOCK)
        hours = torch.from_numpy(hours_since(time[here], start))
        coords[here] = torch.stack([lat[here], wrap_longitude(lon[here]), alt_km[here], hours], dim=1)
        background[here] = attach_background(lat[here], lon[here], alt_km[here], hours, iri, first)
        give_back_freed_memory()
    log10_ne = column("log10_ne_m3", np.float32)
    if not torch.isfinite(log10_ne).all():
        first = int((~torch.isfinite(log10_ne)).nonzero()[0])
        raise InputError(f"observations: log10_ne_m3[{first}] is {log10_ne[first].item()}; leave such points out")
    rays = {name: column(name, np.float32) for name in ("azimuth_deg", "slant_tecu") if name in observations}
    return PointSet(coords, log10_ne, background, column("profile", np.int32), start, **rays)


def _as_slice(mask: Bool[np.ndarray, " p"]) -> slice | np.ndarray:
    """A mask as a slice where what it chooses lies together: of millions of points, one that is whole is not copied."""
    first, n = int(mask.argmax()), int(mask.sum())
    return slice(first, first + n) if mask[first : first + n].all() else mask
