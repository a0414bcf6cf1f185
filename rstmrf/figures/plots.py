"""Figures. Each function takes a Dataset or a table and returns the figure; it knows no model."""

from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import xarray as xr
from cmcrameri import cm
from matplotlib.figure import Figure

MODEL, IRI, OBSERVED = "#b2182b", "#2166ac", "#222222"


def world_axes(fig: Figure, position=111, title: str = ""):
    """Plate carrée axes with coasts from the package's own Natural Earth files, so that no network is needed."""
    import cartopy.crs as ccrs

    use_own_coasts()
    place = position if isinstance(position, tuple) else (position,)
    ax = fig.add_subplot(*place, projection=ccrs.PlateCarree())
    ax.set_global()
    ax.coastlines(resolution="110m", linewidth=0.5, color="0.35")
    lines = ax.gridlines(draw_labels=["left", "bottom"], linewidth=0.3, color="0.7", xlocs=range(-180, 181, 60))
    lines.xlabel_style = lines.ylabel_style = {"size": 8}
    ax.set_title(title, fontsize=10)
    return ax


def use_own_coasts() -> None:
    """Let cartopy take coasts from the package's own Natural Earth files."""
    import cartopy

    cartopy.config["pre_existing_data_dir"] = str(Path(__file__).parent / "natural_earth")


def profile_places(observations: xr.Dataset) -> Figure:
    """Where the profiles lie (each drawn along its tangent points) and when: local time at the middle of each."""
    import cartopy.crs as ccrs

    fig = plt.figure(figsize=(8, 6.4), layout="constrained")
    grid = fig.add_gridspec(2, 1, height_ratios=[3, 1])
    ax = world_axes(fig, grid[0], f"{len(np.unique(observations['profile']))} profiles, coloured by altitude")
    points = ax.scatter(
        observations["lon"],
        observations["lat"],
        c=observations["alt_km"],
        s=1,
        cmap=cm.batlow,
        transform=ccrs.PlateCarree(),
    )
    fig.colorbar(points, ax=ax, label="altitude (km)", shrink=0.8)
    ut = observations["time"].dt.hour + observations["time"].dt.minute / 60
    local = ((ut + observations["lon"] / 15) % 24).groupby(observations["profile"]).median()
    below = fig.add_subplot(grid[1])
    below.hist(local, bins=np.arange(25), color="0.5", edgecolor="white")
    below.set(xlabel="local time (h)", ylabel="profiles", xlim=(0, 24), xticks=range(0, 25, 3))
    return fig


def tec_maps(*maps: xr.DataArray, titles=()) -> Figure:
    """TEC maps (lat, lon) [TECU], one below the other, on one colour scale."""
    import cartopy.crs as ccrs

    fig = plt.figure(figsize=(7.5, 3.6 * len(maps)), layout="constrained")
    top = max(float(m.max()) for m in maps)
    axes = []
    for i, data in enumerate(maps):
        title = titles[i] if i < len(titles) else f"{data.sizes['lat']} × {data.sizes['lon']}"
        axes.append(world_axes(fig, (len(maps), 1, i + 1), title))
        mesh = axes[-1].pcolormesh(
            data["lon"],
            data["lat"],
            data,
            cmap=cm.batlow,
            vmin=0,
            vmax=top,
            shading="nearest",
            transform=ccrs.PlateCarree(),
        )
    fig.colorbar(mesh, ax=axes, label="vertical TEC (TECU)", shrink=0.7)
    return fig


def indices(ds: xr.Dataset) -> Figure:
    """Kp and F10.7 over time."""
    fig, (top, bottom) = plt.subplots(2, 1, figsize=(7.5, 3.6), sharex=True, layout="constrained")
    top.step(ds["time"], ds["kp"], where="post", color=OBSERVED)
    top.set(ylabel="Kp", ylim=(0, 9))
    bottom.step(ds["time"], ds["f107_sfu"], where="post", color=MODEL, label="daily")
    if "f107_81d_sfu" in ds:
        bottom.plot(ds["time"], ds["f107_81d_sfu"], color="0.5", label="81-day mean")
    bottom.set(ylabel="F10.7 (sfu)", xlabel="time (UT)")
    bottom.legend(frameon=False, fontsize=8)
    bottom.tick_params(axis="x", rotation=20)
    return fig


def windows(rows: np.ndarray, window: np.ndarray, n_hours: int) -> Figure:
    """Which hours each unique window holds, and how many points share it."""
    fig, (ax, counts) = plt.subplots(
        1, 2, figsize=(7.5, 0.6 + 0.35 * len(rows)), width_ratios=[4, 1], sharey=True, layout="constrained"
    )
    for i, hours in enumerate(rows):
        ax.barh(i, len(hours), left=hours[0] - 0.5, color=cm.batlow(0.3), height=0.6)
        ax.barh(i, 1, left=hours[-1] - 0.5, color=cm.batlow(0.8), height=0.6)
    ax.set(xlabel="hour of the run; the point's own hour in the light colour", ylabel="window", xlim=(-0.5, n_hours))
    ax.set_yticks(range(len(rows)))
    counts.barh(range(len(rows)), np.bincount(window, minlength=len(rows)), color="0.6", height=0.6)
    counts.set(xlabel="points")
    return fig


def profiles(alt_km, log10_ne: dict[str, np.ndarray], title: str = "") -> Figure:
    """One profile of log10 density by name: observed as dots, others as lines."""
    fig, ax = plt.subplots(figsize=(4.6, 4.6), layout="constrained")
    styles = {"IRI": {"color": IRI, "ls": "--"}, "R-STMRF": {"color": MODEL}}
    for name, values in log10_ne.items():
        if name == "observed":
            ax.plot(values, alt_km, ".", color=OBSERVED, ms=4, label=name)
        else:
            ax.plot(values, alt_km, label=name, **styles.get(name, {}))
    ax.set(xlabel="log$_{10}$ electron density (m$^{-3}$)", ylabel="altitude (km)", title=title)
    ax.legend(frameon=False)
    return fig


def loss_history(history: pd.DataFrame) -> Figure:
    """The loss terms over the epochs, unweighted, and the error on the development part."""
    fig, (left, right) = plt.subplots(1, 2, figsize=(8.5, 3.4), layout="constrained")
    terms = [c for c in history if c.startswith("train_") and c != "train_total"]
    for term, colour in zip(terms, cm.batlow(np.linspace(0.05, 0.8, len(terms))), strict=True):
        left.semilogy(history.index, history[term], "o-", ms=3, color=colour, label=term.removeprefix("train_"))
    left.set(xlabel="epoch", ylabel="loss term, unweighted")
    left.legend(frameon=False, fontsize=8)
    right.plot(history.index, history["dev_rmse_dex"], "o-", ms=3, color=MODEL)
    right.set(xlabel="epoch", ylabel="RMSE, development part (dex)")
    return fig


def memory_history(memory: pd.DataFrame) -> Figure:
    """Memory of a run's process [MB] by training step, from `training.memory_history`."""
    fig, ax = plt.subplots(figsize=(7, 2.6), layout="constrained")
    names = {"process_mb": "process, resident", "cuda_mb": "CUDA, allocated"}
    for column, colour in zip(memory, (MODEL, IRI), strict=False):
        ax.plot(memory.index, memory[column], ".-", ms=4, color=colour, label=names.get(column, column))
    ax.set(xlabel="training step", ylabel="memory (MB)", ylim=(0, None))
    ax.legend(frameon=False)
    return fig


def memory_bars(tables: dict[str, pd.DataFrame], least_mb: float = 0.5) -> Figure:
    """A stacked bar of memory [MB] for each name: its parts are modules and roles, from `memory.by_module_and_role`.

    A module has a colour, a role a hatch. Parts below `least_mb` are drawn together.
    """
    fig, ax = plt.subplots(figsize=(8, 1.4 + 0.8 * len(tables)), layout="constrained")
    modules = list(dict.fromkeys(m for t in tables.values() for m in t.index if m != "total"))
    roles = list(dict.fromkeys(r for t in tables.values() for r in t.columns if r != "total"))
    colours = dict(zip(modules, cm.batlow(np.linspace(0.05, 0.9, len(modules))), strict=True))
    hatches = dict(zip(roles, ["", "//", "..", "xx", "\\\\", "oo", "--", "++"], strict=False))
    seen = {}
    for row, table in enumerate(tables.values()):
        left = 0.0
        parts = table.drop(index="total", columns="total").stack()
        for (module, role), size in parts[parts >= least_mb].items():  # pyright: ignore[reportGeneralTypeIssues]
            style = {"color": colours[module], "hatch": hatches[role], "edgecolor": "white", "linewidth": 0.5}
            seen[f"{module}: {role}"] = ax.barh(row, size, left=left, **style)
            left += size
        rest = parts[parts < least_mb].sum()
        ax.barh(row, rest, left=left, color="0.8")
        ax.text(left + rest, row, f" {left + rest:,.0f} MB", va="center", fontsize=9)
    ax.set_yticks(range(len(tables)), tables)
    ax.invert_yaxis()
    ax.set(xlabel="memory at the peak of a step (MB)")
    ax.margins(x=0.16)
    fig.legend(seen.values(), seen, loc="outside lower center", ncols=2, frameon=False, fontsize=8)
    return fig


def disk_bars(table: pd.DataFrame) -> Figure:
    """A stacked bar of disk use [MB] for each column; its parts are the rows, kinds of file."""
    fig, ax = plt.subplots(figsize=(8, 0.9 + 0.6 * table.shape[1]), layout="constrained")
    left = np.zeros(table.shape[1])
    for (kind, sizes), colour in zip(table.iterrows(), cm.batlow(np.linspace(0.05, 0.9, len(table))), strict=True):
        ax.barh(list(table), sizes, left=left, color=colour, edgecolor="white", label=kind)
        left += sizes.to_numpy()
    ax.invert_yaxis()
    ax.set(xlabel="disk (MB)")
    fig.legend(frameon=False, fontsize=8, loc="outside right center")
    return fig


def pareto(runs: pd.DataFrame) -> Figure:
    """Memory against skill of configurations, seeds as dots, their mean ringed and named; larger rings take longer.

    `runs` has columns `configuration`, `measured_mb`, `skill` and `minutes`, a row for each seed.
    """
    fig, ax = plt.subplots(figsize=(7, 4.2), layout="constrained")
    most = float(runs["measured_mb"].max())
    mean = runs.assign(skill=100 * runs["skill"]).groupby("configuration", sort=False)[["measured_mb", "skill"]].mean()
    lines = _apart(mean["skill"].to_numpy(), 0.7)
    for number, (name, (mb, skill)) in enumerate(mean.iterrows()):
        colour = cm.batlow(0.02 + 0.6 * number / max(1, len(mean) - 1))
        seeds = runs[runs["configuration"] == name]
        size = 260 * seeds["minutes"].mean() / runs["minutes"].max()
        ax.plot(seeds["measured_mb"], 100 * seeds["skill"], ".", color=colour, ms=6)
        ax.scatter(mb, skill, s=size, facecolor="none", edgecolor=colour, linewidth=1.8)
        leader = {"arrowstyle": "-", "color": colour, "lw": 0.7, "shrinkB": 8}
        ax.annotate(name, (mb, skill), (1.12 * most, lines[number]), color=colour, va="center", arrowprops=leader)
    ax.set(xlabel="memory of a training step (MB)", ylabel="RMSE below IRI's (%)", xlim=(0, 1.45 * most))
    return fig


def _apart(values: np.ndarray, gap: float) -> np.ndarray:
    """The values, moved upwards as far as it takes that no two are closer than `gap`."""
    moved, floor = np.empty(len(values)), -np.inf
    for k in np.argsort(values):
        floor = moved[k] = max(values[k], floor + gap)
    return moved


def rmse_bars(table: pd.DataFrame) -> Figure:
    """RMSE [dex] by altitude band of each contender, from `metrics.rmse_by_altitude`."""
    fig, ax = plt.subplots(figsize=(7, 3.2), layout="constrained")
    names = [c for c in table.columns if c != "points"]
    colours = {"IRI": IRI, "R-STMRF": MODEL}
    for i, name in enumerate(names):
        ax.bar(np.arange(len(table)) + 0.27 * (i - 1), table[name], 0.25, label=name, color=colours.get(name, "0.6"))
    ax.set_xticks(range(len(table)), table.index)
    ax.set(ylabel="RMSE of log$_{10}$ Ne (dex)")
    ax.legend(frameon=False, ncols=len(names), loc="upper center", bbox_to_anchor=(0.5, 1.18))
    return fig


def residual_map(residual: xr.DataArray, title: str = "") -> Figure:
    """A map (lat, lon) of what is added to log10 Ne [dex]; blue where IRI is lowered, red where it is raised."""
    import cartopy.crs as ccrs

    fig = plt.figure(figsize=(7.5, 3.8), layout="constrained")
    ax = world_axes(fig, title=title)
    most = float(np.abs(residual).quantile(0.99))
    mesh = ax.pcolormesh(
        residual["lon"], residual["lat"], residual, cmap=cm.vik, vmin=-most, vmax=most, transform=ccrs.PlateCarree()
    )
    fig.colorbar(mesh, ax=ax, label="residual of log$_{10}$ Ne (dex)", shrink=0.8, extend="both")
    return fig
