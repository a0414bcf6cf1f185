"""Days of storm, told apart from others: `python -m studies.storms FOLDER [--only NAME ...]`.

FOLDER is what `python scripts/make_month.py --month 2024-04-19 --seed 20240419 --points 300000 --out FOLDER` wrote:
thirty days of which ten have a Kp of 5 or more, with the great storm of May 2024. Preset `month` with the observation
operator is trained with windows of Kp and F10.7 of different length (`driver_hours`), once without what tells days
apart, so that a storm can be learned from Kp alone, and once with Kp held at its mean, so that it cannot know of
storms. The locked days are those of `split_seed` 0, drawn evenly over Kp; the settings are those found on other months.
Scored against the truth and the observations, on days with a Kp of 5 or more and on the others, by dip latitude;
intervals are of blocks of six hours. Rows are added to `results/storms.json`.
"""

from pathlib import Path

import numpy as np
import torch

from rstmrf.background.dip import dip_latitude
from rstmrf.data.run_data import RunData
from rstmrf.data.splits import TEST_TIMES
from rstmrf.evaluation.run_tables import baseline_residuals, split_table
from rstmrf.metrics import calibration_table, score_table, strata_of
from rstmrf.model.weights import load_model
from rstmrf.predict import Predictor
from rstmrf.runtime import keep_freed_memory
from rstmrf.simulate.month import read_truth
from rstmrf.simulate.weather import CONSTANT_FIELDS
from rstmrf.uncertainty import recalibrate, stated_sigma
from rstmrf.units import local_time_hours
from studies.month import SEEDS, load, truth_of
from studies.month_limits import known_values
from studies.training import asked_runs, keep_row, stored_rows, trained

RESULTS = Path(__file__).parent / "results" / "storms.json"
BEST = "known at best"
STORM_KP, BLOCK_HOURS = 4.5, 6.0  # 5- is 4.67
MEAN_KP = "mean of the month"
MODEL = {"observation": "inverted", "gap_hours": 6}  # the same for all, though the longest window is longer
VARIANTS = {
    "6 h of Kp": MODEL,
    "48 h of Kp": {**MODEL, "driver_hours": 48},
    "48 h of Kp, days not told apart": {**MODEL, "driver_hours": 48, "driver_inputs": "kp", "time_mode": "diurnal"},
    "no Kp": {**MODEL, "kp": MEAN_KP},
}


def run(folder: Path, name: str, seed: int) -> dict:
    """Train one variant, or take its weights if they are kept, and score it on locked days, of storm and others."""
    data = load(folder, {**VARIANTS[name], "seed": seed})
    row, kept = {"variant": name, "seed": seed}, folder / "models" / f"{name} {seed}"
    model = load_model(kept).model if (kept / "model.json").exists() else trained(data, row, kept)
    recalibrate(model, data)
    points = data.part(TEST_TIMES)
    iri = points.background[:, 0].double().numpy()
    residuals = {"IRI": 0.0} | (baseline_residuals(data, TEST_TIMES) if data.targets is not None else {})
    residuals["R-STMRF"] = Predictor(model, data.iri, data.processor).residual(points).double().numpy()
    predicted = {prediction: iri + residual for prediction, residual in residuals.items()}
    truth = truth_of(folder, data)[data.split.rows(TEST_TIMES)]
    profile, hours = points.profile.numpy(), points.coords[:, 3].numpy()
    strata = day_strata(data, points)
    row["days"] = day_facts(data)
    row["scores"] = []
    for against, wanted in (("truth", truth), ("observations", points.log10_ne_m3.double().numpy())):
        block = np.floor(hours / BLOCK_HOURS).astype(int)
        table = score_table(predicted, wanted, profile, block, strata, n_bootstrap=500)
        row["scores"] += [{"against": against, **score} for score in table.round(5).to_dict("records")]
    error, sigma = truth - predicted["R-STMRF"], stated_sigma(model, data, points).numpy()
    row["calibration"] = calibration_table(error, sigma, profile, strata).round(5).to_dict("records")
    return row


def known_at_best(folder: Path) -> dict:
    """What place, local time, Kp and F10.7 determine of the simulated truth on the locked days: a model's limit."""
    data = load(folder, MODEL)
    points = data.part(TEST_TIMES)
    truth = truth_of(folder, data)[data.split.rows(TEST_TIMES)]
    best = known_values(read_truth(folder / "truth.nc", data.iri), points, CONSTANT_FIELDS)
    predicted = {"IRI": points.background[:, 0].double().numpy(), "known at best": best}
    block = np.floor(points.coords[:, 3].numpy() / BLOCK_HOURS).astype(int)
    table = score_table(predicted, truth, points.profile.numpy(), block, day_strata(data, points), n_bootstrap=500)
    scores = [{"against": "truth", **score} for score in table.round(5).to_dict("records")]
    return {"variant": BEST, "seed": None, "days": day_facts(data), "scores": scores}


def day_strata(data: RunData, points) -> dict[str, np.ndarray]:
    """Of points: whether their day had a storm, and with it their zone of dip latitude and their part of the day."""
    lat, lon, alt_km, hours = points.coords.numpy().T
    stormy = np.isin(np.floor(hours / 24).astype(int), storm_days(data))
    day = np.where(stormy, "storm", "no storm")
    known = strata_of(alt_km, local_time_hours(hours, lon), dip_latitude(lat, lon, 2024), np.zeros(len(lat)))
    both = {f"day, {kind}": np.char.add(np.char.add(day, ", "), known[kind]) for kind in ("dip latitude", "local time")}
    return {"day": day, **both}


def storm_days(data: RunData) -> np.ndarray:
    """Days since the first one whose highest Kp is 5- or more."""
    highest = _highest_kp(data)
    days = (highest[highest > STORM_KP].index.to_numpy() - np.datetime64(data.points.start, "D")) / np.timedelta64(
        1, "D"
    )
    return days.astype(int)


def _highest_kp(data: RunData):
    kp = data.indices["kp"].to_series()
    return kp.groupby(kp.index.floor("D")).max()


def day_facts(data: RunData) -> dict:
    """The locked days with their highest Kp and how many profiles they have, and the size of each part."""
    highest, points = _highest_kp(data), data.part(TEST_TIMES)
    day = torch.floor(points.coords[:, 3] / 24).int().numpy()
    first = data.points.start.astype("M8[D]")
    locked = {}
    for number in np.unique(day):
        date, inside = first + int(number), day == number
        profiles = len(np.unique(points.profile.numpy()[inside]))
        locked[str(date)] = {"kp": round(float(highest[np.datetime64(date, "ns")]), 2), "profiles": profiles}
    return {"locked": locked, "parts": split_table(data)[["points", "profiles", "days"]].to_dict("index")}


def main():
    """Run what is missing."""
    arguments = asked_runs(str(__doc__), VARIANTS, SEEDS)
    keep_freed_memory()
    if BEST not in {row["variant"] for row in stored_rows(RESULTS)}:
        keep_row(RESULTS, known_at_best(arguments.folder))
    for seed in arguments.seeds:
        for name in arguments.only:
            if (name, seed) not in {(row["variant"], row["seed"]) for row in stored_rows(RESULTS)}:
                row = run(arguments.folder, name, seed)
                keep_row(RESULTS, row)
                print(name, seed, *(overall(row, cell) for cell in ("storm", "no storm")), flush=True)


def overall(row: dict, cell: str, prediction="R-STMRF", against="truth", score="rmse") -> float:
    """One score of a row on days with a storm or without."""
    found = (s for s in row["scores"] if (s["stratum"], s["cell"], s["against"]) == ("day", cell, against))
    return next(s[score] for s in found if s["prediction"] == prediction)


if __name__ == "__main__":
    main()
