"""Tables of the stored skill on the simulated month, and its targets. Whatever variants are stored are drawn.

Rows are those of `results/month.json`, written by `studies.month`. A variant is compared with baselines that take
observations for the same thing.
"""

import json
from pathlib import Path
from typing import NamedTuple

import pandas as pd

RESULTS = Path(__file__).parent / "results"
MODEL, IRI, TEC_SCALED = "R-STMRF", "IRI", "IRI scaled by TEC"
LOCKED, PEAK_KM, NOT_RUN = "held-out times", (300.0, 350.0, 400.0), "not run"
OBSERVATIONS = {"density": "as reported", "inverted": "as inversions", "slant": "as slant TEC"}
DIRECTION, OFF, SHUFFLED, PLAIN = "direction", "off", "shuffled", "plain network"
PEAKS = {"nm_f2_percent": "NmF2 (%)", "fo_f2_mhz": "foF2 (MHz)", "hm_f2_km": "hmF2 (km)"}
BEST = "inverted, direction"  # the variant whose cells and peaks are shown


def stored(name="month") -> list | dict:
    """What `results/{name}.json` holds."""
    return json.loads((RESULTS / f"{name}.json").read_text())


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


def mode_of(variant: str) -> str:
    """What the variant takes an observation for, which its baselines do too."""
    return variant.split(",")[0]


def overall(rows, part=LOCKED, against="observations") -> pd.DataFrame:
    """RMSE [dex] over all points: a row for each variant and seed, a column for each prediction.

    Baselines are stored with some rows only; others of the same kind of observation have the same.
    """
    scores = table(rows, "scores", part, against)
    whole = scores[scores["stratum"] == "all"]
    wide = whole.pivot_table(index=["variant", "seed"], columns="prediction", values="rmse", sort=False, dropna=False)
    wide = wide.dropna(how="all")
    baselines, modes = wide.drop(columns=MODEL), wide.index.get_level_values("variant").map(mode_of)
    return baselines.fillna(baselines.groupby(modes).transform("first")).assign(**{MODEL: wide[MODEL]})


def errors(rows, part=LOCKED, against="truth") -> pd.Series:
    """RMSE [dex], mean over seeds, by variant; those of several models together among them."""
    return overall(rows, part, against)[MODEL].groupby(level="variant", sort=False).mean()


def baselines(rows, part=LOCKED, against="truth") -> pd.DataFrame:
    """RMSE [dex] of what needs no network, and of the plain network: a column for each kind of observation."""
    runs, own = overall(rows, part, against), errors(rows, part, against)
    modes = runs.index.get_level_values("variant").map(mode_of)
    found = runs.drop(columns=MODEL).groupby(modes, sort=False).first().T
    found.loc[PLAIN] = [own.get(f"{mode}, {PLAIN}", float("nan")) for mode in found]
    return found.rename_axis(index="prediction", columns="observation")


def skill_table(rows, part=LOCKED) -> pd.DataFrame:
    """RMSE [dex] of each variant, mean (range) over seeds, and how far below IRI and its best rival [%].

    Against the truth and the observations; the best rival knows no magnitude of TEC and takes observations for the
    same thing, and the plain network is among them.
    """
    lines: dict[str, dict] = {}
    for against in ("truth", "observations"):
        runs, rivals = overall(rows, part, against), baselines(rows, part, against)
        best = rivals.drop(index=TEC_SCALED, errors="ignore").min()
        for name in dict.fromkeys(runs.index.get_level_values("variant")):
            own, line = runs.loc[name], lines.setdefault(name, {"seeds": _seeds(runs.loc[name])})
            value, mode = own[MODEL].mean(), mode_of(name)
            line[against] = mean_range(own[MODEL])
            line[f"{against}: % below IRI"] = round(100 * (1 - value / rivals.loc[IRI, mode]), 1)
            line[f"{against}: % below best without TEC's magnitude"] = round(100 * (1 - value / best[mode]), 1)
    return pd.DataFrame.from_dict(lines, orient="index")


def by_days(rows, variants=(BEST, f"{BEST}, mean of 3 models"), part=LOCKED) -> pd.DataFrame:
    """How far below IRI [%], against the truth, some variants lie by seed, with 95 % intervals from whole days."""
    scores = table(rows, "scores", part, "truth")
    chosen = (scores["stratum"] == "all") & (scores["prediction"] == MODEL) & scores["variant"].isin(variants)
    names = {"skill": "below IRI [%]", "skill_low": "low", "skill_high": "high"}
    found = scores[chosen].set_index(["variant", "seed"])[list(names)].astype(float)
    return (100 * found).rename(columns=names).round(1)


def peak_table(rows, variants=(BEST, "density, direction"), part=LOCKED) -> pd.DataFrame:
    """RMSE and bias of NmF2, foF2 and hmF2 against the truth: baselines, and variants by their mean over seeds."""
    peaks = table(rows, "peaks", part, "truth").rename(columns={"index": "prediction"})
    columns = [f"{name}_{score}" for name in PEAKS for score in ("rmse", "bias")]
    names = peaks["prediction"].where(peaks["prediction"] != MODEL, peaks["variant"])
    ours, mode = peaks["prediction"] == MODEL, peaks["variant"].map(mode_of)
    kept = (peaks["seed"] != "all") & ((ours & names.isin(variants)) | (~ours & (mode == "inverted")))
    found = peaks[kept].groupby(names[kept], sort=False)[columns].mean()
    of = {f"{name}_{score}": f"{said}, {score}" for name, said in PEAKS.items() for score in ("rmse", "bias")}
    return found.rename(columns=of).rename_axis("prediction")


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
    """Each target on the locked days: what is asked, what was measured, whether it is reached.

    Errors are measured against the truth, by which a target is judged, and against the observations beside it. A
    gain of one variant over another is that of their means over seeds, with the gains of the single seeds.
    """
    lines = []
    runs = {against: overall(rows, against=against) for against in ("truth", "observations")}

    def lower(target, one, other, least=None):
        """At least so many per cent lower; or, without `least`, not lower at all."""
        found = {against: _below(of, one, other) for against, of in runs.items()}
        truth = found["truth"]
        lines.append(
            {
                "target": target,
                "truth": NOT_RUN if truth is None else truth.said,
                "observations": "" if truth is None else found["observations"].said,
                "reached": "–"
                if truth is None
                else _yes(truth.percent <= 0 if least is None else truth.percent >= least),
            }
        )

    lower("model below IRI by 12 %", BEST, IRI, 12)
    lower("three models together below IRI by 14 %", f"{BEST}, mean of 3 models", IRI, 14)
    for name in _rivals(runs["truth"]):
        lower(f"below {name} by 5 %", BEST, name, 5)
    lower("direction on against off, observations as reported, 6 %", f"density, {DIRECTION}", f"density, {OFF}", 6)
    lower("direction on against off, as inversions, 3 %", BEST, f"inverted, {OFF}", 3)
    for mode, of in OBSERVATIONS.items():
        lower(f"shuffled maps against off, {of}: no gain", f"{mode}, {SHUFFLED}", f"{mode}, {OFF}")
    lower("observations as inversions against as reported, 5 %", BEST, f"density, {DIRECTION}", 5)
    lines = [line for line in lines if not (line["target"].startswith("shuffled maps") and line["truth"] == NOT_RUN)]
    for key, name in (("hm_f2_km", "hmF2"), ("nm_f2_percent", "NmF2")):
        lines.append({"target": f"{name} worse than IRI in no estimable cell", **_peaks_not_worse(rows, key)})
    return pd.DataFrame(lines)


def verdicts(rows, part=LOCKED) -> pd.DataFrame:
    """How many of a variant's runs pass each test of `calibration_verdict`, as "2 of 3"."""
    found = [{"variant": row["variant"], **row[f"verdict {part}"]} for row in rows if f"verdict {part}" in row]
    if not found:
        return pd.DataFrame()
    return pd.DataFrame(found).groupby("variant", sort=False).agg(lambda passed: f"{passed.sum()} of {len(passed)}")


class _Gain(NamedTuple):
    percent: float
    said: str


def _rivals(runs) -> list[str]:
    """What the model is asked to beat: the best baseline, and the plain network."""
    mode = mode_of(BEST)
    own = runs[runs.index.get_level_values("variant").map(mode_of) == mode]
    if own.empty:
        return []
    return [own.drop(columns=[MODEL, IRI, TEC_SCALED], errors="ignore").iloc[0].idxmin(), f"{mode}, {PLAIN}"]


def _below(runs, one, other) -> _Gain | None:
    """How far one RMSE lies below another [%], with the range over common seeds; None where one is not stored.

    `other` is a variant, or a baseline of the same kind of observation.
    """
    names = runs.index.get_level_values("variant")
    if one not in names or not (other in names or other in runs):
        return None
    own = runs.loc[one]
    rival = runs.loc[other, MODEL] if other in names else own[other]
    percent = 100 * (1 - own[MODEL].mean() / rival.mean())
    by_seed = (100 * (1 - own[MODEL] / rival)).dropna()
    spread = f" ({by_seed.min():.1f} to {by_seed.max():.1f})" if len(by_seed) > 1 else ""
    return _Gain(percent, f"{percent:.1f} %{spread}")


def _peaks_not_worse(rows, key):
    found = {}
    for against in ("truth", "observations"):
        peaks = table(rows, "peaks by cell", against=against)
        if peaks.empty or BEST not in set(peaks["variant"]):
            found[against] = None
            continue
        peaks = peaks[(peaks["variant"] == BEST) & peaks["estimable"].astype(bool)]
        cells = peaks.pivot_table(index=["stratum", "cell"], columns="prediction", values=f"{key}_rmse")
        found[against] = cells.index[cells[MODEL] > cells[IRI]].get_level_values("cell"), len(cells)

    def said(of):
        return "" if of is None else f"worse in {len(of[0])} of {of[1]} cells" + "".join(f"; {c}" for c in of[0])

    judged = found["truth"] or found["observations"]
    texts = {against: said(of) for against, of in found.items()}
    return {**texts, "reached": "–" if judged is None else _yes(not len(judged[0]))}


def coverage(rows, part=LOCKED) -> pd.Series:
    """Share of observations within the stated 90 % interval [%], mean (range) over a variant's runs."""
    found = table(rows, "calibration", part)
    whole = found[found["stratum"] == "all"]
    return (100 * whole["coverage_90"].astype(float)).groupby(whole["variant"], sort=False).agg(mean_range, digits=1)


def _seed(row):
    return "all" if row["seed"] is None else row["seed"]


def _seeds(own):
    return "together" if "all" in own.index else len(own)


def _yes(reached):
    return "yes" if reached else "no"
