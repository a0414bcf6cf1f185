"""Tables and the figure of the stored uncertainty on the simulated month, for the book."""

import json

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from rstmrf.figures.calibration import ACCEPTED
from rstmrf.figures.plots import IRI, MODEL
from studies import real_sigma, sigma_limits
from studies.sigma_limits import ASKED
from studies.training import stored_rows
from studies.uncertainty import RESULTS


def stored() -> list[dict]:
    """The rows of `results/uncertainty.json`."""
    return stored_rows(RESULTS)


def cells(rows: list[dict]) -> pd.DataFrame:
    """Calibration by cell, with the model, its seed, and whether σ is that of the density or of an observation."""
    found = [
        {"σ of": of, "model": row["model"], "seed": "all" if row["seed"] is None else row["seed"], **cell}
        for row in rows
        for of in ("density", "observation")
        for cell in row[of]
    ]
    table = pd.DataFrame(found)
    return table[table["estimable"].astype(bool)].drop(columns="estimable")


def overall(rows: list[dict]) -> pd.DataFrame:
    """Scores over all points: a row for each model and kind of σ."""
    table = cells(rows)
    columns = ["coverage_50", "coverage_90", "crps", "crps_constant", "sigma_mean", "rmse"]
    whole = table[table["stratum"] == "all"].set_index(["σ of", "model", "seed"])[columns]
    return whole.astype(float).round(3)


def coverage(rows: list[dict]) -> pd.DataFrame:
    """Share within the 90 % interval [%] by cell: mean and range over the single models, by kind of σ."""
    single = cells(rows)
    single = single[single["model"] == "single"]
    single = single.assign(within=100 * single["coverage_90"].astype(float))
    found = single.groupby(["stratum", "cell", "σ of"], sort=False)["within"].agg(["mean", "min", "max"])
    return found.unstack("σ of").swaplevel(axis=1).round(1)  # pyright: ignore[reportReturnType]


def verdicts(rows: list[dict]) -> list[str]:
    """Sentences: in which of the cells asked for the mean coverage lies outside what is accepted."""
    found, said = coverage(rows), []
    for of in ("density", "observation"):
        mean = found[of]["mean"].loc[ASKED]
        outside = [f"{cell} ({value:.0f} %)" for (_, cell), value in mean.items() if not _accepted(value)]
        said.append(f"σ of {of}: {len(ASKED) - len(outside)} of {len(ASKED)} cells within 87 to 93 %")
        said[-1] += f"; outside {', '.join(outside)}" if outside else ""
    return said


def gains(rows: list[dict]) -> pd.DataFrame:
    """By what share the CRPS lies below the best constant's [%]: as stated, and with the answers known."""
    found = []
    for row in rows:
        for of in ("density", "observation"):
            whole = next(cell for cell in row[of] if cell["stratum"] == "all")
            stated = 100 * (1 - whole["crps"] / whole["crps_constant"])
            name = row["model"] if row["seed"] is None else f"seed {row['seed']}"
            found.append({"σ of": of, "model": name, "stated": stated, "at best": 100 * row[f"{of}, gain at best"]})
    return pd.DataFrame(found).set_index(["σ of", "model"]).round(1)


def observations(rows: list[dict]) -> pd.DataFrame:
    """σ of observations [dex] by band and zone: as pairs tell it, of the corrected ones, of those reported."""
    facts = pd.concat([pd.DataFrame(row["observations"]) for row in rows if "observations" in row])
    names = {"told_dex": "as pairs tell", "true_dex": "true", "as_reported_dex": "true, before correction"}
    mean = facts.groupby(["band", "zone"], sort=False)[list(names)].mean()
    return mean.rename(columns=names).round(3)


def limits() -> dict:
    """The content of `results/sigma_limits.json`."""
    return json.loads(sigma_limits.RESULTS.read_text())


def by_days(found: dict) -> pd.DataFrame:
    """Coverage of the density [%] on the second month's locked days, with its 95 % interval from whole days.

    Both are means over the three models.
    """
    cells = np.mean([list(row["cells"].values()) for row in found["second month"]], axis=0)
    index = pd.Index(list(found["second month"][0]["cells"]), name="cell")
    return pd.DataFrame(cells, index, ["coverage", "from", "to"]).round(1)


def ways(found: dict) -> pd.DataFrame:
    """Coverage of the density [%] on the first month by way of recalibration."""
    return pd.DataFrame(found["first month"]["ways"]).set_index("way").round(1)


def shared(found: dict) -> pd.DataFrame:
    """RMS [dex] of errors on the first month's locked days by cell, and how two of them go together."""
    table = pd.DataFrame(found["first month"]["errors"]).set_index("cell").round(3)
    return table.rename(columns={"observed less predicted": "observed − predicted"})


def on_real_profiles() -> pd.DataFrame:
    """Of genuine profiles, by cell and part: share within the 90 % interval [%], σ and RMSE [dex], mean over seeds."""
    rows = stored_rows(real_sigma.RESULTS)
    found = [{"part": part, **cell} for row in rows for part in real_sigma.PARTS for cell in row[part]]
    table = pd.DataFrame(found).assign(covered=lambda of: 100 * of["coverage_90"])
    table = table[table["stratum"].isin(["all", "altitude"])]
    names = {"covered": "within (%)", "sigma_mean": "σ", "rmse": "RMSE"}
    mean = table.pivot_table(list(names), "cell", "part", sort=False).rename(columns=names).swaplevel(axis=1)
    mean = mean[[(part, name) for part in real_sigma.PARTS for name in names.values()]].round(2)
    return mean.round({column: 0 for column in mean if "%" in column[1]}).astype(
        {column: int for column in mean if "%" in column[1]}
    )


def figure(rows: list[dict]) -> Figure:
    """`coverage`, mean with range, and the band that is accepted."""
    found = coverage(rows)
    fig, ax = plt.subplots(figsize=(7, 1.2 + 0.26 * len(found)), layout="constrained")
    place = np.arange(len(found))
    for of, marker, colour in (("density", "o", MODEL), ("observation", "s", IRI)):
        mean, low, high = (found[of][name].to_numpy() for name in ("mean", "min", "max"))
        at, error = place + (0.15 if of == "density" else -0.15), [mean - low, high - mean]
        ax.errorbar(mean, at, xerr=error, fmt=marker, color=colour, label=f"σ of {of}")
    ax.axvspan(*ACCEPTED, color=MODEL, alpha=0.15, lw=0)
    ax.set_yticks(place, found.index.get_level_values("cell"), fontsize=8)
    ax.set(xlabel="within the 90 % interval (%)", ylim=(len(found) - 0.5, -0.5))
    fig.legend(frameon=False, fontsize=8, loc="outside upper center", ncols=2)
    return fig


def _accepted(percent) -> bool:
    return ACCEPTED[0] <= percent <= ACCEPTED[1]
