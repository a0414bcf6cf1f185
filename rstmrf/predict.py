"""From a trained model to density at points and on grids."""

from dataclasses import dataclass

import numpy as np
import torch
import xarray as xr

from rstmrf.background import IriBackground
from rstmrf.data.batch import PointSet, attach_background
from rstmrf.data.windows import SlidingWindowBatchProcessor
from rstmrf.errors import InputError
from rstmrf.model.rstmrf import RSTMRF
from rstmrf.units import critical_frequency_mhz, hours_since, ne_from_log10

_CHUNK = 16384
COORDINATES = {
    "time": {"standard_name": "time"},
    "alt_km": {"standard_name": "altitude", "units": "km", "positive": "up"},
    "lat": {"standard_name": "latitude", "units": "degrees_north"},
    "lon": {"standard_name": "longitude", "units": "degrees_east"},
}


@dataclass(frozen=True)
class Predictor:
    """A trained model with what it needs at any place and time: IRI of the days, maps and indices of the hours."""

    model: RSTMRF
    iri: IriBackground
    processor: SlidingWindowBatchProcessor

    def residual(self, points: PointSet) -> torch.Tensor:
        """Residual of log10 Ne at points `[P]`, in their order."""
        out = torch.empty(len(points))
        order = torch.argsort(points.coords[:, 3], stable=True)
        with torch.no_grad():
            for rows in order.split(_CHUNK):
                batch = self.processor(points.select(rows))
                out[rows] = self.model.residual_field(batch.coords, batch.unique_sw_seq, batch.tec_indices)[0]
        return out

    def at_points(self, lat, lon, alt_km, time) -> tuple[np.ndarray, np.ndarray]:
        """Log10 density [m⁻³] of IRI and of the model at points, each `[P]`.

        Args:
            lat, lon: degrees; alt_km: km; time: datetime64 (UT), within the hours of the maps and indices.

        Raises:
            InputError: a time whose window of maps and indices is not whole.
        """
        points = self._points(lat, lon, alt_km, time)
        iri = points.background[:, 0]
        return iri.numpy(), (iri + self.residual(points)).numpy()

    def grid(self, time, lat, lon, alt_km) -> xr.Dataset:
        """Density on a grid, and what is read off its profiles.

        Args:
            time: datetime64 `[T]`; lat, lon: degrees, `[Y]`, `[X]`; alt_km: ascending, `[Z]`.

        Returns:
            `ne_m3` and `ne_iri_m3` (time, alt_km, lat, lon) [m⁻³]; of the model's profiles within the altitudes given:
            `nm_f2_m3` [m⁻³], `hm_f2_km` [km], `fo_f2_mhz` [MHz], `vtec_tecu` [TECU].
        """
        axes = (np.atleast_1d(time).astype("datetime64[ns]"), *(np.atleast_1d(x) for x in (alt_km, lat, lon)))
        shape = tuple(len(a) for a in axes)
        time_at, alt_at, lat_at, lon_at = (a.ravel() for a in np.meshgrid(*axes, indexing="ij"))
        iri, fused = self.at_points(lat_at, lon_at, alt_at, time_at)
        dims = ("time", "alt_km", "lat", "lon")
        coords = {dim: (dim, axis, COORDINATES[dim]) for dim, axis in zip(dims, axes, strict=True)}
        density = {"units": "m-3", "standard_name": "number_density_of_free_electrons_in_air"}
        ds = xr.Dataset(
            {
                "ne_m3": (dims, ne_from_log10(fused.reshape(shape)), {**density, "long_name": "electron density"}),
                "ne_iri_m3": (dims, ne_from_log10(iri.reshape(shape)), {**density, "long_name": "background density"}),
            },
            coords,
            {"title": "R-STMRF electron density", "Conventions": "CF-1.11"},
        )
        return ds.assign(_of_profiles(ds["ne_m3"]))

    def _points(self, lat, lon, alt_km, time) -> PointSet:
        start = np.datetime64(self.iri.start.isoformat(), "ns")
        hours = torch.from_numpy(np.atleast_1d(hours_since(time, start)))
        place = [torch.from_numpy(np.atleast_1d(x).astype(np.float32)) for x in (lat, lon, alt_km)]
        usable = self.processor.usable(hours.float())
        if not usable.all():
            first = np.atleast_1d(time)[int((~usable).nonzero()[0])]
            raise InputError(
                f"time {str(first)[:16]} has no whole window of {self.processor.seq_len} h of TEC maps and indices; "
                "give maps and indices of the hours before it"
            )
        background = attach_background(*place, hours, self.iri)
        coords = torch.stack([*place, hours.float()], dim=1)
        nothing = torch.zeros(len(coords))
        return PointSet(coords, nothing, background, nothing.long(), start)


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
