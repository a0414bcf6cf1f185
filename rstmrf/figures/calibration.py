"""Figures that say whether a stated σ is true."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from rstmrf.figures.plots import IRI, MODEL
from rstmrf.metrics.calibration import ACCEPTED_90, pit_gaussian

ACCEPTED = tuple(100 * share for share in ACCEPTED_90)


def coverage_by_cell(table: pd.DataFrame) -> Figure:
    """Share within the 50 % and the 90 % interval [%] by cell of `metrics.calibration_table`, and the band accepted."""
    fig, ax = plt.subplots(figsize=(7, 0.9 + 0.28 * len(table)), layout="constrained")
    place = np.arange(len(table))
    for share, marker, colour in ((90, "o", MODEL), (50, "s", IRI)):
        ax.plot(100 * table[f"coverage_{share}"], place, marker, color=colour, label=f"{share} % interval")
        ax.axvline(share, color=colour, ls="--", lw=1)
    ax.axvspan(*ACCEPTED, color=MODEL, alpha=0.15, lw=0)
    names = [f"{cell} ({n} profiles)" for cell, n in zip(table["cell"], table["profiles"], strict=True)]
    ax.set_yticks(place, names, fontsize=8)
    ax.set(xlabel="observations within the interval (%)", xlim=(20, 100))
    ax.invert_yaxis()
    fig.legend(frameon=False, loc="outside upper center", ncols=2)
    return fig


def error_against_sigma(sigma, error, every: int = 10) -> Figure:
    """|error| of some points [dex] against σ [dex], and the RMS error of each tenth of the points."""
    binned = errors_by_tenth(sigma, error)
    fig, ax = plt.subplots(figsize=(4.6, 4.2), layout="constrained")
    ax.scatter(sigma[::every], abs(error[::every]), s=3, color="0.75", lw=0, label="|error| of a point")
    ax.plot(binned["sigma"], binned["rms"], "o-", color=MODEL, label="RMS error, tenths of the points")
    ax.axline((0, 0), slope=1, color="k", ls="--", lw=1, label="error as stated")
    ax.set(xlabel="stated σ (dex)", ylabel="error of log$_{10}$ Ne (dex)", ylim=(0, 0.8))
    ax.set_xlim(0.9 * sigma.min(), 1.02 * sigma.max())
    ax.legend(frameon=False, fontsize=8, loc="upper left")
    return fig


def errors_by_tenth(sigma, error) -> pd.DataFrame:
    """Mean σ and RMS error [dex] of tenths of the points, by ascending σ."""
    tenth = pd.Series(sigma).rank(method="first").sub(1).mul(10).floordiv(len(sigma))
    found = pd.DataFrame({"sigma": sigma, "rms": np.asarray(error) ** 2}).groupby(tenth.to_numpy()).mean()
    return found.assign(rms=np.sqrt(found["rms"]))


def pit_histograms(stated: dict, error, weight, own: str = "trained") -> Figure:
    """PIT of errors [dex] under each stated σ [dex], by name; a true one is flat."""
    fig, axes = plt.subplots(1, len(stated), figsize=(2.8 * len(stated), 2.8), sharey=True, layout="constrained")
    for ax, (name, sigma) in zip(axes, stated.items(), strict=True):
        colour = MODEL if name == own else "0.6"
        ax.hist(pit_gaussian(error, sigma), 20, range=(0, 1), weights=weight, density=True, color=colour)
        ax.axhline(1, color="k", ls="--", lw=1)
        ax.set(title=name, xlabel="PIT")
    axes[0].set_ylabel("share over the uniform share")
    return fig
