"""The density that one model, or several together, give at points and on columns, with its derivatives and its σ."""

import copy
import hashlib
import pickle
from collections.abc import Callable
from functools import cached_property
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from rstmrf.background import IriBackground
from rstmrf.background.profile import log10_density_jet
from rstmrf.data.batch import PointSet, attach_background
from rstmrf.data.windows import SlidingWindowBatchProcessor
from rstmrf.errors import InputError
from rstmrf.model import jets
from rstmrf.model.columns import ColumnField
from rstmrf.model.whole import RSTMRF, WITH_DERIVATIVES
from rstmrf.units import wrap_longitude

_CHUNK = 16384


class Values(NamedTuple):
    """Log10 of density [m⁻³] at points `[P]` or on columns `[C, Z]`, and what is known beside it."""

    iri: Tensor
    fused: Tensor
    sigma_dex: Tensor | None = None
    slopes_per_km: Tensor | None = None  # ∂ log10 Ne towards east, north and up [1/km], first axis


class DensityField:
    """IRI plus the residual of a model, or plus the mean residual of several, wherever maps and indices are given.

    Args:
        models: trained models of the same settings, one or more.
        iri: background of the days.
        processor: maps and indices of the hours, whose `start` is the models' first day.
        sigma_scale: what recalibration of several models together found.
    """

    def __init__(self, models, iri: IriBackground, processor: SlidingWindowBatchProcessor, sigma_scale: float = 1.0):
        self.models: tuple[RSTMRF, ...] = tuple(models)
        self.iri, self.processor, self.sigma_scale = iri, processor, sigma_scale
        self.sees_tec = any(model.residual_field.sees_tec for model in self.models)
        # IRI counts hours from its own first day, the models from theirs.
        days = np.datetime64(iri.start.isoformat(), "D") - processor.start.astype("datetime64[D]")
        self._iri_hours_later = 24.0 * days.astype(int)

    @property
    def states_sigma(self) -> bool:
        """Whether a σ is known: it was trained, or several models disagree."""
        return self.models[0].spread is not None or len(self.models) > 1

    def covered(self, hours: Float[Tensor, " p"]) -> tuple[Tensor, Tensor]:
        """Which hours since start `[P]` have a whole window, and which lie on a day of the background."""
        of_iri = hours - self._iri_hours_later
        return self.processor.usable(hours), (of_iri >= 0) & (of_iri < 24.0 * self.iri.n_days)

    @torch.no_grad()
    def at(self, lat, lon, alt_km, hours: Float[Tensor, " p"], slopes: bool = False, sigma: bool = True) -> Values:
        """Values at points `[P]` [deg, km, h since start], in their order."""
        lat, lon, alt_km = (_single(x) for x in (lat, lon, alt_km))
        of_iri = hours - self._iri_hours_later
        coords = torch.stack([lat, wrap_longitude(lon), alt_km, hours.float()], dim=1)
        residual, sigma_dex = self.residual(coords, hours, WITH_DERIVATIVES if slopes else 1, sigma)
        if not slopes:
            iri = self.iri.log10_density(lat, lon, alt_km, of_iri)
            return Values(iri, iri + residual[jets.VALUE], sigma_dex)
        background = attach_background(lat, lon, alt_km, of_iri, self.iri).T
        fused = background + residual
        return Values(background[0], fused[jets.VALUE], sigma_dex, fused[[jets.EAST, jets.NORTH, jets.ALT]])

    @torch.no_grad()
    def residual(self, coords: Float[Tensor, "p 4"], hours: Float[Tensor, " p"], order: int = 1, sigma: bool = False):
        """Jet of the residual of log10 Ne at points, `[K, P]`, and σ [dex] `[P]` where it is wanted and known."""
        out, spread = torch.empty(order, len(coords)), None
        if sigma and self.states_sigma:
            spread = torch.empty(len(coords))
        for rows in torch.argsort(hours, stable=True).split(_CHUNK):
            found = [
                self._of_model(model, coords[rows], hours[rows], order, spread is not None) for model in self.models
            ]
            jets_of_models, stated = zip(*found, strict=True)
            out[:, rows] = torch.stack(jets_of_models).mean(0)
            if spread is not None:
                variance = torch.stack([jet[jets.VALUE] for jet in jets_of_models]).var(0, correction=0)
                if stated[0] is not None:
                    variance = variance + torch.stack(stated).square().mean(0)
                spread[rows] = self.sigma_scale * variance.sqrt()
        return out, spread

    def _of_model(self, model, coords, hours, order, sigma):
        drivers, window = self._drivers(hours)
        if self.sees_tec:
            batch = self.processor(PointSet.places(coords, self.processor.start))
            jet = model.residual(batch, batch, order)
        else:
            jet = model.residual_field(coords, drivers, window, order)
        return jet, model.spread.sigma(coords, drivers, window) if sigma and model.spread is not None else None

    def _drivers(self, hours):
        """Kp and F10.7 of the windows of unique hours, and each time's place among them."""
        rows, window = torch.unique(self.processor.window_hour(hours), return_inverse=True)
        return self.processor.driver_windows(rows), window

    @torch.no_grad()
    def columns(self, lat, lon, alt_km, hour: float, sigma: bool = False) -> Values:
        """Values over places `[C]` at altitudes `[Z]` and one time: what changes with one of them is computed once."""
        lat, lon, alt_km = (_single(x) for x in (lat, lon, alt_km))
        if self.sees_tec:
            return self.columns_by_points(lat, lon, alt_km, hour, sigma=sigma)
        hours = torch.full((len(lat),), hour, dtype=torch.float64)
        iri = self.iri.log10_density_columns(lat, lon, alt_km, hours - self._iri_hours_later)
        drivers = self._drivers(hours[:1])[0][0]
        place = (lat, wrap_longitude(lon), alt_km, hour, drivers)
        residuals = torch.stack([ColumnField(model.residual_field)(*place) for model in self.models])
        sigma_dex = self._sigma_of_columns(lat, lon, alt_km, hour) if sigma and self.states_sigma else None
        return Values(iri, iri + residuals.mean(0), sigma_dex)

    def columns_by_points(self, lat, lon, alt_km, hour: float, **wanted) -> Values:
        """The same, point by point: what `at` gives that `columns` does not, such as slopes."""
        n_levels = len(alt_km)
        lat, lon, alt_km, hours = _points_of_columns(lat, lon, alt_km, hour)
        at = self.at(lat, lon, alt_km, hours, **wanted)
        return Values(*(x if x is None else x.unflatten(-1, (-1, n_levels)) for x in at))

    def _sigma_of_columns(self, lat, lon, alt_km, hour):
        lat, lon, alt, hours = _points_of_columns(lat, lon, alt_km, hour)
        coords = torch.stack([lat, wrap_longitude(lon), alt, hours.float()], dim=1)
        sigma = self.residual(coords, hours, sigma=True)[1]
        assert sigma is not None  # it was asked for
        return sigma.view(-1, len(alt_km))

    def vertical(self, lat, lon, hour: float) -> Callable[[Float[Tensor, " c"]], Float[Tensor, "3 c"]]:
        """For places `[C]` at one time: from altitudes `[C]` to log10 Ne, its slope [1/km] and curvature [1/km²]."""
        lat, lon = (_single(x) for x in (lat, lon))
        hours = torch.full((len(lat),), hour, dtype=torch.float64)
        layers = self.iri.layers(lat, lon, hours - self._iri_hours_later)

        @torch.no_grad()
        def at(alt_km):
            coords = torch.stack([lat, wrap_longitude(lon), alt_km, hours.float()], dim=1)
            residual, _ = self.residual(coords, hours, WITH_DERIVATIVES)
            own = residual[[jets.VALUE, jets.ALT, jets.ALT2]]
            return own + torch.stack(log10_density_jet(layers, alt_km))

        return at

    def m3000(self, lat, lon, hour: float) -> Float[Tensor, " c"]:
        """IRI's M(3000)F2 [1] of places `[C]` at one time."""
        hours = torch.full((len(lat),), hour - self._iri_hours_later, dtype=torch.float64)
        return self.iri.m3000(_single(lat), _single(lon), hours)

    @cached_property
    def digest(self) -> str:
        """Hash of all that its densities depend on."""
        digest = hashlib.sha256(f"{self.iri.start} {self.processor.start} {self.sigma_scale}".encode())
        weights = [value for model in self.models for value in model.state_dict().values()]
        for values in (*weights, self.processor.sw, self.iri.ig12, self.iri.f107):
            digest.update(np.ascontiguousarray(values))
        if self.sees_tec and self.processor.tec is not None:
            digest.update(self.processor.tec.numpy())
        return digest.hexdigest()[:16]


class Shipped:
    """A field on its way to other processes: packed once, and unpacked once in each of them, however many its tasks.

    Maps of TEC stay behind where no density depends on them; those of IRI are read from the cache of each machine.
    """

    _here: tuple[str, DensityField | None] = ("", None)

    def __init__(self, field: DensityField):
        light = field
        if not field.sees_tec and field.processor.tec is not None:
            light = copy.copy(field)
            light.processor = copy.copy(field.processor)
            light.processor.tec = field.processor.tec[..., :1, :1].clone()
        self.digest, self._content = field.digest, pickle.dumps(light)
        Shipped._here = (self.digest, light)

    def unpacked(self) -> DensityField:
        """The field, in this process."""
        digest, field = Shipped._here
        if field is None or digest != self.digest:
            field = pickle.loads(self._content)  # noqa: S301 - bytes that __init__ made, no file's
            Shipped._here = (self.digest, field)
        return field


def _single(values) -> Tensor:
    return values.float() if isinstance(values, Tensor) else torch.from_numpy(np.array(values, np.float32, order="C"))


def _points_of_columns(lat, lon, alt_km, hour):
    """Places `[C]` at altitudes `[Z]` as points, altitudes changing fastest."""
    lat, lon, alt_km = (_single(x) for x in (lat, lon, alt_km))
    n = len(lat) * len(alt_km)
    hours = torch.full((n,), hour, dtype=torch.float64)
    return *(x.repeat_interleave(len(alt_km)) for x in (lat, lon)), alt_km.repeat(len(lat)), hours


def together(model) -> tuple[tuple, float]:
    """The models of an ensemble and the scale of its σ; of a single model, itself and one.

    Raises:
        InputError: no model at all.
    """
    models = tuple(getattr(model, "models", (model,)))
    if not models:
        raise InputError("the ensemble has no models; at least one is needed")
    return models, float(getattr(model, "scale", 1.0))
