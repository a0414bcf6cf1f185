"""A look at what a run predicted: a grid at one time and altitude, or a track."""

from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import xarray as xr
from cmcrameri import cm
from matplotlib.figure import Figure

from rstmrf.errors import InputError
from rstmrf.figures.plots import IRI, MODEL, world_axes


def open_product(path) -> xr.Dataset:
    """A file of densities, netCDF or Zarr, of a grid or along a track.

    Raises:
        InputError: it cannot be opened, or holds no density.
    """
    path = Path(path)
    try:
        ds = xr.open_zarr(path, consolidated=False) if path.suffix == ".zarr" else xr.open_dataset(path)
    except (OSError, ValueError, KeyError) as error:
        raise InputError(f"{path}: cannot be opened ({str(error).splitlines()[0]})") from None
    if not {"ne_m3", "ne_iri_m3"} <= set(ds.variables):
        raise InputError(f"{path}: holds {', '.join(ds.data_vars) or 'nothing'}; ne_m3 and ne_iri_m3 are needed")
    return ds


def product_figure(ds: xr.Dataset, *, time=None, alt_km: float = 350.0) -> Figure:
    """Density and its logarithmic ratio to IRI: maps of a grid at one time (the first) and altitude, or along a track.

    Raises:
        InputError: a time that the grid has not.
    """
    if "alt_km" not in ds["ne_m3"].dims:
        return _track(ds)
    return _maps(at_time(ds, time).sel(alt_km=alt_km, method="nearest"))


def at_time(ds: xr.Dataset, time=None) -> xr.Dataset:
    """A grid at one of its times, the first where none is given.

    Raises:
        InputError: a time that the grid has not.
    """
    try:
        return ds.isel(time=0) if time is None else ds.sel(time=np.datetime64(time))
    except (KeyError, ValueError):
        raise InputError(f"time {time} is not in the grid; it has {_span(ds)}") from None


def _span(ds):
    first, last = (str(ds["time"].values[i])[:16] for i in (0, -1))
    return f"{first} to {last}, {ds.sizes['time']} times"


def _maps(at):
    import cartopy.crs as ccrs

    fig = plt.figure(figsize=(7.5, 7.2), layout="constrained")
    density, residual = np.log10(at["ne_m3"]), np.log10(at["ne_m3"] / at["ne_iri_m3"])
    most = float(np.abs(residual).max()) or 1.0
    place = f"{float(at['alt_km']):g} km, {str(at['time'].values)[:16]} UT"
    shown = (
        (density, f"electron density, {place}", "log$_{10}$ Ne (m$^{-3}$)", {"cmap": cm.batlow}),
        (residual, "ratio to IRI", "log$_{10}$ Ne / Ne$_{IRI}$ (dex)", {"cmap": cm.vik, "vmin": -most, "vmax": most}),
    )
    for number, (values, title, label, style) in enumerate(shown, start=1):
        ax = world_axes(fig, (2, 1, number), title)
        colours = ax.pcolormesh(
            values["lon"], values["lat"], values, shading="nearest", transform=ccrs.PlateCarree(), **style
        )
        fig.colorbar(colours, ax=ax, label=label, shrink=0.8)
    return fig


def _track(ds):
    fig, axes = plt.subplots(2, 1, figsize=(7.5, 5), layout="constrained", sharex=True)
    for name, label, colour in (("ne_iri_m3", "IRI", IRI), ("ne_m3", "R-STMRF", MODEL)):
        axes[0].semilogy(ds["time"], ds[name], ".", ms=3, color=colour, label=label)
    axes[0].set(ylabel="electron density (m$^{-3}$)")
    axes[0].legend(frameon=False)
    axes[1].plot(ds["time"], ds["lat"], ".", ms=3, color="0.3")
    axes[1].set(ylabel="latitude (degrees)", xlabel="time (UT)")
    return fig
