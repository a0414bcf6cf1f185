"""Figures of networks at work: fits, derivatives, statistics through depth, hidden maps. They know no model."""

import cartopy.crs as ccrs
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import xarray as xr
from cmcrameri import cm
from matplotlib.figure import Figure

from rstmrf.figures.maps import arrows
from rstmrf.figures.plots import IRI, MODEL, OBSERVED, use_own_coasts, world_axes

_WIDTH = 5.6  # inches; at 390 px of a telephone its letters can still be read
_AT = {"transform": ccrs.PlateCarree()}
_PALE_GREYS = cm.grayC_r.resampled(256)


def fits(x, truth, points, fitted: dict[str, np.ndarray], xlabel: str, ylabel: str) -> Figure:
    """A panel for each fit of one function: truth (grey), the points that were seen (dots) and the fit (red).

    Args:
        x, truth: where the function is known, `[n]`; points: x and value of what was seen.
        fitted: values at x by name.
    """
    fig, axes = plt.subplots(
        len(fitted), 1, figsize=(_WIDTH, 1.0 + 1.7 * len(fitted)), sharex=True, sharey=True, layout="constrained"
    )
    for ax, (name, values) in zip(np.atleast_1d(axes), fitted.items(), strict=True):
        ax.plot(x, truth, color="0.65", lw=3)
        ax.plot(x, values, color=MODEL, lw=1.3)
        ax.plot(*points, "o", color=OBSERVED, ms=3.5)
        ax.text(0.02, 0.93, name, transform=ax.transAxes, va="top", color=MODEL, fontsize=12)
        ax.set_ylabel(ylabel)
    ax.set_xlabel(xlabel)
    return fig


def derivatives(alt_km, curves: dict[str, tuple], units=("1/km", "1/km²")) -> Figure:
    """First and second derivative along altitude of several curves, one panel above the other.

    Args:
        curves: slope and curvature `[n]` by name; the first of them is the truth and drawn in grey.
    """
    fig, axes = plt.subplots(2, 1, figsize=(_WIDTH, 5.2), sharex=True, layout="constrained")
    styles = [{"color": "0.65", "lw": 4}, {"color": MODEL, "lw": 1.5}, {"color": IRI, "lw": 1.5}]
    for (name, members), style in zip(curves.items(), styles, strict=True):
        for ax, values in zip(axes, members, strict=True):
            ax.plot(alt_km, values, label=name, **style)
    for ax, what, unit in zip(axes, ("slope", "curvature"), units, strict=True):
        ax.set_ylabel(f"{what} ({unit})")
    axes[1].set_xlabel("altitude (km)")
    axes[0].legend(frameon=False, fontsize=11)
    return fig


def by_layer(table: pd.DataFrame, ylabel: str) -> Figure:
    """A line for each column over the layers of a network, on a logarithmic scale, named at its end."""
    fig, ax = plt.subplots(figsize=(_WIDTH, 3.6), layout="constrained")
    for name, colour in zip(table, (MODEL, IRI, "0.35"), strict=False):
        ax.semilogy(table.index, table[name], "o-", color=colour, ms=4)
        ax.text(table.index[-1] + 0.2, table[name].iloc[-1], name, color=colour, va="center", fontsize=11)
    ax.set(xlabel="sine layer", ylabel=ylabel, xlim=(table.index[0] - 0.3, table.index[-1] + 3.4))
    ax.set_xticks(table.index)
    return fig


def driven(hours, kp, truth: dict[str, np.ndarray], found: dict[str, np.ndarray], origin: str) -> Figure:
    """Kp above, and below it a panel for each quantity that follows it: truth (grey) and what networks make of it.

    Args:
        hours: since `origin`, `[n]`; kp: `[n]`.
        truth: values `[n]` by name; found: values `[n, len(truth)]` by name of the network.
    """
    fig, axes = plt.subplots(
        1 + len(truth), 1, figsize=(_WIDTH, 1.4 + 1.8 * len(truth)), sharex=True, layout="constrained"
    )
    days = np.asarray(hours) / 24 + 1
    axes[0].step(days, kp, where="post", color=OBSERVED)
    axes[0].set(ylabel="Kp (1)", ylim=(0, 9))
    for k, (ax, (name, values)) in enumerate(zip(axes[1:], truth.items(), strict=True)):
        ax.plot(days, values, color="0.65", lw=4, label="to be learned")
        for (network, own), colour in zip(found.items(), (IRI, MODEL), strict=False):
            ax.plot(days, own[:, k], color=colour, lw=1.3, label=network)
        ax.set_ylabel(f"{name} (1)")
    axes[1].legend(frameon=False, fontsize=10)
    axes[-1].set_xlabel(f"day of {origin}, UT")
    return fig


def hidden_hours(ds: xr.Dataset) -> Figure:
    """TEC maps of a window, hour by hour downwards, and beside them a hidden map after that hour.

    Args:
        ds: `vtec_tecu` and `hidden` (time, lat, lon).
    """
    use_own_coasts()
    fig = plt.figure(figsize=(_WIDTH, 0.9 + 1.35 * ds.sizes["time"]), layout="constrained")
    most = float(np.abs(ds["hidden"]).quantile(0.99))
    columns = {
        "vtec_tecu": ("vertical TEC (TECU)", {"cmap": cm.batlow, "vmin": 0.0, "vmax": float(ds["vtec_tecu"].max())}),
        "hidden": ("hidden state (1)", {"cmap": cm.vik, "vmin": -most, "vmax": most}),
    }
    for column, (name, (label, style)) in enumerate(columns.items()):
        axes = []
        for row in range(ds.sizes["time"]):
            here = ds[name].isel(time=row)
            ax = fig.add_subplot(ds.sizes["time"], 2, 2 * row + column + 1, projection=ccrs.PlateCarree())
            mesh = ax.pcolormesh(ds["lon"], ds["lat"], here, shading="nearest", rasterized=True, **style, **_AT)
            ax.coastlines(resolution="110m", linewidth=0.3, color="white" if name == "vtec_tecu" else "0.35")
            ax.set_title(np.datetime_as_string(here["time"].values, "h")[-2:] + " UT", fontsize=10, pad=2)
            axes.append(ax)
        fig.colorbar(
            mesh,
            ax=axes,
            label=label,
            orientation="horizontal",
            shrink=0.9,
            extend="neither" if column == 0 else "both",
        )
    return fig


def two_directions(ds: xr.Dataset, every_deg: float = 20.0) -> Figure:
    """TEC in grey; unit arrows of its own gradient (blue, wide) and of what a network says (red, narrow).

    Args:
        ds: `vtec_tecu`, `tec_east`, `tec_north`, `head_east`, `head_north` and `weight` (lat, lon), with a `time`.
    """
    fig = plt.figure(figsize=(_WIDTH, 3.9), layout="constrained")
    when = np.datetime_as_string(ds["time"].values, "h").replace("T", " ") + " UT"
    ax = world_axes(fig, title=when)
    mesh = ax.pcolormesh(
        ds["lon"], ds["lat"], ds["vtec_tecu"], cmap=_PALE_GREYS, shading="nearest", vmin=0, rasterized=True, **_AT
    )
    fig.colorbar(mesh, ax=ax, label="vertical TEC (TECU)", orientation="horizontal", shrink=0.8)
    styles = {
        ("gradient of the map", "tec"): {"color": IRI, "width": 0.006},
        ("direction head", "head"): {"color": MODEL, "width": 0.0026},
    }
    for ((label, name), style), x in zip(styles.items(), (0.0, 1.0), strict=True):
        arrows(ax, ds, f"{name}_east", f"{name}_north", every_deg, scale=20, headwidth=3, headlength=4, **style)
        ax.text(x, 1.02, label, transform=ax.transAxes, color=style["color"], ha=("left", "right")[x > 0], va="bottom")
    return fig


def change_map(change: xr.DataArray, label: str) -> Figure:
    """A map (lat, lon) of a change, centred on zero where it has both signs; `label` names it with its unit."""
    fig = plt.figure(figsize=(_WIDTH, 3.8), layout="constrained")
    ax = world_axes(fig)
    low, high = float(change.min()), float(change.max())
    most, both_signs = max(-low, high), low < 0 < high
    style = {"cmap": cm.vik, "vmin": -most, "vmax": most} if both_signs else {"cmap": cm.batlow}
    mesh = ax.pcolormesh(change["lon"], change["lat"], change, shading="nearest", rasterized=True, **style, **_AT)
    fig.colorbar(mesh, ax=ax, label=label, orientation="horizontal", shrink=0.8)
    return fig
