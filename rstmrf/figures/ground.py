"""Figures of the chapters on the ionosphere, on occultations and on climatology; plain arrays go in."""

import cartopy.crs as ccrs
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import xarray as xr
from cmcrameri import cm
from matplotlib.figure import Figure

from rstmrf.figures.plots import IRI, MODEL, OBSERVED, world_axes
from rstmrf.units import EARTH_RADIUS_KM

_AT = {"transform": ccrs.PlateCarree()}


def layers(alt_km, log10_ne: dict[str, np.ndarray], names: dict[str, tuple[float, float]]) -> Figure:
    """Profiles of log10 density [m⁻³] with the names of layers written at places (density, altitude [km])."""
    fig, ax = plt.subplots(figsize=(5.6, 4.2), layout="constrained")
    for (name, values), colour in zip(log10_ne.items(), (MODEL, IRI, "0.5"), strict=False):
        ax.plot(values, alt_km, color=colour, label=name)
    for name, place in names.items():
        ax.text(*place, name, weight="bold")
    ax.set(xlabel="log$_{10}$ Ne (m$^{-3}$)", ylabel="altitude (km)", xlim=(8.5, 12.8), ylim=(90, 700))
    ax.legend(frameon=False, loc="upper left")
    return fig


def chapman(z, log10_ne, curvature) -> Figure:
    """A Chapman layer over its peak density and its curvature [1/H²], against height in scale heights from the peak."""
    fig, (left, right) = plt.subplots(1, 2, figsize=(7, 3.2), sharey=True, layout="constrained")
    left.plot(log10_ne, z, color="k")
    right.plot(curvature, z, color="k")
    left.set(xlabel="log$_{10}$ Ne/Nm (1)", ylabel="z = (h − h$_m$)/H (1)")
    right.set(xlabel="curvature of log$_{10}$ Ne (1/H²)")
    return fig


def peak_maps(lat, lon, fo_f2_mhz, hm_f2_km, dip_deg) -> Figure:
    """foF2 [MHz] and hmF2 [km] over the globe `[lat, lon]`, with the magnetic equator where the dip is zero."""
    fig = plt.figure(figsize=(8, 6.4), layout="constrained")
    shown = ((fo_f2_mhz, "foF2 (MHz)", cm.batlow), (hm_f2_km, "hmF2 (km)", cm.lapaz))
    for row, (values, label, colours) in enumerate(shown):
        ax = world_axes(fig, (2, 1, row + 1))
        mesh = ax.pcolormesh(lon, lat, values, cmap=colours, **_AT)
        ax.contour(lon, lat, dip_deg, [0.0], colors="w", linewidths=1.2, **_AT)
        fig.colorbar(mesh, ax=ax, label=label, shrink=0.85)
    return fig


def month_of_indices(ds: xr.Dataset) -> Figure:
    """Kp, with the mark from which a storm is counted, and F10.7 [sfu], by the day of the month."""
    fig, (top, below) = plt.subplots(2, 1, figsize=(8, 3.4), sharex=True, layout="constrained")
    day = 1 + (ds["time"] - ds["time"][0]) / np.timedelta64(1, "D")
    top.step(day, ds["kp"], where="post", color="0.2", lw=0.9)
    top.axhline(5, color=MODEL, lw=0.8, ls="--")
    below.step(day, ds["f107_sfu"], where="post", color=IRI, lw=1.2)
    top.set(ylabel="Kp (1)", ylim=(0, 9), xlim=(1, float(day[-1])))
    below.set(xlabel=f"day of {ds['time'].dt.strftime('%B %Y').values[0]} (UTC)", ylabel="F10.7 (sfu)")
    return fig


def curtain(columns_deg, shells_km, ne_m3, tangents_km) -> Figure:
    """Density [m⁻³] `[column, shell]` in the plane of the rays, with straight rays by the height that they touch."""
    fig, ax = plt.subplots(figsize=(8, 3.6), layout="constrained")
    look = {"cmap": cm.batlow, "shading": "gouraud", "vmin": 9.5, "vmax": 12.3}
    mesh = ax.pcolormesh(columns_deg, shells_km, np.log10(ne_m3.T), **look)
    angle = np.linspace(columns_deg[0], columns_deg[-1], 400)
    for tangent_km in tangents_km:
        height = (EARTH_RADIUS_KM + tangent_km) / np.cos(np.deg2rad(angle)) - EARTH_RADIUS_KM
        below = height <= shells_km[-1]
        ax.plot(angle[below], height[below], color="w", lw=1.2)
        ax.text(0, tangent_km + 8, f"{tangent_km} km", color="w", ha="center", fontsize=8)
    fig.colorbar(mesh, label="log$_{10}$ Ne (m$^{-3}$)", extend="min")
    ax.set(xlabel="angle along the ray from the tangent point, north to the right (degrees)")
    ax.set(ylabel="altitude (km)", ylim=(90, shells_km[-1]))
    return fig


def inversion(shells_km, own_m3, retrieved_m3: dict[str, np.ndarray]) -> Figure:
    """Density above a place and what inversion retrieves there [m⁻³], by the name of the ray; their ratio beside it."""
    fig, (left, right) = plt.subplots(1, 2, figsize=(8, 3.8), sharey=True, layout="constrained", width_ratios=[3, 2])
    left.plot(np.log10(own_m3), shells_km, color=OBSERVED, lw=2, label="density above the place")
    for (name, values), colour in zip(retrieved_m3.items(), (MODEL, IRI), strict=False):
        positive = np.where(values > 0, values, np.nan)
        left.plot(np.log10(positive), shells_km, "--", color=colour, label=f"retrieved, {name}")
        right.plot(np.log10(positive / own_m3), shells_km, color=colour)
    right.axvline(0, color="0.5", lw=1)
    left.set(xlabel="log$_{10}$ Ne (m$^{-3}$)", ylabel="altitude (km)", ylim=(90, 800), xlim=(10, 12.4))
    right.set(xlabel="retrieved over own density (dex)")
    left.legend(frameon=False, fontsize=8, loc="upper right")
    return fig


def inversion_maps(lat, lon, error_dex: dict[float, np.ndarray], limits_dex) -> Figure:
    """Error of the inversion [dex] over the globe at altitudes [km]; grey where the retrieved density is negative."""
    fig = plt.figure(figsize=(8, 3.4), layout="constrained")
    for number, ((alt_km, values), most) in enumerate(zip(error_dex.items(), limits_dex, strict=True), start=1):
        ax = world_axes(fig, (1, len(error_dex), number), f"{alt_km:.0f} km")
        shown = np.ma.masked_invalid(values)
        mesh = ax.pcolormesh(lon, lat, shown, cmap=cm.vik, vmin=-most, vmax=most, **_AT)
        ax.set_facecolor("0.6")
        bar = fig.colorbar(mesh, ax=ax, orientation="horizontal", extend="both", shrink=0.9)
        bar.set_label("retrieved over own density (dex)")
    return fig


def map_and_difference(lat, lon, given_tecu, other_tecu, names: tuple[str, str]) -> Figure:
    """A map of TEC [TECU] `[lat, lon]` and what it has more than another, one below the other."""
    fig = plt.figure(figsize=(8, 6.2), layout="constrained")
    shown = [(given_tecu, names[0], cm.batlow, (0, 35), "max")]
    shown += [(given_tecu - other_tecu, f"{names[0]} less {names[1]}", cm.vik, (-15, 15), "both")]
    for row, (values, title, colours, (low, high), extend) in enumerate(shown):
        ax = world_axes(fig, (2, 1, row + 1), title)
        mesh = ax.pcolormesh(lon, lat, values, cmap=colours, vmin=low, vmax=high, **_AT)
        fig.colorbar(mesh, ax=ax, label="vertical TEC (TECU)", shrink=0.85, extend=extend)
    return fig


def by_latitude_and_time(tables: dict[str, pd.DataFrame]) -> Figure:
    """Tables of latitude [°] by local time [h] side by side, by the label of each with its unit."""
    fig, axes = plt.subplots(1, len(tables), figsize=(8, 3.2), sharey=True, layout="constrained")
    for ax, (label, values) in zip(axes, tables.items(), strict=True):
        mesh = ax.pcolormesh(values.columns, values.index, values, cmap=cm.batlow, vmin=0)
        fig.colorbar(mesh, ax=ax, label=label)
        ax.set(xlabel="local time (h)", xticks=range(0, 25, 6), xlim=(0, 24))
    axes[0].set_ylabel("latitude (°)")
    return fig
