"""What was reached and what was missed, in sentences for the first page, from the stored runs."""

import pandas as pd

from benchmarks import stored as timed
from studies import forecast_tables, month_tables, real_tables, stored, uncertainty_tables

VARIANT = "low nights masked, time of day"  # the one of the real profiles that is told


def answers() -> str:
    """Five points of Markdown, each with the page that shows it."""
    return "\n".join(f"{n}. {of()}" for n, of in enumerate((_month, _direction, _real, _ahead, _cost), start=1))


def _month() -> str:
    rows = month_tables.stored("month")
    best = month_tables.BEST
    three = f"{best}, mean of 3 models"
    errors, rivals = month_tables.errors(rows), month_tables.baselines(rows)["inverted"]
    below = {name: 100 * (1 - errors[best] / rivals[name]) for name in (month_tables.IRI, "mean residuals")}
    scaled = 100 * (1 - rivals[month_tables.TEC_SCALED] / rivals[month_tables.IRI])
    together = month_tables.by_days(rows).loc[(three, "all")]
    gain = 100 * (1 - errors[best] / errors["density, direction"])
    return (
        "**Against a known truth**, on six days that nobody had looked at, the model lies "
        f"{below[month_tables.IRI]:.0f} % below IRI "
        f"(12 asked) and {below['mean residuals']:.1f} % below a table of mean residuals (5 asked). Three "
        "models together lie "
        f"{together['below IRI [%]']:.0f} % below IRI (14 asked); with whole days drawn anew the 95 % interval "
        "of that is "
        f"{together['low']:.0f} to {together['high']:.0f} %. Taking profiles for the inversions that they are "
        f"is worth {gain:.0f} %, "
        "where the errors were made by the same operator; real profiles showed no gain. "
        f"IRI multiplied so that its TEC is the map's lies {scaled:.0f} % below IRI: it uses the magnitude of "
        "TEC, which this "
        "model is denied. See [](../notebooks/month.ipynb)."
    )


def _direction() -> str:
    rows = month_tables.stored("month")
    errors, iri = month_tables.errors(rows), month_tables.baselines(rows).loc[month_tables.IRI, "inverted"]
    worth = {m: 100 * (1 - errors[f"{m}, direction"] / errors[f"{m}, off"]) for m in ("density", "inverted")}
    usual = 100 * (1 - errors["density, shuffled"] / errors["density, off"])
    learned = 100 * (1 - errors["inverted, direction of the ConvLSTM"] / iri)
    return (
        f"**The direction of TEC** is worth {worth['density']:.1f} % with profiles as reported, where maps of "
        "other hours are "
        f"worth {usual:.1f} %, and {worth['inverted']:.1f} % with profiles as inversions: on these days no more "
        "than seeds differ "
        "by. The preset of a month takes directions from the maps themselves; with those that a ConvLSTM "
        "learned the model lies "
        f"{learned:.0f} % below IRI."
    )


def _real() -> str:
    found, cell = stored("real_profiles"), "200–500 km"
    errors = real_tables.errors(found, real_tables.LOCKED, [cell]).loc[(VARIANT, cell)]
    tables = [errors[name] for name in (real_tables.ALTITUDE_MEANS, real_tables.TABLE)]
    finer, better = (100 * (1 - errors[real_tables.MODEL] / of) for of in (tables[1], min(tables)))
    held = real_tables.below_table(found).set_index(["scored on", "altitudes", "variant"])
    seen = held.loc[(real_tables.SEEN, cell, VARIANT), f"{real_tables.MODEL} [%]"]
    return (
        f"**On real profiles** of four days, without TEC maps, between 200 and 500 km, it lies {better:.0f} % "
        "below the better of "
        f"two tables of means on the one locked day ({finer:.0f} % below the finer one), and {seen:.0f} % below "
        "the finer one on "
        "held-out profiles of seen days, where 20 was asked. A single day tells no interval. See "
        "[](../notebooks/real-profiles.ipynb)."
    )


def _ahead() -> str:
    ahead = forecast_tables.stored("forecasts")
    below = forecast_tables.below(ahead)
    low, high = forecast_tables.range_below(ahead)
    storm = forecast_tables.storm_table(forecast_tables.stored("storms"))["storm: skill (%)"]
    cells = uncertainty_tables.coverage(uncertainty_tables.stored())["density"]["mean"]
    bands = cells.loc[uncertainty_tables.ASKED[1:]]
    day_4 = uncertainty_tables.on_real_profiles().loc["all", ("day 4", "within (%)")]
    return (
        "**Forecasts** of one to three days are level with a table of mean residuals "
        f"({below['mean residuals']:.1f} % below it, "
        f"{low:.1f} to {high:.1f} in six runs). Both lie far below IRI ({below['IRI']:.0f} %), most of it "
        "because IRI is given solar "
        "indices of the past. On days of a **storm** no variant can be told from IRI: with six hours of Kp the "
        "skill is "
        f"{storm['6 h of Kp']} %, without Kp {storm['no Kp']} %. See [](../notebooks/forecasts.ipynb). The 90 % "
        "interval of the "
        f"stated **σ** holds {cells.loc[('all', 'all')]:.0f} % of the truth on locked days, {bands.min():.0f} "
        f"to {bands.max():.0f} % by "
        f"cell, and {day_4:.0f} % on the locked day of real profiles; it tells places apart no better than a "
        "constant. See "
        "[](../notebooks/uncertainty.ipynb)."
    )


def _cost() -> str:
    rows = [row for row in timed("train_step") if row["batch"] == 2048 and row["windows"] == 4]
    faster = pd.DataFrame(rows).set_index("variant")["speedup"]
    return (
        f"**Cost**: with the ConvLSTM trained beforehand a step is {faster['rstmrf']:.0f} times as fast as the "
        "design written down "
        f"literally, and {faster['rstmrf-document']:.0f} times with the same work, on the same two cores. See "
        "[](../notebooks/training-step.ipynb)."
    )
