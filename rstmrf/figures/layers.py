"""Figures of products, one call each: maps, a section along a meridian, a profile with its interval.

They take the Datasets of `rstmrf.Predictor`, or any with the same names.
"""

import cartopy.crs as ccrs
import matplotlib.pyplot as plt
import numpy as np
import xarray as xr
from cmcrameri import cm
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure

from rstmrf.figures.plots import IRI, MODEL, world_axes

#: title, unit, colours and whether the scale is logarithmic, by variable
STYLES = {
    "fo_f2_mhz": ("foF2", "MHz", cm.batlow, False),
    "nm_f2_m3": ("NmF2", "m$^{-3}$", cm.batlow, True),
    "hm_f2_km": ("hmF2", "km", cm.lapaz, False),
    "muf3000_f2_mhz": ("MUF(3000)F2", "MHz", cm.batlow, False),
    "vtec_tecu": ("vertical TEC", "TECU", cm.batlow, False),
    "ne_m3": ("electron density", "m$^{-3}$", cm.batlow, True),
    "ne_iri_m3": ("electron density of IRI", "m$^{-3}$", cm.batlow, True),
    "log10_ne_m3": ("log$_{10}$ electron density", "m$^{-3}$", cm.batlow, False),
    "residual_dex": ("residual of log$_{10}$ Ne", "dex", cm.vik, False),
    "sigma_dex": ("σ of log$_{10}$ Ne", "dex", cm.lapaz, False),
}


def product_map(ds: xr.Dataset, name: str = "fo_f2_mhz") -> Figure:
    """A variable of a grid over the globe, at one time and, where it has altitudes, at one of them.

    Raises:
        ValueError: a variable that is not there, or that has more than latitude and longitude: `isel` or `sel` first.
    """
    values = _plane(ds, name, ("lat", "lon"))
    title, unit, *_ = STYLES[name]
    fig = plt.figure(figsize=(7.5, 3.9), layout="constrained")
    at = f" at {float(values['alt_km']):.0f} km" if "alt_km" in values.coords else ""
    ax = world_axes(fig, title=f"{title}{at}, {_time(values)}")
    mesh = ax.pcolormesh(
        *_periodic(values), shading="nearest", transform=ccrs.PlateCarree(), rasterized=True, **_colours(values, name)
    )
    fig.colorbar(mesh, ax=ax, label=f"{title} ({unit})", shrink=0.8, extend="both")
    return fig


def meridian_section(ds: xr.Dataset, lon_deg: float, name: str = "ne_m3") -> Figure:
    """A variable of a grid along the meridian nearest to `lon_deg`, by latitude and altitude, with hmF2.

    Raises:
        ValueError: as `product_map`.
    """
    apart = np.abs((ds["lon"] - lon_deg + 180) % 360 - 180)
    here = ds.isel(lon=int(apart.values.argmin()))
    values = _plane(here, name, ("alt_km", "lat")).sortby("lat")
    title, unit, *_ = STYLES[name]
    fig, ax = plt.subplots(figsize=(7.5, 3.7), layout="constrained")
    mesh = ax.pcolormesh(values["lat"], values["alt_km"], values, shading="nearest", **_colours(values, name))
    peak = here["hm_f2_km"].squeeze() if "hm_f2_km" in here else None  # a grid of one hour keeps its axis of time
    if peak is not None and peak.dims == ("lat",):
        peak = peak.sortby("lat")
        ax.plot(peak["lat"], peak, color="white", lw=1.6, label="hmF2")
        ax.legend(frameon=False, labelcolor="white", loc="lower left")
    ax.set(xlabel="latitude (degrees)", ylabel="altitude (km)")
    ax.set_title(f"{title} along {float(here['lon']):g}° longitude, {_time(values)}", fontsize=10)
    fig.colorbar(mesh, ax=ax, label=f"{title} ({unit})", extend="both")
    return fig


def product_profile(ds: xr.Dataset) -> Figure:
    """One profile of `Predictor.profile`: density with its 90 % interval where σ was trained, IRI's, and the F2 peak.

    Raises:
        ValueError: more than one profile: `isel` first.
    """
    density = _plane(ds, "ne_m3", ("alt_km",))
    fig, ax = plt.subplots(figsize=(4.8, 4.8), layout="constrained")
    if "ne_low_m3" in ds:
        ax.fill_betweenx(
            ds["alt_km"], ds["ne_low_m3"], ds["ne_high_m3"], color=MODEL, alpha=0.18, lw=0, label="90 % interval"
        )
    ax.plot(ds["ne_iri_m3"], ds["alt_km"], color=IRI, ls="--", label="IRI")
    ax.plot(density, ds["alt_km"], color=MODEL, label="R-STMRF")
    if "hm_f2_km" in ds and bool(ds["hm_f2_km"].notnull()):
        words = f"foF2 {float(ds['fo_f2_mhz']):.1f} MHz,\nhmF2 {float(ds['hm_f2_km']):.0f} km"
        ax.plot(ds["nm_f2_m3"], ds["hm_f2_km"], "o", color=MODEL, ms=6, mec="white", label=words)
    ax.set(xscale="log", xlabel="electron density (m$^{-3}$)", ylabel="altitude (km)")
    ax.set_title(f"{float(ds['lat']):.1f}° latitude, {float(ds['lon']):.1f}° longitude, {_time(ds)}", fontsize=10)
    ax.legend(frameon=False, fontsize=9)
    return fig


def _plane(ds, name, dims) -> xr.DataArray:
    if name not in ds or name not in STYLES:
        raise ValueError(f"{name!r} cannot be drawn; the Dataset holds {[n for n in ds if n in STYLES]}")
    values = ds[name].squeeze(drop=False)
    if set(values.dims) != set(dims):
        raise ValueError(f"{name} has dimensions {values.dims}; {dims} are drawn: select one of the others first")
    return values.transpose(*dims)


def _periodic(values):
    """Longitudes, latitudes and values, in ascending order from −180°, whatever the convention given."""
    lon = (values["lon"].values + 180.0) % 360.0 - 180.0
    order = np.unique(lon, return_index=True)[1]
    values = values.isel(lon=order).sortby("lat")
    return lon[order], values["lat"], values


def _colours(values, name) -> dict:
    colours, logarithmic = STYLES[name][2:]
    low, high = (float(values.quantile(q)) for q in (0.01, 0.99))
    if logarithmic:
        return {"cmap": colours, "norm": LogNorm(max(low, high / 1e4), high)}
    if name == "residual_dex":
        low, high = -max(abs(low), abs(high)), max(abs(low), abs(high))
    return {"cmap": colours, "vmin": low, "vmax": high}


def _time(values) -> str:
    moments = np.atleast_1d(values["time"].values)
    return np.datetime_as_string(moments[0], "m").replace("T", " ") + " UT"
