"""The predictor: from a trained model to density, peaks and TEC at points, on profiles, rays and grids."""

from pathlib import Path

import numpy as np
import torch
import xarray as xr
from jaxtyping import Float

from rstmrf.background import IriBackground
from rstmrf.config import RunConfig
from rstmrf.data.batch import PointSet
from rstmrf.data.saved_run import usable_hours
from rstmrf.data.windows import SlidingWindowBatchProcessor
from rstmrf.errors import InputError
from rstmrf.model.coordinates import TRAINED_KM
from rstmrf.model.weights import ModelDescription
from rstmrf.model.whole import RSTMRF
from rstmrf.predict import cf
from rstmrf.predict.field import DensityField, together
from rstmrf.predict.grids import grid_request, lazy_dataset
from rstmrf.predict.places import answered, coverage, covered_hours, read_places, refuse_uncovered
from rstmrf.predict.points import density_values
from rstmrf.predict.profiles import layers_of_profiles, profile_coordinates
from rstmrf.predict.rays import slant_dataset
from rstmrf.predict.stores import write_blocks

PROFILE_KM = np.arange(TRAINED_KM[0], TRAINED_KM[1] + 1, 5.0)


class Predictor:
    """A trained model, or an ensemble, with IRI of the days, maps and indices of the hours; `rstmrf.load` makes it.

    Args:
        model: a trained model, or an `Ensemble`.
        iri, processor: background of the days; maps and indices of the hours.
        config, description: what the run's folder says, where the predictor comes from one.
    """

    def __init__(
        self,
        model,
        iri: IriBackground,
        processor: SlidingWindowBatchProcessor,
        *,
        config: RunConfig | None = None,
        description: ModelDescription | None = None,
    ):
        models, scale = together(model)
        self.field = DensityField(models, iri, processor, scale)
        self.config, self.description = config, description or ModelDescription()

    @property
    def model(self) -> RSTMRF:
        """The model; of an ensemble, its first one."""
        return self.field.models[0]

    @property
    def iri(self) -> IriBackground:
        """The background."""
        return self.field.iri

    @property
    def processor(self) -> SlidingWindowBatchProcessor:
        """Maps and indices of the hours."""
        return self.field.processor

    @property
    def hours(self) -> np.ndarray:
        """The hours that it may be asked about, each to its end, datetime64[h]."""
        return usable_hours(self.processor, self.iri)

    def __repr__(self) -> str:
        hours, said = self.hours, self.description
        period = f"{hours[0]} to {hours[-1]} UT ({len(hours)} hours)" if len(hours) else "no hour"
        lines = [
            f"Predictor of {len(self.field.models)} model(s), σ stated: {self.field.states_sigma}",
            f"may be asked about {period}, altitudes trained {TRAINED_KM[0]:g} to {TRAINED_KM[1]:g} km",
            f"first day {said.start}, split {said.split}, data {said.fingerprint}",
            *(f"{kind}: {name}" for kind, name in said.sources.items()),
        ]
        return "\n".join(lines)

    def at(
        self, points=None, *, time=None, lat=None, lon=None, alt_km=None, gradients=False, outside: str = "error"
    ) -> xr.Dataset:
        """Density at points or along tracks.

        Args:
            points: a Dataset of any dimensions, a DataFrame or a mapping, with `time` (UT), `lat`, `lon` [deg] and
                `alt_km`; or these four by name, as arrays or single values.
            gradients: give the derivatives of log10 Ne towards east, north and up [1/km], too.
            outside: "error" refuses what cannot be answered; "flag" leaves it missing, and gives `coverage_flag`,
                which names altitudes beyond 120 to 500 km as well, where nothing has taught the model.

        Returns:
            `ne_m3`, `ne_iri_m3`, `log10_ne_m3`, `residual_dex`; where σ was trained `sigma_dex`, `ne_low_m3` and
            `ne_high_m3` (a 90 % interval); in the dimensions, order and longitudes given.

        Raises:
            InputError: a place, time or altitude that cannot be answered; something missing.
        """
        places = read_places(points, time=time, lat=lat, lon=lon, alt_km=alt_km)
        if outside not in ("error", "flag"):
            raise InputError(f"outside={outside!r} is not known; accepted are 'error' and 'flag'")
        place = places.lat, places.lon, places.alt_km
        flags, hours = coverage(self.field, places.time, *place)
        if outside == "error":
            refuse_uncovered(flags, self.field, places.time, *place)
        good = answered(flags)
        found = density_values(self.field.at(*(x[good] for x in place), hours[torch.from_numpy(good)], gradients))
        variables = {}
        for name, values in found.items():
            whole = np.full(len(good), np.nan, np.float32)
            whole[good] = values
            variables[name] = places.shaped(whole)
        if outside == "flag":
            variables["coverage_flag"] = places.shaped(flags)
        return cf.dataset(variables, places.coords, self._about("points"))

    def profile(
        self, lat, lon, time, alt_km=None, *, gradients=False, vtec_km=TRAINED_KM, m3000: str = "iri"
    ) -> xr.Dataset:
        """Vertical profiles with their peak, MUF and TEC: of one place and time, or of as many as are given.

        Args:
            lat, lon, time: single values, or `[P]`; alt_km: `[Z]`, by default 120 to 500 km each 5 km.
            gradients: as in `at`; vtec_km, m3000: as in `grid`.

        Raises:
            InputError: as `at` and `grid`.
        """
        alt_km = np.atleast_1d(PROFILE_KM if alt_km is None else alt_km).astype(float)
        coords, dims = profile_coordinates(lat, lon, time, alt_km)
        ds = self.at(xr.Dataset(coords=coords), gradients=gradients).transpose(*dims, "alt_km")
        return ds.assign(layers_of_profiles(self.field, ds, dims, vtec_km, m3000))

    def slant_tec(self, receiver, satellite, time) -> xr.Dataset:
        """Slant TEC along straight rays, and the share of it that comes from altitudes that nothing has taught.

        Args:
            receiver, satellite: latitude [deg], longitude [deg] and altitude [km], single values or `[N]` each.
            time: of each ray (UT).

        Raises:
            InputError: a time without its window, or a ray that goes through the Earth.
        """
        return slant_dataset(self.field, receiver, satellite, time, self._about("slant TEC"))

    def grid(self, time, lat, lon, alt_km=None, **options) -> xr.Dataset:
        """Density on a grid, and what its whole profiles say.

        Args:
            time: datetime64 `[T]` (UT); lat, lon: degrees, `[Y]`, `[X]`, any convention; alt_km: `[Z]`, or none for
                maps of NmF2, hmF2, foF2, MUF(3000)F2 and TEC alone.
            variables: which ones; by default the densities of `at` and these maps.
            gradients: give the derivatives of log10 Ne, too.
            vtec_km: altitudes between which TEC is summed, by default those that were trained.
            m3000: "iri" or "shimazaki": where the MUF's factor comes from.

        Returns:
            Densities (time, alt_km, lat, lon), maps (time, lat, lon).

        Raises:
            InputError: a time without its window, an altitude beyond IRI's, axes or names that are not accepted.
        """
        return self.lazy_grid(time, lat, lon, alt_km, **options).compute(scheduler="synchronous")

    def lazy_grid(self, time, lat, lon, alt_km=None, *, chunks=None, **options) -> xr.Dataset:
        """The same as Dask arrays, computed when asked for, on the user's scheduler: threads, processes or a cluster.

        Args:
            chunks: `{"lat": rows of a chunk}`; a chunk holds one time, all longitudes and all altitudes.
        """
        request = grid_request(self.field, time, lat, lon, alt_km, chunks, **options)
        return lazy_dataset(self.field, request, self._about("grid"))

    def write_grid(self, path, time, lat, lon, alt_km=None, *, chunks=None, resume=True, **options) -> Path:
        """Write a grid to a Zarr store, chunk by chunk; memory holds no more of it than there are workers.

        What was stopped goes on where it was, if the same grid is asked of the same model again; anything else at
        `path` is replaced. `xarray.open_zarr(path, consolidated=False)` opens it. Arguments as in `lazy_grid`; the path
        is returned.

        Args:
            resume: False: begin anew.

        Raises:
            InputError: a name that does not end in .zarr; as `grid`, before anything is written.
        """
        path = Path(path)
        if path.suffix != ".zarr":
            raise InputError(f"{path}: the name of a store of densities must end in .zarr")
        request = grid_request(self.field, time, lat, lon, alt_km, chunks, **options)
        write_blocks(path, lazy_dataset(self.field, request, self._about("grid")), request, self.field.digest, resume)
        return path

    def residual(self, points: PointSet) -> Float[torch.Tensor, " p"]:
        """Residual of log10 Ne at points, in their order."""
        return self.field.residual(points.coords, points.coords[:, 3].double())[0][0]

    def sigma(self, points: PointSet) -> Float[torch.Tensor, " p"]:
        """σ of log10 Ne [dex] at points, in their order.

        Raises:
            InputError: a single model that was trained without a σ.
        """
        if not self.field.states_sigma:
            raise InputError("this model states no uncertainty; train it with w_sigma above 0, such as 1")
        sigma = self.field.residual(points.coords, points.coords[:, 3].double(), sigma=True)[1]
        assert sigma is not None  # it was asked for
        return sigma

    def at_points(self, lat, lon, alt_km, time) -> tuple[Float[np.ndarray, " p"], Float[np.ndarray, " p"]]:
        """Log10 density [m⁻³] of IRI and of the model at points, each `[P]`; arguments and errors as in `at`."""
        found = self.at(time=time, lat=lat, lon=lon, alt_km=alt_km)
        return (found["log10_ne_m3"] - found["residual_dex"]).values, found["log10_ne_m3"].values

    def columns(self, lat, lon, alt_km, time) -> tuple[Float[np.ndarray, "c z"], Float[np.ndarray, "c z"]]:
        """Log10 density [m⁻³] of IRI and of the model over places `[C]` at altitudes `[Z]` and one time.

        Equal to `at_points` within rounding, and several times faster: what depends on the place or the time alone is
        computed once. Errors as there.
        """
        lat, lon, alt_km = (np.atleast_1d(np.asarray(x, float)) for x in (lat, lon, alt_km))
        hour = covered_hours(self.field, np.atleast_1d(time), lat, lon)[0]
        values = self.field.columns(lat, lon, alt_km, float(hour))
        return values.iri.numpy(), values.fused.numpy()

    def _about(self, what: str) -> dict[str, str]:
        said = self.description
        known = {"model_start": said.start, "data_fingerprint": said.fingerprint, "split_digest": said.split}
        known |= {f"{kind}_source": name for kind, name in said.sources.items()}
        known["trained_altitudes_km"] = f"{TRAINED_KM[0]:g} to {TRAINED_KM[1]:g}"
        known["comment"] = f"Product: {what}. Beyond the trained altitudes the residual is extrapolated."
        return {key: value for key, value in known.items() if value}
