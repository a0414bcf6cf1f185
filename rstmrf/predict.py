"""From a trained model to density at points and on grids."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import xarray as xr

from rstmrf.background import IriBackground
from rstmrf.data.batch import PointSet
from rstmrf.data.curtains import residual_of
from rstmrf.data.windows import SlidingWindowBatchProcessor
from rstmrf.errors import InputError
from rstmrf.model.columns import ColumnField
from rstmrf.model.whole import RSTMRF
from rstmrf.units import critical_frequency_mhz, hours_since, ne_from_log10, wrap_longitude

COORDINATES = {
    "time": {"standard_name": "time"},
    "alt_km": {"standard_name": "altitude", "units": "km", "positive": "up"},
    "lat": {"standard_name": "latitude", "units": "degrees_north"},
    "lon": {"standard_name": "longitude", "units": "degrees_east"},
}
# left to itself, xarray counts a single time in days, and times appended to it are rounded to days
_TIME_ENCODING = {"units": "seconds since 1970-01-01", "dtype": "int64"}


@dataclass(frozen=True)
class Predictor:
    """A trained model with what it needs at any place and time: IRI of the days, maps and indices of the hours."""

    model: RSTMRF
    iri: IriBackground
    processor: SlidingWindowBatchProcessor

    def residual(self, points: PointSet) -> torch.Tensor:
        """Residual of log10 Ne at points `[P]`, in their order."""
        return self._residual(points.coords)

    def _residual(self, coords):
        return residual_of(self.model, self.processor)(coords)

    def at_points(self, lat, lon, alt_km, time) -> tuple[np.ndarray, np.ndarray]:
        """Log10 density [m⁻³] of IRI and of the model at points, each `[P]`.

        Args:
            lat, lon: degrees; alt_km: km; time: datetime64 (UT), within the hours of the maps and indices.

        Raises:
            InputError: a time whose window of maps and indices is not whole.
        """
        hours = self._hours(time)
        lat, lon, alt_km = (torch.from_numpy(np.atleast_1d(x).astype(np.float32)) for x in (lat, lon, alt_km))
        iri = self.iri.log10_density(lat, lon, alt_km, hours)
        coords = torch.stack([lat, wrap_longitude(lon), alt_km, hours.float()], dim=1)
        return iri.numpy(), (iri + self._residual(coords)).numpy()

    def columns(self, lat, lon, alt_km, time) -> tuple[np.ndarray, np.ndarray]:
        """Log10 density [m⁻³] of IRI and of the model over places `[C]` at altitudes `[Z]` and one time, each `[C, Z]`.

        Equal to `at_points` within rounding, and several times faster: what depends on the place or the time alone is
        computed once. Arguments and errors as there.
        """
        if self.model.residual_field.sees_tec:
            return self._points_of_columns(lat, lon, alt_km, time)
        hours = self._hours(time)
        lat, lon, alt_km = (torch.from_numpy(np.atleast_1d(x).astype(np.float32)) for x in (lat, lon, alt_km))
        iri = self.iri.log10_density_columns(lat, lon, alt_km, hours.expand(len(lat)))
        rows, _ = self.processor.unique_windows(hours.float())
        field = ColumnField(self.model.residual_field)
        residual = field(lat, wrap_longitude(lon), alt_km, hours.item(), self.processor.driver_windows(rows)[0])
        return iri.numpy(), (iri + residual).numpy()

    def _points_of_columns(self, lat, lon, alt_km, time):
        lat, lon, alt_km = (np.atleast_1d(x) for x in (lat, lon, alt_km))
        n = len(alt_km)
        every = self.at_points(lat.repeat(n), lon.repeat(n), np.tile(alt_km, len(lat)), np.full(len(lat) * n, time))
        return tuple(found.reshape(len(lat), n) for found in every)

    def grid(self, time, lat, lon, alt_km) -> xr.Dataset:
        """Density on a grid, and what is read off its profiles.

        Args:
            time: datetime64 `[T]`; lat, lon: degrees, `[Y]`, `[X]`; alt_km: ascending, `[Z]`.

        Returns:
            `ne_m3` and `ne_iri_m3` (time, alt_km, lat, lon) [m⁻³]; of the model's profiles within the altitudes given:
            `nm_f2_m3` [m⁻³], `hm_f2_km` [km], `fo_f2_mhz` [MHz], `vtec_tecu` [TECU].

        Every time stands alone: `write_grid` writes a product larger than memory time by time.
        """
        axes = (np.atleast_1d(time).astype("datetime64[ns]"), *(np.atleast_1d(x) for x in (alt_km, lat, lon)))
        lat_at, lon_at = (a.ravel() for a in np.meshgrid(axes[2], axes[3], indexing="ij"))
        iri, fused = (np.empty([len(a) for a in axes], np.float32) for _ in range(2))
        for number, moment in enumerate(axes[0]):
            found = self.columns(lat_at, lon_at, axes[1], moment)
            for whole, at_time in zip((iri, fused), found, strict=True):
                whole[number] = at_time.T.reshape(whole.shape[1:])
        dims = ("time", "alt_km", "lat", "lon")
        coords = {dim: (dim, axis, COORDINATES[dim]) for dim, axis in zip(dims, axes, strict=True)}
        density = {"units": "m-3", "standard_name": "number_density_of_free_electrons_in_air"}
        ds = xr.Dataset(
            {
                "ne_m3": (dims, ne_from_log10(fused), {**density, "long_name": "electron density"}),
                "ne_iri_m3": (dims, ne_from_log10(iri), {**density, "long_name": "background density"}),
            },
            coords,
            {"title": "R-STMRF electron density", "Conventions": "CF-1.11"},
        )
        ds["time"].encoding = _TIME_ENCODING
        return ds.assign(_of_profiles(ds["ne_m3"]))

    def write_grid(self, path, time, lat, lon, alt_km) -> Path:
        """Write what `grid` gives to a Zarr store, one time after another: memory never holds more than one.

        What stands at `path` is replaced. `xarray.open_zarr(path, consolidated=False)` opens it as Dask arrays,
        one chunk a time. Other arguments as in `grid`; returns the path.

        Raises:
            InputError: a name that does not end in .zarr; a time without its window, before anything is written.
        """
        path, moments = Path(path), np.atleast_1d(time).astype("datetime64[ns]")
        if path.suffix != ".zarr":
            raise InputError(f"{path}: the name of a store of densities must end in .zarr")
        self._hours(moments)
        for number, moment in enumerate(moments):
            ds = self.grid(moment, lat, lon, alt_km)
            if number:
                ds.to_zarr(path, append_dim="time", consolidated=False)
                continue
            encoding = {name: {"chunks": variable.shape} for name, variable in ds.data_vars.items()}
            encoding["time"] = {**_TIME_ENCODING, "chunks": (1024,)}
            ds.to_zarr(path, mode="w", encoding=encoding, consolidated=False, zarr_format=3)
        return path

    def _hours(self, time):
        hours = torch.from_numpy(np.atleast_1d(hours_since(time, np.datetime64(self.iri.start.isoformat(), "ns"))))
        usable = self.processor.usable(hours.float())
        if not usable.all():
            first = np.atleast_1d(time)[int((~usable).nonzero()[0])]
            raise InputError(
                f"time {str(first)[:16]} has no whole window of {self.processor.seq_len} h of TEC maps and indices; "
                "give maps and indices of the hours before it"
            )
        return hours


def _of_profiles(ne_m3: xr.DataArray) -> dict[str, xr.DataArray]:
    nm_f2 = ne_m3.max("alt_km").assign_attrs(units="m-3", long_name="peak density of the F2 layer")
    hm_f2 = ne_m3.idxmax("alt_km").assign_attrs(units="km", long_name="height of the F2 peak, to the grid's step")
    frequency = xr.apply_ufunc(critical_frequency_mhz, nm_f2)
    vtec = ne_m3.integrate("alt_km") * 1e3 / 1e16
    return {
        "nm_f2_m3": nm_f2,
        "hm_f2_km": hm_f2,
        "fo_f2_mhz": frequency.assign_attrs(units="MHz", long_name="critical frequency of the F2 layer"),
        "vtec_tecu": vtec.assign_attrs(units="TECU", long_name="vertical TEC within the altitudes of the grid"),
    }
