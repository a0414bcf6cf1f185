"""Tables of the stored forecasts and storms, for the book."""

import json
from pathlib import Path

import numpy as np
import pandas as pd

from studies.forecasts import PRESET, TOGETHER

RESULTS = Path(__file__).parent / "results"
MODEL, TABLE, CLIMATOLOGY = "R-STMRF", "mean residuals", "mean of training days"
SOON = "1 to 3 days"


def stored(name: str) -> list[dict]:
    """The rows of `results/{name}.json`."""
    return json.loads((RESULTS / f"{name}.json").read_text())


def scores(rows: list[dict], against="truth") -> pd.DataFrame:
    """All scores against the truth or the observations, with the variant, the seed and the days of the month."""
    found = [
        pd.DataFrame(row["scores"]).assign(variant=row["variant"], seed=row["seed"], month_days=row.get("days"))
        for row in rows
    ]
    table = pd.concat(found, ignore_index=True)
    return table[table["against"] == against]


def by_period(rows: list[dict]) -> pd.DataFrame:
    """RMSE [dex] of the preset and of the baselines, mean over seeds, for each forecast and part of the days ahead.

    With the mean of the preset's models, and what could be known at best of the simulated truth.
    """
    own = scores(rows)
    own = own[own["variant"].isin([PRESET, TOGETHER]) & own["stratum"].isin(["part", "all"])]
    of_all = (own["variant"] == TOGETHER) & (own["prediction"] == MODEL)
    names = own["prediction"].where(~of_all, TOGETHER)
    own = own.assign(forecast=[f"from {n:g} days" for n in own["month_days"]], prediction=names)
    return own.pivot_table("rmse", ["forecast", "cell"], "prediction", sort=False).drop(columns=CLIMATOLOGY)


def by_day(rows: list[dict]) -> pd.DataFrame:
    """RMSE [dex] of the preset and of the baselines by the number of days ahead, over forecasts and seeds."""
    own = scores(rows)
    own = own[(own["variant"] == PRESET) & (own["stratum"] == "days ahead")].astype({"cell": int})
    square = own.assign(square=own["rmse"] ** 2).pivot_table("square", "cell", "prediction")
    return np.sqrt(square).rename_axis("days ahead")  # pyright: ignore[reportReturnType]


def by_variant(rows: list[dict]) -> pd.DataFrame:
    """RMSE [dex] of variants over all days to come, mean of their runs, and how it differs [%] from the preset's.

    A run is a forecast with a seed; it is compared with the preset's of the same forecast and seed.
    """
    own = scores(rows)
    own = own[own["seed"].notna() & (own["stratum"] == "all") & own["prediction"].isin([MODEL, CLIMATOLOGY])]
    wide = own.pivot_table("rmse", ["variant", "month_days", "seed"], "prediction", sort=False)
    preset = wide.loc[PRESET, MODEL].reindex(wide.index.droplevel("variant")).to_numpy()
    wide["change"] = 100 * (wide[MODEL] / preset - 1)
    of = wide.groupby(level="variant", sort=False)
    found = of[[MODEL, CLIMATOLOGY]].mean().assign(runs=of.size())
    ends = of["change"].agg(["mean", "min", "max"])
    told = [f"{mean:+.1f} ({low:+.1f} to {high:+.1f})" for mean, low, high in ends.to_numpy()]
    return found.assign(**{"against the preset (%)": told}).rename_axis(index=None)


def below(rows: list[dict], cell=SOON) -> pd.Series:
    """How far [%] the preset lies below IRI and the table of mean residuals: mean of the forecasts."""
    wide = _by_forecast(rows, cell)
    return pd.Series({rival: 100 * (1 - wide[MODEL] / wide[rival]).mean() for rival in ("IRI", TABLE)})


def range_below(rows: list[dict], rival=TABLE, cell=SOON) -> tuple[float, float]:
    """The lowest and the highest share [%] by which a run of the preset lies below a baseline."""
    wide = _by_forecast(rows, cell)
    below = 100 * (1 - wide[MODEL] / wide[rival])
    return below.min(), below.max()


def _by_forecast(rows, cell) -> pd.DataFrame:
    own = scores(rows)
    own = own[(own["variant"] == PRESET) & (own["cell"] == cell)]
    return own.pivot_table("rmse", ["month_days", "seed"], "prediction").groupby(level="month_days").ffill()


def verdicts(rows: list[dict], cell=SOON) -> list[str]:
    """Sentences: how far below IRI and the table of mean residuals the preset lies, and in how many forecasts."""
    wide, said = _by_forecast(rows, cell), []
    for rival in ("IRI", TABLE):
        below = 100 * (1 - wide[MODEL] / wide[rival])
        many = f"in {int((below > 0).sum())} of {len(below)}"
        said.append(
            f"{cell} ahead: {below.mean():.1f} % below {rival} ({below.min():.1f} to {below.max():.1f}), {many}"
        )
    return said


def time_modes() -> pd.DataFrame:
    """RMSE [dex] against the truth on the first month: days seen in training and not, by what is known of time."""
    names = {
        ("elapsed", False): "the day's number, Kp and F10.7",
        ("elapsed", True): "the day's number and Kp",
        ("diurnal", True): "hour of the day and Kp",
    }
    lines = {}
    for row in stored("month_explored"):
        settings = row["settings"]
        key = settings["time_mode"], "f107" in settings
        if key in names and _otherwise_the_preset(settings):
            found = {where: row[f"{where}, truth"][MODEL] for where in ("seen days", "unseen days", "days once locked")}
            lines[names[key]] = found  # the newest run of these settings
    return pd.DataFrame.from_dict(lines, orient="index")


def _otherwise_the_preset(settings: dict) -> bool:
    from rstmrf.presets import PRESETS

    own = {**PRESETS["month"], "observation": "inverted"}
    return all(settings.get(key) == own.get(key) for key in {*own, *settings} - {"time_mode", "f107"})


def explored_forecasts() -> pd.DataFrame:
    """RMSE [dex] against the truth of the days to come of the first month, by what the model sees of the indices.

    The last two lines are the preset, which leaves F10.7 out, with its direction loss and without.
    """
    names = {
        ((), "both", True): "Kp and F10.7",
        (("f107",), "both", True): "Kp, F10.7 at its mean",
        (("f107", "kp"), "both", True): "both at their means",
        ((), "kp", True): "Kp alone",
        ((), "kp", False): "Kp alone, no direction loss",
    }
    lines = {}
    for row in stored("month_explored"):
        settings = row["settings"]
        if settings.get("mode") == "forecast" and settings["time_mode"] == "diurnal":
            held = tuple(sorted(key for key in ("kp", "f107") if key in settings))
            key = held, settings.get("driver_inputs", "both"), settings["w_tec_direction"] > 0
            lines[names[key]] = {name: row["days once locked, truth"].get(name) for name in ("IRI", TABLE, MODEL)}
    return pd.DataFrame.from_dict(lines, orient="index").rename_axis("indices seen")


def storm_table(rows: list[dict]) -> pd.DataFrame:
    """Skill against IRI [%] on days of storm and others, by variant: mean over seeds, and the widest interval."""
    own = scores(rows)
    own = own[(own["stratum"] == "day") & (own["prediction"] == MODEL)]
    lines: dict[str, dict] = {}
    for (variant, cell), of in own.groupby(["variant", "cell"], sort=False):
        skill, low, high = (100 * of[name] for name in ("skill", "skill_low", "skill_high"))
        line = lines.setdefault(variant, {})
        line[f"{cell}: skill (%)"] = f"{skill.mean():.1f} ({low.min():.1f} to {high.max():.1f})"
        line[f"{cell}: RMSE (dex)"] = round(of["rmse"].mean(), 4)
    table = pd.DataFrame.from_dict(lines, orient="index")
    iri = scores(rows)
    iri = iri[(iri["stratum"] == "day") & iri["prediction"].isin(["IRI", TABLE, "known at best"])]
    for (name, cell), of in iri.groupby(["prediction", "cell"], sort=False):
        table.loc[name, f"{cell}: RMSE (dex)"] = round(of["rmse"].mean(), 4)
    return table.fillna("")


def storm_verdicts(rows: list[dict]) -> list[str]:
    """Sentences: whether storm days are better than IRI beyond doubt, and what the history of Kp is worth there."""
    own = scores(rows)
    own = own[(own["stratum"] == "day") & (own["prediction"] == MODEL)]
    said = []
    for variant, of in own[own["cell"] == "storm"].groupby("variant", sort=False):
        told = int((of["skill_low"] > 0).sum())
        said.append(f"{variant}:")
        said.append(f"  storm days better than IRI beyond doubt in {told} of {len(of)} runs")
    wide = own.pivot_table("rmse", ["cell", "seed"], "variant")
    for other in [name for name in wide if name != "6 h of Kp"]:
        worth = 100 * (1 - wide["6 h of Kp"] / wide[other])
        by_cell = {cell: f"{of.mean():.1f} % ({of.min():.1f} to {of.max():.1f})" for cell, of in worth.groupby("cell")}
        said.append(f"error with 6 h of Kp lower than with {other}:")
        said += [f"  {cell}: {value}" for cell, value in by_cell.items()]
    return said


def locked_days(rows: list[dict]) -> dict:
    """Locked days of the period of storms: highest Kp and profiles; a day with the end of one profile is left out."""
    return {date: of for date, of in rows[0]["days"]["locked"].items() if of["profiles"] > 1}
