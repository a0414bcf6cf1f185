"""Tables of the stored skill on the simulated month, and its targets. Whatever variants are stored are drawn.

Rows are those of `results/month.json`, written by `studies.month`. Analysis and forecast have days of their own and
are never in one table. A variant is compared with the baselines of its own rows.
"""

import json
from pathlib import Path

import pandas as pd

from rstmrf.config import RunConfig
from rstmrf.presets import PRESETS

RESULTS = Path(__file__).parent / "results"
MODEL, IRI, TEC_SCALED = "R-STMRF", "IRI", "IRI scaled by TEC"
LOCKED = "held-out times"
ON, OFF, SHUFFLED = "S13 at collocation points", "no TEC", "S13 at collocation points, shuffled"
PLAIN_NETWORK = "no TEC, no physics"
BEST, TOGETHER = "best baseline without TEC's magnitude", f"{ON}, mean of 3 models"
PEAK_KM = (300.0, 350.0, 400.0)
STORM = "Kp ≥ 5"
NOT_RUN = "not run"


def stored(name="month") -> list | dict:
    """What `results/{name}.json` holds."""
    return json.loads((RESULTS / f"{name}.json").read_text())


def of_mode(rows, mode) -> list[dict]:
    """Rows of one mode, "analysis" or "forecast"."""
    return [row for row in rows if ("forecast" in row["variant"]) == (mode == "forecast")]


EXPLORED_PARTS = [f"{days}, {of}" for of in ("observations", "truth") for days in ("unseen days", "seen days")]


def explored() -> pd.DataFrame:
    """What was tried on the development part: settings, and RMSE [dex] there; empty where nothing is stored.

    `all` is the best epoch's, against the observations; the first runs were not told apart by seen and unseen days.
    """
    path = RESULTS / "month_explored.json"
    rows = json.loads(path.read_text()) if path.exists() else []
    plain = {key: field.default for key, field in RunConfig.model_fields.items()}
    usual = plain | PRESETS["month"]
    return pd.DataFrame(
        {
            "settings": ", ".join(f"{k} {v}" for k, v in (plain | row["settings"]).items() if v != usual[k])
            or "as the preset",
            "all": min(row["development"]),
            **{where: row[where][MODEL] for where in EXPLORED_PARTS if where in row},
        }
        for row in rows
    )


def table(rows, name, part=LOCKED, against="observations") -> pd.DataFrame:
    """One of the tables "scores", "peaks", "peaks by cell" or "calibration" of all rows, with variant, seed, split.

    Several models that predict together have the seed "all". Empty where no row holds the table.
    """
    found = [
        pd.DataFrame(one[name]).assign(variant=row["variant"], seed=_seed(row), split=row["split"])
        for row in rows
        for one in row["scores"]
        if one["part"] == part and one["against"] == against and name in one
    ]
    return pd.concat(found, ignore_index=True).drop(columns="level_0", errors="ignore") if found else pd.DataFrame()


def overall(rows, part=LOCKED, against="observations") -> pd.DataFrame:
    """RMSE [dex] over all points: a row for each variant and seed, a column for each prediction.

    Baselines are stored with some rows only; others of the same split have the same.
    """
    scores = table(rows, "scores", part, against)
    whole = scores[scores["stratum"] == "all"]
    wide = whole.pivot_table(
        index=["split", "variant", "seed"], columns="prediction", values="rmse", sort=False, dropna=False
    )
    wide = wide.dropna(how="all")
    baselines = wide.drop(columns=MODEL)
    filled = baselines.fillna(baselines.groupby(level="split").transform("first"))
    return filled.assign(**{MODEL: wide[MODEL]}).droplevel("split")


def best_baseline(of_run: pd.DataFrame) -> pd.Series:
    """Lowest RMSE [dex] of the baselines that know no magnitude of TEC, by variant and seed."""
    return of_run.drop(columns=[MODEL, TEC_SCALED], errors="ignore").min(axis=1)


def skill_table(rows, part=LOCKED) -> pd.DataFrame:
    """Baselines, then variants: RMSE [dex], mean (range) over seeds, and how far below two baselines [%].

    Columns: RMSE against observations and truth; % below IRI, and % below the best baseline without TEC's magnitude.
    """
    runs = {against: overall(rows, part, against) for against in ("observations", "truth")}
    first = {against: found.iloc[0].drop(MODEL).sort_values() for against, found in runs.items()}
    best = float(best_baseline(runs["observations"]).iloc[0])
    lines = {}
    for name, value in first["observations"].items():
        lines[name] = {"observations": f"{value:.3f}", "truth": f"{first['truth'][name]:.3f}", "seeds": ""}
        lines[name] |= _below(value, first["observations"][IRI], best)
    found = runs["observations"]
    for name in dict.fromkeys(found.index.get_level_values("variant")):
        own = found.loc[name]
        lines[name] = {key: mean_range(one.loc[name, MODEL]) for key, one in runs.items()} | {"seeds": _seeds(own)}
        lines[name] |= _below(own[MODEL].mean(), own[IRI].mean(), best_baseline(own).mean())
    return pd.DataFrame.from_dict(lines, orient="index")


def mean_range(values: pd.Series, digits=3) -> str:
    """Mean (lowest–highest)."""
    low, mean, high = (f"{x:.{digits}f}" for x in (values.min(), values.mean(), values.max()))
    return mean if len(values) == 1 else f"{mean} ({low}–{high})"


def cosines(rows) -> pd.DataFrame:
    """Mean cosine of ∇ₕNe and ∇TEC by altitude [km]: IRI and each variant, mean over seeds.

    Left out is what was measured against maps of other hours: there the cosine of IRI itself is another.
    """
    found = pd.concat([pd.DataFrame(row["cosines"]).assign(variant=row["variant"]) for row in rows if "cosines" in row])
    usual = found.groupby("alt_km")["IRI"].median()
    apart = (found["IRI"] - found["alt_km"].map(usual)).abs().groupby(found["variant"]).max()
    kept = found[found["variant"].map(apart) < 0.05]
    by_variant = kept.pivot_table(index="alt_km", columns="variant", values="model", sort=False)
    return pd.concat([usual.rename(IRI), by_variant], axis=1)


def targets(rows) -> pd.DataFrame:
    """Each target on the locked days of the analysis: what is asked, what was measured, whether it is reached.

    Errors are measured against the observations, by which a target is judged, and against the truth beside it.
    """
    rows = of_mode(rows, "analysis")
    errors = {against: _errors_of(overall(rows, against=against)) for against in ("observations", "truth")}
    lines = []

    def add(target, measured, reached, by_truth=""):
        lines.append({"target": target, "measured": measured, "against the truth": by_truth, "reached": reached})

    def lower(target, one, other, least):
        found = {against: _share_below(of, one, other) for against, of in errors.items()}
        share = found["observations"]
        if share is None:
            return add(target, NOT_RUN, "–")
        return add(target, f"{share:.1f} %", _yes(share >= least), f"{found['truth']:.1f} %")

    lower("RMSE at least 20 % below IRI", ON, IRI, 20)
    lower("the same of the mean of its models", TOGETHER, IRI, 20)
    lower("at least 10 % below the best baseline", ON, BEST, 10)
    lower("at least 10 % below the network without TEC and physics", ON, PLAIN_NETWORK, 10)
    lower("S13 at collocation points: at least 10 % below the same without TEC", ON, OFF, 10)
    left = {against: _gain_left(*(of.get(name) for name in (ON, OFF, SHUFFLED))) for against, of in errors.items()}
    add("with shuffled TEC a quarter of that gain is left at most", *left["observations"], left["truth"][0])
    add("cosine at 300–400 km higher by 0.05 at least", *_cosine_gain(rows))
    for key, name in (("hm_f2_km", "hmF2"), ("nm_f2_percent", "NmF2")):
        add(f"{name} not worse than IRI in any estimable stratum", *_peaks_not_worse(rows, key))
    add("storm (Kp ≥ 5) better than IRI", *_storm(rows))
    add("90 % coverage between 87 and 93 %", *_coverage(rows))
    return pd.DataFrame(lines)


def verdicts(rows, part=LOCKED) -> pd.DataFrame:
    """How many of a variant's runs pass each test of `calibration_verdict`, as "2 of 3"."""
    found = [{"variant": row["variant"], **row[f"verdict {part}"]} for row in rows if f"verdict {part}" in row]
    if not found:
        return pd.DataFrame()
    return pd.DataFrame(found).groupby("variant", sort=False).agg(lambda passed: f"{passed.sum()} of {len(passed)}")


def _errors_of(runs):
    """Mean RMSE [dex] over seeds by variant, and of IRI and the best baseline on the same split."""
    mean = {name: runs.loc[name, MODEL].mean() for name in dict.fromkeys(runs.index.get_level_values("variant"))}
    if ON in mean:
        mean |= {IRI: runs.loc[ON, IRI].mean(), BEST: best_baseline(runs.loc[ON]).mean()}
    return mean


def _share_below(errors, one, other):
    """How far one RMSE lies below another [%]; None where one of them is not stored."""
    if one not in errors or other not in errors:
        return None
    return 100 * (1 - errors[one] / errors[other])


def _gain_left(on, off, shuffled):
    if None in (on, off, shuffled):
        return NOT_RUN, "–"
    if on >= off:
        return "there is no gain", "–"
    left = 100 * (off - shuffled) / (off - on)
    return f"{left:.0f} % left" if left > 0 else "none left", _yes(left <= 25)


def _cosine_gain(rows):
    found = cosines(rows)
    if not {ON, OFF} <= set(found):
        return NOT_RUN, "–"
    on, off = (found.loc[list(PEAK_KM), name].mean() for name in (ON, OFF))
    return f"{on:.3f} with S13, {off:.3f} without", _yes(on - off >= 0.05)


def _peaks_not_worse(rows, key):
    peaks = table(rows, "peaks by cell")
    if peaks.empty or ON not in set(peaks["variant"]):
        return NOT_RUN, "–"
    peaks = peaks[(peaks["variant"] == ON) & peaks["estimable"].astype(bool)]
    cells = peaks.pivot_table(index=["stratum", "cell"], columns="prediction", values=f"{key}_rmse")
    worse = cells.index[cells[MODEL] > cells[IRI]].get_level_values("cell")
    return f"worse in {len(worse)} of {len(cells)} cells" + "".join(f"; {c}" for c in worse), _yes(not len(worse))


def _storm(rows):
    scores = table(rows, "scores")
    cell = scores[(scores["variant"] == ON) & (scores["cell"] == STORM) & scores["prediction"].isin([MODEL, IRI])]
    if not len(cell):
        return NOT_RUN, "–"
    if not cell["estimable"].astype(bool).all():
        row = cell.iloc[0]
        days = "1 day" if row["days"] == 1 else f"{row['days']} days"
        return f"not estimable: {row['profiles']} profiles of {days}", "not told"
    rmse = cell.astype({"rmse": float}).groupby("prediction")["rmse"].mean()
    return f"{rmse[MODEL]:.3f} dex, IRI {rmse[IRI]:.3f} dex", _yes(rmse[MODEL] < rmse[IRI])


def _coverage(rows):
    found = table(rows, "calibration")
    if found.empty or ON not in set(found["variant"]):
        return NOT_RUN, "–"
    whole = 100 * found[(found["stratum"] == "all") & (found["variant"] == ON)]["coverage_90"].astype(float)
    return f"{mean_range(whole, 1)} %", _yes(whole.between(87, 93).all())


def _below(value, iri, best):
    return {
        "% below IRI": round(100 * (1 - value / iri), 1),
        "% below best baseline": round(100 * (1 - value / best), 1),
    }


def _seed(row):
    return "all" if row["seed"] is None else row["seed"]


def _seeds(own):
    return "together" if "all" in own.index else len(own)


def _yes(reached):
    return "yes" if reached else "no"
