"""Figures of the simulated month, from the tables of `studies.month_tables`."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from rstmrf.figures.plots import IRI, MODEL
from studies import month_tables

_KINDS = dict(zip(month_tables.OBSERVATIONS, ("0.45", MODEL, "#e08214"), strict=True))


def seeds(analysis: list[dict]) -> Figure:
    """RMSE against the truth [dex] of each variant, a dot for a seed, coloured by what an observation is taken for."""
    runs = month_tables.overall(analysis, against="truth")
    kinds = list(month_tables.OBSERVATIONS)
    names = dict.fromkeys(runs.index.get_level_values("variant"))
    names = sorted(names, key=lambda name: kinds.index(month_tables.mode_of(name)))
    fig, ax = plt.subplots(figsize=(8, 1.2 + 0.3 * len(names)), layout="constrained")
    for row, name in enumerate(names):
        of_seeds = runs.loc[name, "R-STMRF"]
        ax.plot(of_seeds, np.full(len(of_seeds), row), "o", color=_KINDS[month_tables.mode_of(name)])
    iri = runs["IRI"].iloc[0]
    best = month_tables.baselines(analysis).loc["mean residuals", "inverted"]
    scaled = month_tables.baselines(analysis).loc[month_tables.TEC_SCALED, "inverted"]
    ax.axvline(iri, color=IRI, label=f"IRI, {iri:.3f}")
    ax.axvline(scaled, color=IRI, ls=":", label=f"IRI scaled by TEC, {scaled:.3f}")
    ax.axvline(best, color="0.4", ls="--", label=f"mean residuals, as inversions, {best:.3f}")
    ax.set_yticks(range(len(names)), names, fontsize=8)
    label = "RMSE of log$_{10}$ Ne against the truth, locked days (dex)"
    ax.set(xlabel=label, ylim=(len(names) - 0.5, -0.5))
    fig.legend(frameon=False, fontsize=8, loc="outside upper center", ncols=3)
    return fig


def skill_by_cell(cells: pd.DataFrame) -> Figure:
    """Skill [%] of a variant by cell, with the interval of its days."""
    fig, ax = plt.subplots(figsize=(7, 0.9 + 0.28 * len(cells)), layout="constrained")
    row = np.arange(len(cells))
    ax.hlines(row, 100 * cells["skill_low"], 100 * cells["skill_high"], color="0.5")
    ax.plot(100 * cells["skill"], row, "o", color=MODEL)
    ax.axvline(0, color=IRI, lw=1)
    names = [f"{cell} ({n} profiles)" for cell, n in zip(cells["cell"], cells["profiles"], strict=True)]
    ax.set_yticks(row, names, fontsize=8)
    ax.set(xlabel=f"RMSE below IRI's (%), 95 % interval; {month_tables.BEST}")
    ax.invert_yaxis()
    return fig


def limits(known: pd.Series, errors: pd.Series) -> Figure:
    """RMSE [dex] of predictors that know so much without error, and lines for variants of the model."""
    fig, ax = plt.subplots(figsize=(8, 2.6), layout="constrained")
    names = [f"known: {name}" for name in known.index]
    ax.barh(names, known, color=["0.75", "0.6", "0.45"], height=0.6)
    styles = {month_tables.BEST: "-", "density, direction": "--", "inverted, plain network": ":"}
    for name, style in styles.items():
        if name in errors:
            ax.axvline(errors[name], color=MODEL, ls=style, lw=2, label=f"{name}, {errors[name]:.3f}")
    ax.invert_yaxis()
    ax.set(xlabel="RMSE against the truth, locked days (dex)")
    fig.legend(frameon=False, fontsize=8, loc="outside upper center", ncols=3)
    return fig
