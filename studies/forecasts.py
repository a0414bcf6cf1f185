"""Days to come, against IRI and tables: `python -m studies.forecasts FOLDER [--only NAME ...] [--seeds N ...]`.

FOLDER is the second month with known truth (`python scripts/make_month.py --points 300000 --seed 20240902 --out
FOLDER`). A forecast is made twice: from the whole month, whose last six days are locked, and from its first 22 days,
whose last four are. Profiles are taken as inversions, and the baselines are made of the same corrected targets. Scored
by the number of days after the last one observed, against the truth and the observations. The settings of preset
`forecast` were found on the first month (`python -m studies.month MONTH1 --explore ...`). Rows are added to
`results/forecasts.json`.
"""

from pathlib import Path

import numpy as np
import torch

from rstmrf.config import RunConfig
from rstmrf.data.run_data import RunData
from rstmrf.data.splits import DEVELOPMENT, TEST_TIMES, TRAIN
from rstmrf.evaluation.run_tables import baseline_residuals
from rstmrf.metrics import score_table
from rstmrf.predict import Predictor
from rstmrf.runtime import keep_freed_memory
from rstmrf.simulate import month
from rstmrf.simulate.month import read_truth
from rstmrf.simulate.weather import CONSTANT_FIELDS
from studies.month import SEEDS, month_inputs
from studies.month_limits import known_values
from studies.training import asked_runs, keep_row, stored_rows, trained

RESULTS = Path(__file__).parent / "results" / "forecasts.json"
DAYS = (30, 22)  # of which the last are locked
BASE = {"split_seed": 0, "observation": "inverted"}
PRESET, TOGETHER = "preset forecast", "mean of three models"
VARIANTS = {
    PRESET: {},
    "days told apart": {"time_mode": "elapsed", "driver_inputs": "both"},
    "F10.7 as well": {"driver_inputs": "both"},
    "no indices": {"driver_inputs": "none"},
    "no direction": {"w_tec_direction": 0.0},
}


def load(folder: Path, changes: dict, n_days: int):
    """A run's data of the first days of the month, with the truth at its points."""
    config = RunConfig.preset("forecast", **{**BASE, **changes})
    inputs = month_inputs(folder, config)
    observed = inputs.observations
    end = observed["time"].values.min().astype("M8[D]") + np.timedelta64(n_days, "D")
    observed = observed.isel(point=observed["time"].values < end)
    data = RunData(*inputs._replace(observations=observed), config)
    return data, observed["true_log10_ne_m3"].values[data.used]


def run(folder: Path, name: str, n_days: int, seed: int) -> dict:
    """Train one variant and score it on the days to come, one by one and together."""
    data, truth = load(folder, {**VARIANTS[name], "seed": seed}, n_days)
    row = {"variant": name, "days": n_days, "seed": seed}
    model = trained(data, row)
    rows = data.split.rows(TEST_TIMES)
    points = data.points.select(torch.as_tensor(rows))
    iri = points.background[:, 0].double().numpy()
    residuals = {"IRI": 0.0, **baseline_residuals(data, TEST_TIMES)}
    residuals["R-STMRF"] = Predictor(model, data.iri, data.processor).residual(points).double().numpy()
    residuals["mean of training days"] = climatology(model, data, points)
    predicted = {prediction: iri + residual for prediction, residual in residuals.items()}
    kept = _residual_file(folder, name, n_days, seed)
    kept.parent.mkdir(exist_ok=True)
    np.save(kept, residuals["R-STMRF"])
    return scored(row, data, points, truth[rows], predicted)


def scored(row: dict, data: RunData, points, truth, predicted: dict) -> dict:
    """Add scores by the number of days ahead, against the truth and the observations, to a row."""
    hours, profile = points.coords[:, 3].numpy(), points.profile.numpy()
    last = int(np.floor(data.points.coords[data.split.rows(TRAIN, DEVELOPMENT), 3].numpy().max() / 24))
    ahead = np.floor(hours / 24).astype(int) - last
    strata = {"days ahead": ahead, "part": np.where(ahead <= 3, "1 to 3 days", "4 days or more")}
    row["scores"] = []
    for against, wanted in (("truth", truth), ("observations", points.log10_ne_m3.double().numpy())):
        table = score_table(predicted, wanted, profile, np.floor(hours / 6).astype(int), strata, n_bootstrap=300)
        row["scores"] += [{"against": against, **score} for score in table.round(5).to_dict("records")]
    return row


def together(folder: Path, n_days: int) -> dict:
    """Score the mean of the preset's models, and what could be known at best of the days to come.

    That is what place, local time, Kp and F10.7 determine of the simulated truth, Kp of those days included.
    """
    data, truth = load(folder, {}, n_days)
    rows = data.split.rows(TEST_TIMES)
    points = data.points.select(torch.as_tensor(rows))
    iri = points.background[:, 0].double().numpy()
    kept = [np.load(_residual_file(folder, PRESET, n_days, seed)) for seed in SEEDS]
    best = known_values(read_truth(folder / "truth.nc", month.background()), points, CONSTANT_FIELDS)
    predicted = {"IRI": iri, "R-STMRF": iri + np.mean(kept, axis=0), "known at best": best}
    return scored({"variant": TOGETHER, "days": n_days, "seed": None}, data, points, truth[rows], predicted)


def _residual_file(folder: Path, name: str, n_days: int, seed: int) -> Path:
    return folder / "models" / f"forecast, {name}, {n_days} days, {seed}.npy"


def climatology(model, data: RunData, points) -> np.ndarray:
    """Mean over training days of the residual at the same place and hour of the day, with the indices of those days.

    What a model has to say of days to come that tells days apart: it forgets which day it is.
    """
    predictor = Predictor(model, data.iri, data.processor)
    hours = points.coords[:, 3]
    days = torch.floor(data.points.coords[data.split.rows(TRAIN), 3] / 24).unique()
    total = torch.zeros(len(points))
    for day in days[1:]:  # the first may lack its window
        coords = points.coords.clone()
        coords[:, 3] = hours - 24 * (torch.floor(hours / 24) - day)
        total += predictor.field.residual(coords, coords[:, 3].double())[0][0]
    return (total / (len(days) - 1)).double().numpy()


def main():
    """Run what is missing."""
    arguments = asked_runs(str(__doc__), VARIANTS, SEEDS)
    keep_freed_memory()
    for seed in arguments.seeds:
        for name in arguments.only:
            for n_days in DAYS:
                done = {(row["variant"], row["days"], row["seed"]) for row in stored_rows(RESULTS)}
                if (name, n_days, seed) not in done:
                    row = run(arguments.folder, name, n_days, seed)
                    keep_row(RESULTS, row)
                    shown = {p: overall(row, p) for p in ("IRI", "mean residuals", "R-STMRF", "mean of training days")}
                    print(name, n_days, seed, row["seconds"], shown, flush=True)
    for n_days in DAYS:
        files = [_residual_file(arguments.folder, PRESET, n_days, seed) for seed in SEEDS]
        known = {(row["variant"], row["days"]) for row in stored_rows(RESULTS)}
        if all(file.exists() for file in files) and (TOGETHER, n_days) not in known:
            row = together(arguments.folder, n_days)
            keep_row(RESULTS, row)
            print(TOGETHER, n_days, {p: overall(row, p) for p in ("IRI", "R-STMRF", "known at best")}, flush=True)


def overall(row: dict, prediction="R-STMRF", against="truth", cell="1 to 3 days") -> float:
    """RMSE [dex] of a row; cell "all": all days to come."""
    found = (s for s in row["scores"] if (s["cell"], s["prediction"], s["against"]) == (cell, prediction, against))
    return next(s["rmse"] for s in found)


if __name__ == "__main__":
    main()
