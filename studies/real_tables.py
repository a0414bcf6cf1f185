"""Tables of the stored skill on genuine profiles (`results/real_profiles.json`, by `studies.real_profiles`)."""

import pandas as pd
from matplotlib.figure import Figure

from studies import stored
from studies.real_scores import BELIEVED, NAMES

IRI, MODEL, TOGETHER = "IRI", "R-STMRF", "three models together"
ALTITUDE_MEANS, TABLE = "IRI + altitude means", "IRI + means by local time, latitude, altitude"
SEEN, LOCKED = "held-out profiles", "day 4"
LOW_DAY, LOW_NIGHT = "120–200 km, day 9–17 LT", "120–200 km, night 21–5 LT"
RANGES = {"120–500 km": "all", "120–500 km, sunlit or above 200 km": BELIEVED, "200–500 km": "200–500 km"}
NEEDED = {LOCKED: 10.0, SEEN: 20.0}  # % below the table


def results() -> dict:
    """What the study has stored."""
    return stored("real_profiles")


def scores(found: dict, where: str) -> pd.DataFrame:
    """All stored scores on one part, with variant and seed; the mean of three models has the seed "all"."""
    rows = found["rows"]
    parts = [pd.DataFrame(row[where]["scores"]).assign(variant=row["variant"], seed=row["seed"]) for row in rows]
    table = pd.concat(parts, ignore_index=True)
    return table.drop_duplicates(["variant", "seed", "cell", "prediction"])  # some cells belong to two strata


def errors(found: dict, where: str, cells) -> pd.DataFrame:
    """RMSE [dex] in some cells: a row for each variant and cell, a column for each prediction.

    The model's column is the mean over seeds, "range" their spread, and "three models together" their mean's error.
    """
    table = scores(found, where)
    lines = []
    for (variant, cell), one in table[table["cell"].isin(cells)].groupby(["variant", "cell"], sort=False):
        line = {"variant": variant, "cell": cell, "profiles": int(one["profiles"].max())}
        base = one[one["prediction"] != MODEL].groupby("prediction", sort=False)["rmse"].first()
        own = one[one["prediction"] == MODEL].set_index("seed")["rmse"]
        single = own.drop("all", errors="ignore")
        line |= base.to_dict() | {MODEL: single.mean(), "range": f"{single.min():.3f}–{single.max():.3f}"}
        lines.append(line | {TOGETHER: own.get("all", float("nan"))})
    return pd.DataFrame(lines).set_index(["variant", "cell"])


def below_table(found: dict) -> pd.DataFrame:
    """How far below the table of means [%], on both held-out parts: single models (mean of three) and together.

    And how far a single model lies below the better of both tables.
    """
    lines = []
    for where, needed in NEEDED.items():
        table = errors(found, where, RANGES.values()).reset_index()
        for name, cell in RANGES.items():
            for _, one in table[table["cell"] == cell].iterrows():
                line = {"scored on": where, "altitudes": name, "variant": one["variant"]}
                line |= {f"{who} [%]": 100 * (1 - one[who] / one[TABLE]) for who in (MODEL, TOGETHER)}
                better = min(one[ALTITUDE_MEANS], one[TABLE])
                line["R-STMRF, better table [%]"] = 100 * (1 - one[MODEL] / better)
                lines.append(line | {"target [%]": needed, "reached": bool(line[f"{TOGETHER} [%]"] >= needed)})
    return pd.DataFrame(lines)


def stations(found: dict) -> pd.DataFrame:
    """RMSE and bias [dex] against the stations by height and hour, of the mean of three models and the baselines."""
    parts = [
        pd.DataFrame(rows).assign(station=station, variant=row["variant"])
        for row in found["rows"]
        if row["seed"] == "all"
        for station, rows in row.get("stations", {}).items()
    ]
    table = pd.concat(parts, ignore_index=True)
    return table[table["stratum"] == "altitude, local time"]


def transfer(found: dict) -> pd.DataFrame:
    """The two targets of transfer: EISCAT by night and Boulder by day, 120–200 km; RMSE [dex]."""
    table = stations(found)
    asked = ((NAMES["EISCAT"], LOW_NIGHT), (NAMES["Boulder"], LOW_DAY), (NAMES["Boulder"], LOW_NIGHT))
    chosen = pd.concat([table[(table["station"] == where) & (table["cell"] == cell)] for where, cell in asked])
    return chosen.pivot_table(index=["station", "cell", "variant"], columns="prediction", values="rmse", sort=False)


def peaks(found: dict, where: str) -> pd.DataFrame:
    """Errors of NmF2 [%] and hmF2 [km] on one part, three models together and the baselines."""
    rows = [row for row in found["rows"] if row["seed"] == "all"]
    parts = [pd.DataFrame(row[where]["peaks"]).assign(variant=row["variant"]) for row in rows]
    columns = ["nm_f2_percent_rmse", "nm_f2_percent_bias", "hm_f2_km_rmse", "hm_f2_km_bias", "profiles"]
    return pd.concat(parts).set_index(["variant", "prediction"])[columns]


def worse_cells(found: dict, where: str) -> pd.DataFrame:
    """Cells of local time and dip latitude in which the models together miss NmF2 or hmF2 by more than IRI does."""
    lines = []
    for row in (row for row in found["rows"] if row["seed"] == "all"):
        table = pd.DataFrame(row[where]["peaks by cell"]).set_index(["stratum", "cell", "prediction"])
        for key in ("nm_f2_percent_rmse", "hm_f2_km_rmse"):
            wide = table[key].unstack("prediction")
            worse = wide[wide[MODEL] > wide[IRI]]
            lines.append({"variant": row["variant"], "error": key, "estimable cells": len(wide), "worse": len(worse)})
    return pd.DataFrame(lines)


def explored() -> pd.DataFrame:
    """What was tried on days 1 and 2: settings, and how far below the table [%] on seen days and on day 3."""
    lines = []
    for row in stored("real_profiles_explored"):
        line = {"settings": ", ".join(f"{key} {value}" for key, value in row["changes"].items()) or "as chosen"}
        for where in ("seen days", "another day"):
            for name, cell in RANGES.items():
                line[f"{where}, {name}"] = 100 * (1 - row[where][cell][MODEL] / row[where][cell][TABLE])
        lines.append(line)
    return pd.DataFrame(lines).set_index("settings")


def leak(found: dict) -> pd.DataFrame:
    """RMSE [dex], 120–500 km, of a model that believes all: on points held out at random, and on whole profiles."""
    random = pd.DataFrame(found["leak"]["scores"]).query("cell == 'all'").set_index("prediction")["rmse"]
    whole = errors(found, SEEN, ["all"]).loc[("all believed", "all")]
    table = pd.DataFrame({"points at random": random, "whole profiles": whole[random.index]}).T.astype(float)
    return table.assign(**{"below the table [%]": 100 * (1 - table[MODEL] / table[TABLE])})


def bars(table: pd.DataFrame, title: str) -> Figure:
    """RMSE [dex] of predictions (columns) in cells (rows) as bars side by side."""
    figure = Figure(figsize=(8, 3.2), layout="constrained")
    axes = figure.subplots()
    table.plot.barh(ax=axes, width=0.8, color=["0.6", "0.75", "0.45", "#c0504d"][: table.shape[1]])
    axes.set(xlabel="RMSE of log10 Ne [dex]", ylabel="", title=title)
    axes.invert_yaxis()
    axes.legend(fontsize="small", title="")
    return figure
