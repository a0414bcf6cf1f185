"""Figures of the stored benchmarks: variants of a step, how its cost grows, and the roofline."""

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.figure import Figure

from rstmrf.figures.plots import IRI, MODEL

COSTS = {"seconds": ("step (s)", [0.03, 0.1, 0.3, 1]), "peak_mb": ("peak above the start (MB)", [200, 500, 1000, 2000])}


def variants(steps: pd.DataFrame) -> Figure:
    """Seconds and peak memory [MB] of a step by variant, for few and for many windows in a batch."""
    fig, axes = plt.subplots(1, 2, figsize=(8.6, 2.8), sharey=True, layout="constrained")
    marks = {4: {"c": MODEL, "marker": "o"}, 100: {"c": IRI, "marker": "s"}}
    for ax, (column, (label, ticks)) in zip(axes, COSTS.items(), strict=True):
        for windows, style in marks.items():
            rows = steps[steps["windows"] == windows]
            ax.scatter(rows[column], rows["variant"], s=45, label=f"{windows} windows", **style)
        ax.set(xscale="log", xlabel=label)
        ax.set_xticks(ticks, ticks)
        ax.minorticks_off()
        ax.grid(axis="y", lw=0.4)
    axes[0].invert_yaxis()
    fig.legend(*axes[0].get_legend_handles_labels(), loc="outside upper center", ncols=2, frameon=False)
    return fig


def sweeps(found: dict, labels: dict[str, str]) -> Figure:
    """Seconds above, peak memory [MB] below, against each quantity that was varied alone; logarithmic axes."""
    fig, axes = plt.subplots(2, len(found), figsize=(10, 4.4), sharey="row", layout="constrained")
    for column, (name, sweep) in zip(axes.T, found.items(), strict=True):
        rows = pd.DataFrame(sweep["rows"])
        for ax, cost, colour in zip(column, COSTS, (MODEL, IRI), strict=True):
            ax.loglog(rows[name], rows[cost], "o-", color=colour, ms=4)
            ax.set_xticks(rows[name], rows[name], fontsize=8)
            ax.minorticks_off()
        column[1].set_xlabel(labels[name])
    for row, ticks in zip(axes, ([0.05, 0.1, 0.15], [100, 200, 400]), strict=True):
        row[0].set_yticks(ticks, ticks)
    axes[0, 0].set_ylabel("step (s)")
    axes[1, 0].set_ylabel("peak above start (MB)")
    return fig


def roofline(roof: dict) -> Figure:
    """Rates of kinds of operations and of the whole step [Gflop/s] against operations per byte, below the roof."""
    peak, stream = roof["gflop_per_second"], roof["gbyte_per_second"]
    fig, ax = plt.subplots(figsize=(5.6, 3.4), layout="constrained")
    intensity = pd.Series([0.7, peak / stream, 100])
    ax.loglog(intensity, (intensity * stream).clip(upper=peak), color="0.3", label="copy and matrix rate")
    for (kind, row), mark in zip(roof["kinds"].items(), "xo^D", strict=True):
        if row["gflop"]:
            rate = row["gflop"] / row["seconds"]
            ax.plot(row["gflop"] / row["gbyte"], rate, mark, ms=7, color=IRI, label=kind)
    total = pd.DataFrame(roof["kinds"]).sum(axis=1)
    rate = total["gflop"] / roof["step_seconds"]
    ax.plot(total["gflop"] / total["gbyte"], rate, "s", color=MODEL, label="whole step")
    ax.set(xlabel="operations per byte moved (flop/byte)", ylabel="rate (Gflop/s)", ylim=(25, 800))
    for ticks, put in (([1, 5, 10, 50, 100], ax.set_xticks), ([50, 100, 200, 400, 800], ax.set_yticks)):
        put(ticks, ticks)
    ax.minorticks_off()
    ax.legend(frameon=False, loc="lower right")
    return fig


def stages(table: pd.DataFrame, target_mb: float) -> Figure:
    """High-water mark of resident memory [MB] after each stage, with the target."""
    fig, ax = plt.subplots(figsize=(6.4, 2.4), layout="constrained")
    ax.barh(table.index, table["high water (MB)"], color=IRI, height=0.6)
    ax.axvline(target_mb, color="0.2", ls="--")
    ax.text(target_mb - 10, -0.1, "target ", ha="right", va="center")
    ax.invert_yaxis()
    ax.set(xlabel="high-water mark of resident memory (MB)", xlim=(0, target_mb + 100))
    return fig
