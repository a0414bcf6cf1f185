"""Curves by name: against altitude, against anything else, and bars of cells. They take tables and know no model."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from cmcrameri import cm
from matplotlib.figure import Figure

from rstmrf.figures.plots import IRI, MODEL, OBSERVED

#: a role has one colour in every chapter
LOOKS: dict[str, dict] = {
    "IRI": {"color": IRI, "ls": "--"},
    "R-STMRF": {"color": MODEL},
    "observed": {"color": OBSERVED, "ls": "none", "marker": ".", "ms": 4},
    "map of TEC": {"color": OBSERVED},
    "simulated truth": {"color": "k"},
}
_OTHERS = ({"color": MODEL}, {"color": IRI}, {"color": "0.5"}, {"color": "#e08214"}, {"color": "0.2", "ls": ":"})


def look(name: str, number: int, looks: dict[str, dict] | None = None) -> dict:
    """How a curve is drawn: as asked, as its role is everywhere, or as the next of the others."""
    return (looks or {}).get(name) or LOOKS.get(name) or _OTHERS[number % len(_OTHERS)]


def by_altitude(curves: dict | pd.DataFrame, label: str, looks=None, band_km=None, **axes) -> Figure:
    """Values against altitude, a curve for each name.

    Args:
        curves: of a name, values and their altitudes [km]; or a table whose index is the altitude [km].
        label: of the values, with their unit; looks: styles by name; band_km: altitudes to be shaded; axes: as `xlim`.
    """
    if isinstance(curves, pd.DataFrame):
        curves = {str(name): (column, column.index) for name, column in curves.items()}
    fig, ax = plt.subplots(figsize=(6.4, 4), layout="constrained")
    for number, (name, (values, alt_km)) in enumerate(curves.items()):
        ax.plot(values, alt_km, label=name, **look(name, number, looks))
    if band_km is not None:
        ax.axhspan(*band_km, color="0.9", zorder=0)
    ax.set(xlabel=label, ylabel="altitude (km)", **axes)
    if len(curves) > 1:
        fig.legend(frameon=False, fontsize=9, loc="outside upper center", ncols=3)
    return fig


def over(table: pd.DataFrame, xlabel: str, ylabel: str, looks=None, **axes) -> Figure:
    """Each column of a table against its index; labels carry the units."""
    return panels({"": table}, xlabel, ylabel, looks, **axes)


def panels(tables: dict[str, pd.DataFrame], xlabel: str, ylabel: str, looks=None, **axes) -> Figure:
    """Tables of the same columns side by side, each column a curve against the index."""
    fig, row = plt.subplots(
        1, len(tables), figsize=(3.2 + 2.6 * len(tables), 3.3), sharey=True, layout="constrained", squeeze=False
    )
    for ax, (title, table) in zip(row[0], tables.items(), strict=True):
        for number, name in enumerate(table):
            ax.plot(table.index, table[name], label=name, **look(name, number, looks))
        ax.set(xlabel=xlabel, title=title, **axes)
    row[0, 0].set_ylabel(ylabel)
    handles, names = row[0, 0].get_legend_handles_labels()
    columns = 4 if sum(map(len, names)) < 60 else 2  # the legend shall not be wider than the axes
    fig.legend(handles, names, loc="outside upper center", ncols=columns, frameon=False, fontsize=9)
    return fig


def profile_panels(alt_km, shown: dict[str, dict], looks=None) -> Figure:
    """Profiles of log10 density in panels, by the title of each: curves by name over the same altitudes [km]."""
    fig, row = plt.subplots(1, len(shown), figsize=(8.4, 4.2), sharey=True, layout="constrained", squeeze=False)
    for ax, (title, curves) in zip(row[0], shown.items(), strict=True):
        for number, (name, values) in enumerate(curves.items()):
            ax.plot(values, alt_km, label=name, **look(name, number, looks))
        ax.set(xlabel="log$_{10}$ electron density (m$^{-3}$)", title=title)
    row[0, 0].set_ylabel("altitude (km)")
    handles = {line.get_label(): line for ax in row[0] for line in ax.get_lines()}
    fig.legend(handles.values(), handles.keys(), loc="outside lower center", ncols=4, frameon=False, fontsize=8)
    return fig


def cell_bars(table: pd.DataFrame, ylabel: str, looks=None, line_after: int | None = None) -> Figure:
    """Bars by cell, the rows, one for each column; a line may part kinds of cells."""
    fig, ax = plt.subplots(figsize=(7.6, 3.6), layout="constrained")
    width = 0.8 / table.shape[1]
    for number, name in enumerate(table):
        colour = look(name, number, looks)["color"]
        place = np.arange(len(table)) + width * (number - (table.shape[1] - 1) / 2)
        ax.bar(place, table[name], 0.95 * width, color=colour, label=name)
    ax.set_xticks(range(len(table)), table.index, fontsize=9)
    if line_after is not None:
        ax.axvline(line_after - 0.5, color="0.8")
    ax.set(ylabel=ylabel, ylim=(0, 1))
    fig.legend(*ax.get_legend_handles_labels(), loc="outside upper center", ncols=4, frameon=False)
    return fig


def curvature(curves: dict[str, tuple], scale_km: float = 50.0) -> Figure:
    """Curvature of log10 density [1/km²] scaled by H², and its square, the loss; of a name, altitudes and values."""
    fig, (left, right) = plt.subplots(1, 2, figsize=(8.4, 3.8), sharey=True, layout="constrained")
    looks = {"Chapman layer": {"color": "0.4"}}
    for number, (name, (alt_km, second)) in enumerate(curves.items()):
        style = look(name, number - 1, looks)
        left.plot(scale_km**2 * second, alt_km, label=name, **style)
        right.semilogx((scale_km**2 * second) ** 2, alt_km, **style)
    left.set(xlabel=f"H² ∂²ℓ/∂h², H = {scale_km:g} km (1)", ylabel="altitude (km)", xlim=(-4, 4))
    right.set(xlabel="(H² ∂²ℓ/∂h²)² (1)", xlim=(1e-5, 1e3))
    left.legend(frameon=False, loc="upper right")
    return fig


def across_date_line(residual: dict[str, tuple], lat_deg: float, alt_km: float) -> Figure:
    """Residual [dex] by longitude eastward across ±180°, of a name west and east of it: (lon, values) each."""
    fig, ax = plt.subplots(figsize=(7.5, 3), layout="constrained")
    for name, colour in zip(residual, ("0.4", MODEL), strict=False):
        for number, (lon, values) in enumerate(residual[name]):
            ax.plot(lon, values, color=colour, label=None if number else name)
    ax.axvline(180, color="0.8", lw=0.8)
    place = f"{abs(lat_deg):g}°{'S' if lat_deg < 0 else 'N'}"
    ax.set(xlabel="longitude eastward (degrees)", ylabel=f"residual at {place}, {alt_km:g} km (dex)")
    ax.legend(frameon=False)
    return fig


def direction_error(table: pd.DataFrame) -> Figure:
    """Mean angle [deg] to the true direction against the step of the maps [deg]; a line for each column."""
    fig, ax = plt.subplots(figsize=(7, 3.6), layout="constrained")
    for name, colour in zip(table, cm.batlow(np.linspace(0.1, 0.8, table.shape[1])), strict=True):
        ax.plot(table.index, table[name], "o-", color=colour, label=name)
    ax.set(xlabel="step of the maps (degrees)", ylabel="mean angle to the true direction (degrees)", ylim=(0, None))
    ax.legend(frameon=False, title="scale of the structure")
    return fig
