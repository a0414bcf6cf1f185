"""Maps of gradient directions: from the Dataset of `rstmrf.evaluation.directions.direction_maps`, at one time.

Arrows have one length: only the direction is compared, and it is left out where the gradient of TEC is weak, for there
it says nothing.
"""

import cartopy.crs as ccrs
import matplotlib.pyplot as plt
import numpy as np
import xarray as xr
from cartopy.feature.nightshade import Nightshade
from cmcrameri import cm
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from rstmrf.figures.plots import IRI, MODEL, world_axes

_PALE_GREYS = ListedColormap(cm.grayC_r(np.linspace(0.0, 0.4, 256)))
_AT = {"transform": ccrs.PlateCarree()}


def tec_directions(ds: xr.Dataset, every_deg: float = 12.0) -> Figure:
    """VTEC [TECU] in colour, with unit arrows along its gradient."""
    fig, ax = _world(ds, "TEC and the direction of its gradient")
    tec = ds["vtec_tecu"]
    mesh = ax.pcolormesh(tec["lon"], tec["lat"], tec, cmap=cm.batlow, vmin=0, shading="nearest", **_AT)
    fig.colorbar(mesh, ax=ax, label="vertical TEC (TECU)", shrink=0.8)
    arrows(ax, ds, "tec_east", "tec_north", every_deg, color="white")
    return fig


def density_directions(ds: xr.Dataset, source: str, every_deg: float = 12.0) -> Figure:
    """Log10 Ne of a source in grey, with unit arrows along its gradient (red, narrow) and that of IRI (blue, wide)."""
    own = ds.sel(source=source)
    fig, ax = _world(ds, f"direction of ∇ₕ log$_{{10}}$ Ne at {ds.attrs['alt_km']:.0f} km")
    density = own["log10_ne_m3"]
    mesh = ax.pcolormesh(density["lon"], density["lat"], density, cmap=_PALE_GREYS, shading="nearest", **_AT)
    fig.colorbar(mesh, ax=ax, label=f"log$_{{10}}$ Ne, {source} (m$^{{-3}}$)", shrink=0.8)
    styles = {"IRI": {"color": IRI, "width": 0.0036}, source: {"color": MODEL, "width": 0.0018}}
    for name, style in styles.items():
        arrows(ax, ds.sel(source=name), "ne_east", "ne_north", every_deg, **style)
    handles = [Line2D([], [], color=style["color"], lw=900 * style["width"]) for style in styles.values()]
    fig.legend(handles, styles, loc="outside lower center", ncols=2, frameon=False)
    return fig


def angle_maps(ds: xr.Dataset, sources) -> Figure:
    """Angle [degrees] between ∇ₕ log10 Ne of each source and ∇ₕ TEC; blue agrees, red opposes, grey: TEC is flat."""
    fig = plt.figure(figsize=(7.5, 3.5 * len(sources)), layout="constrained")
    axes = []
    for number, source in enumerate(sources, start=1):
        axes.append(world_axes(fig, (len(sources), 1, number), f"{source}, {_time(ds)}"))
        axes[-1].set_facecolor("0.85")
        angle = ds["angle_deg"].sel(source=source).where(ds["weight"] > 0)
        mesh = axes[-1].pcolormesh(
            angle["lon"], angle["lat"], angle, cmap=cm.vik, vmin=0, vmax=180, shading="nearest", **_AT
        )
        _terminator(axes[-1], ds)
    label = f"angle between ∇ₕ log$_{{10}}$ Ne at {ds.attrs['alt_km']:.0f} km and ∇ₕ TEC (degrees)"
    fig.colorbar(mesh, ax=axes, label=label, ticks=range(0, 181, 30), shrink=0.8)
    return fig


def arrows(ax, ds: xr.Dataset, east: str, north: str, every_deg: float = 12.0, **style):
    """Unit arrows of two variables (lat, lon), some `every_deg` apart, where `weight` is above zero."""
    every = [max(1, round(every_deg / abs(float(ds[axis][1] - ds[axis][0])))) for axis in ("lat", "lon")]
    few = ds.isel(lat=slice(every[0] // 2, None, every[0]), lon=slice(every[1] // 2, None, every[1]))
    shown = few["weight"].values > 0
    lon, lat = (x[shown] for x in np.meshgrid(few["lon"], few["lat"]))
    u, v = few[east].values[shown], few[north].values[shown]
    length = np.maximum(np.hypot(u, v), 1e-12)
    return ax.quiver(lon, lat, u / length, v / length, **{"scale": 34, "width": 0.0025, "zorder": 3, **style, **_AT})


def _world(ds, title):
    fig = plt.figure(figsize=(7.5, 3.9), layout="constrained")
    ax = world_axes(fig, title=f"{title}, {_time(ds)}")
    _terminator(ax, ds)
    return fig, ax


def _terminator(ax, ds):
    moment = ds["time"].values.astype("M8[s]").item()
    ax.add_feature(Nightshade(moment, alpha=1.0), facecolor="none", edgecolor="black", linestyle="--", linewidth=0.9)


def _time(ds):
    return np.datetime_as_string(ds["time"].values, "m").replace("T", " ") + " UT"
