"""The IRI background at points: value, horizontal and vertical derivatives, and many points a second."""

from datetime import date, timedelta
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from rstmrf.background import maps, profile
from rstmrf.background.days import DayMaps
from rstmrf.background.spline import interpolate
from rstmrf.background.sun import sun_position
from rstmrf.errors import InputError
from rstmrf.runtime import in_threads

ALT_RANGE_KM = (80.0, 1000.0)
_CHUNK = 16384  # points evaluated together: small enough to stay in cache
_BLOCK = 64 * _CHUNK  # points that are put in order of time before they are cut into chunks


class BackgroundPoints(NamedTuple):
    """IRI at points, each `[N]`: log10 of density [m⁻³] and its derivatives per degree, per km and per km²."""

    log10_ne_m3: Tensor
    d_dlat_per_deg: Tensor
    d_dlon_per_deg: Tensor
    d_dalt_per_km: Tensor
    d2_dalt2_per_km2: Tensor


class IriBackground:
    """IRI for consecutive days, from two driver values a day.

    IG12 rules foF2 and hmF2; the F10.7 mean rules the rest (F2 thickness, M(3000)F2, E layer). Where only one F10.7 is
    at hand, PyIRI's own conversion gives its IG12: `rstmrf.background.drivers`.

    Args:
        start: first day (UTC), a date or ISO string.
        ig12: ionosphere-effective sunspot index, `[days]`.
        f107: mean F10.7 [sfu], `[days]`.
        dtype: of maps and results; times and the Sun's place are computed in double precision always.

    Raises:
        InputError: drivers of unequal length, IG12 outside -20 to 300, or F10.7 outside 60 to 400 sfu.
    """

    def __init__(self, start, ig12, f107, dtype=torch.float32):
        self.dtype = dtype
        self.start = date.fromisoformat(str(start)[:10])
        ig12, f107 = (np.atleast_1d(np.array(x, float)) for x in (ig12, f107))
        _check_drivers(ig12, f107)
        self.ig12, self.f107, self.n_days = ig12, f107, len(ig12)
        days = [self.start + timedelta(days=i) for i in range(self.n_days)]
        self._day_maps = DayMaps(days, ig12, f107, dtype)
        self._f107 = torch.from_numpy(f107).to(dtype)
        self._sun = torch.from_numpy(sun_position(self.start, np.arange(24.0 * self.n_days + 1))).to(dtype)
        self._season = torch.tensor([_season(day.month) for day in days], dtype=dtype)

    def log10_density(self, lat, lon, alt_km, hours) -> Float[Tensor, " n"]:
        """Log10 of density [m⁻³] alone; arguments as in `evaluate`."""

        def at(day, lat, lon, alt_km, hours):
            return (profile.log10_density(self._layers_at(day, lat, lon, hours), alt_km.to(self.dtype)),)

        return self._at_points(at, 1, (lat, lon, alt_km, hours))[0]

    def log10_density_columns(self, lat, lon, alt_km, hours) -> Float[Tensor, "n z"]:
        """Log10 of density [m⁻³] over places and times `[N]` at altitudes [km] `[Z]`, or `[N, Z]` where they differ.

        The maps are read once a column.
        """
        alt_km = torch.as_tensor(alt_km, dtype=torch.float64)
        outside = ~((alt_km >= ALT_RANGE_KM[0]) & (alt_km <= ALT_RANGE_KM[1]))
        if outside.any():
            first = int(outside.flatten().nonzero()[0])
            raise InputError(_outside("alt_km", first, alt_km.flatten()[first].item(), *ALT_RANGE_KM))
        alt_km = alt_km.to(self.dtype)
        differ = alt_km.ndim == 2

        def at(day, lat, lon, any_alt_km, hours, own_alt_km=alt_km):
            layers = profile.Layers(*(x[:, None] for x in self._layers_at(day, lat, lon, hours)))
            return (profile.log10_density(layers, own_alt_km),)

        places = (lat, lon, np.full(np.shape(lat), 300.0), hours)
        extra = (alt_km,) if differ else ()
        return self._at_points(at, 1, places, levels=alt_km.shape[-1], extra=extra)[0]

    def evaluate(self, lat, lon, alt_km, hours, first_number: int = 0) -> BackgroundPoints:
        """Value and derivatives of log10 density.

        Args:
            lat, lon: degrees, `[N]`; any longitude.
            alt_km: 80 to 1000 km, `[N]`.
            hours: since 00 UT of the first day, `[N]`; all within the days given.
            first_number: what an error calls the first point.

        Raises:
            InputError: a time, latitude or altitude outside, or not finite; the first one is named.
        """
        return BackgroundPoints(*self._at_points(self._evaluate_chunk, 5, (lat, lon, alt_km, hours), first_number))

    def peak(self, lat, lon, hours) -> tuple[Float[Tensor, " n"], Float[Tensor, " n"]]:
        """NmF2 [m⁻³] and hmF2 [km] at places and times, each `[N]`."""

        def at(day, lat, lon, hours):
            return self._layers_at(day, lat, lon, hours)[:2]

        nm_f2_m3, hm_f2_km = self._at_places(at, 2, lat, lon, hours)
        return nm_f2_m3, hm_f2_km

    def layers(self, lat, lon, hours) -> profile.Layers:
        """Peaks and thicknesses of the layers at places and times, each `[N]`: what `profile` asks for."""
        return profile.Layers(*self._at_places(self._layers_at, len(profile.Layers._fields), lat, lon, hours))

    def m3000(self, lat, lon, hours) -> Float[Tensor, " n"]:
        """M(3000)F2 [1] at places and times `[N]`: by how much the MUF over 3000 km exceeds foF2."""
        number = maps.PARAMETERS.index("M3000")

        def at(day, lat, lon, hours):
            return (self._interpolate(day, lat, lon, hours)[0][:, number],)

        return self._at_places(at, 1, lat, lon, hours)[0]

    def __reduce__(self):
        # To another process only the drivers travel: it reads the maps from the cache.
        return type(self), (self.start.isoformat(), self.ig12, self.f107, self.dtype)

    def _at_places(self, function, members: int, lat, lon, hours):
        places = (lat, lon, np.full(np.shape(lat), 300.0), hours)
        return self._at_points(lambda day, lat, lon, _, hours: function(day, lat, lon, hours), members, places)

    def _at_points(
        self, function, members: int, points, first_number=0, levels=None, extra=()
    ) -> Float[Tensor, "members n *z"]:
        """A function of a day's number and lat, lon, alt_km, hours and what is `extra`, in chunks on all threads.

        A chunk holds points of one day, whatever their order: the maps that it reads stay in cache. Each thread has
        chunks of its own; sharing one between threads would make them wait for each other at every operation. With
        `levels` the function gives so many values a point.
        """
        points = [(x if isinstance(x, Tensor) else torch.from_numpy(np.array(x))).detach().reshape(-1) for x in points]
        out = torch.empty(members, len(points[0]), *([levels] if levels else []), dtype=self.dtype)
        chunk = max(1, _CHUNK // (levels or 1))

        @torch.no_grad()
        def fill(piece):
            day, rows = piece
            values = function(day, *(x[rows] for x in (*block, *further)))
            for member, of_member in zip(out[:, first : first + _BLOCK], values, strict=True):
                member[rows] = of_member

        for first in range(0, len(points[0]), _BLOCK):
            block = self._checked([x[first : first + _BLOCK] for x in points], first_number + first)
            further = [x[first : first + _BLOCK] for x in extra]
            in_threads(fill, _pieces(block[3], chunk))
        return out

    def _checked(self, points, first: int) -> list[Float[Tensor, " n"]]:
        """Points in double precision, all within their limits; `first` is the number of the first one."""
        points = [x.double() for x in points]
        limits = ((-90.0, 90.0), (-1e4, 1e4), ALT_RANGE_KM, (0.0, 24.0 * self.n_days))
        for name, values, (low, high) in zip(("lat", "lon", "alt_km", "hours"), points, limits, strict=True):
            bad = ~((values >= low) & (values <= high))
            if name == "hours":
                bad |= values == high
            if bad.any():
                row = int(bad.nonzero()[0])
                remedy = f" h since {self.start}; give drivers for that day too" if name == "hours" else ""
                raise InputError(_outside(name, first + row, values[row].item(), low, high) + remedy)
        return points

    def _evaluate_chunk(self, day, lat, lon, alt_km, hours):
        alt_km = alt_km.to(self.dtype)
        value, by_lat, by_lon = self._interpolate(day, lat, lon, hours, derivatives=True)
        lat, lon = lat.to(self.dtype), lon.to(self.dtype)
        lat, lon, value = (x.requires_grad_() for x in (lat, lon, value))
        with torch.enable_grad():
            at = self._layers(value, day, lat, lon, hours)
            d_lat, d_lon, d_maps = torch.autograd.grad(profile.log10_density(at, alt_km).sum(), (lat, lon, value))
        d_lat = d_lat + (d_maps * by_lat).sum(1)
        d_lon = d_lon + (d_maps * by_lon).sum(1)
        fixed = profile.Layers(*(x.detach() for x in at))
        density, first, second = profile.log10_density_jet(fixed, alt_km)
        return density, d_lat, d_lon, first, second

    def _layers_at(self, day, lat, lon, hours) -> profile.Layers:
        (value,) = self._interpolate(day, lat, lon, hours)
        return self._layers(value, day, lat.to(self.dtype), lon.to(self.dtype), hours)

    def _layers(self, maps_at_points, day, lat, lon, hours) -> profile.Layers:
        f107 = self._f107[day]
        cos_zenith = self.cos_solar_zenith(lat, lon, hours)
        fo_e = profile.critical_frequency_e(cos_zenith, lat, self._season[day], f107)
        return profile.layers(*maps_at_points.unbind(1), fo_e, cos_zenith, profile.r12_from_f107(f107))

    def cos_solar_zenith(self, lat, lon, hours) -> Float[Tensor, " n"]:
        """Cosine of the Sun's zenith angle at places [deg] and hours since start, tensors `[N]`."""
        # The Sun's place is linear within an hour to 1e-6; hours stay double, for a long set would lose minutes.
        sine, cosine, equation = torch.lerp(
            self._sun[hours.long()], self._sun[hours.long() + 1], (hours % 1.0).to(self.dtype)[:, None]
        ).unbind(1)
        hour_angle = ((hours % 24.0 - 12.0) * 15.0).to(self.dtype) + equation + lon
        lat = lat * profile.DEG
        return torch.sin(lat) * sine + torch.cos(lat) * cosine * torch.cos(hour_angle * profile.DEG)

    def _interpolate(self, day, lat, lon, hours, derivatives=False) -> tuple[Tensor, ...]:
        hour_of_day = hours - 24.0 * day
        return interpolate(self._day_maps(day), lat, lon, hour_of_day, self.dtype, derivatives)


def _outside(name, row, value, low, high) -> str:
    return f"IRI background: {name}[{row}] is {value:g}, outside {low:g} to {high:g}"


def _pieces(hours, chunk) -> list[tuple[int, Tensor]]:
    """Points `[N]` by day, in even chunks: the day's number and the points' numbers."""
    day = (hours / 24.0).to(torch.int16).numpy()
    order = torch.from_numpy(np.argsort(day, kind="stable"))
    of_days = order.split(np.bincount(day).tolist())
    return [(d, r) for d, rows in enumerate(of_days) if len(rows) for r in rows.chunk(-(-len(rows) // chunk))]


def _season(month: int) -> int:
    return {11: -1, 12: -1, 1: -1, 2: -1, 5: 1, 6: 1, 7: 1, 8: 1}.get(month, 0)


def _check_drivers(ig12, f107):
    if len(ig12) != len(f107) or not len(ig12):
        raise InputError(f"IRI drivers: {len(ig12)} IG12 values and {len(f107)} F10.7 values; give one of each a day")
    for name, values, low, high in (("IG12", ig12, -20.0, 300.0), ("F10.7", f107, 60.0, 400.0)):
        if not np.all((values >= low) & (values <= high)):
            bad = values[~((values >= low) & (values <= high))][0]
            raise InputError(f"IRI drivers: {name} {bad:g} is outside {low:g} to {high:g}")
