"""Skill on the simulated month, locked days scored once: `python -m studies.month FOLDER [--only NAME ...]`.

FOLDER is what `scripts/make_month.py --points 300000 --seed 20240902 --out FOLDER` wrote; weights are kept in
`FOLDER/models`. Each variant is trained for some seeds on one split of days (split_seed 0) and scored on the
development part, on held-out profiles of seen days and on locked days, against the observations and against the
simulated truth; then the mean of a variant's models is. Rows are added to `results/month.json` as they are done; what
is there is not run again. Settings were chosen on another month, of seed 20240901, and on all of its days
(`--explore`; what was tried stands in `results/month_explored.json`): nobody has looked at the days that are locked.
"""

import argparse
import json
from pathlib import Path

import numpy as np
import torch
from filelock import FileLock

from rstmrf.config import RunConfig
from rstmrf.data.inversion import Inversion
from rstmrf.data.run_data import RunData
from rstmrf.data.splits import DEVELOPMENT, TEST_TIMES, TRAIN
from rstmrf.evaluation.baselines import MeanResidualTable
from rstmrf.evaluation.directions import density_cosines
from rstmrf.evaluation.evaluate import PARTS, validate
from rstmrf.metrics import calibration_verdict
from rstmrf.metrics.moments import profile_weights
from rstmrf.model.weights import load_model
from rstmrf.predict import Predictor
from rstmrf.presets import PRESETS
from rstmrf.readers.inputs import load_inputs
from rstmrf.runtime import keep_freed_memory
from rstmrf.uncertainty import Ensemble, recalibrate, stated_sigma
from studies.training import trained

RESULTS = Path(__file__).parent / "results" / "month.json"
EXPLORED = RESULTS.with_name("month_explored.json")
SEEDS, EXPLORING_SEED = (0, 1, 2), 10
BASE = {"split_seed": 0, "w_sigma": 1.0}  # laid over the preset "month"
OFF = {"w_tec_direction": 0.0}  # differs from the variant with the direction in this alone
PLAIN = {**OFF, "w_chapman": 0.0, "collocation_points": 0, "collocation_altitude": "peak"}
MEAN_MAPS = "mean of each hour of the day"
AT_POINTS = {"collocation_altitude": "peak", "w_tec_direction": 0.1}
MODES = {mode: {"observation": mode} for mode in ("density", "inverted", "slant")}
VARIANTS = {
    **{f"{mode}, direction": of for mode, of in MODES.items()},
    **{f"{mode}, off": {**of, **OFF} for mode, of in MODES.items()},
    **{f"{mode}, plain network": {**of, **PLAIN} for mode, of in MODES.items()},
    "density, shuffled": {**MODES["density"], "shuffle_tec": True},
    "inverted, shuffled": {**MODES["inverted"], "shuffle_tec": True},
    "inverted, climatological maps": {**MODES["inverted"], "tec_maps": MEAN_MAPS},
    "inverted, direction of the ConvLSTM": {**MODES["inverted"], "direction_source": "network"},
    "inverted, direction at points": {**MODES["inverted"], **AT_POINTS},
    "inverted, direction, seen hours": {**MODES["inverted"], "collocation_hours": "seen"},
}
TOGETHER = tuple(f"{mode}, direction" for mode in MODES)  # also scored as the mean of their seeds


def load(folder: Path, changes: dict) -> RunData:
    """A run's data of the month, with its settings.

    A control's `tec_maps`, `kp` or `f107` say that maps or an index are held at their mean.
    """
    changes = dict(changes)
    mean_maps, *of_index = (changes.pop(name, None) is not None for name in ("tec_maps", "kp", "f107"))
    config = RunConfig.preset("month", **{**BASE, **changes})
    inputs = month_inputs(folder, config)
    if mean_maps:
        inputs = inputs._replace(tec=mean_of_hour(inputs.tec))
    data = RunData(*inputs, config)
    for column, mean in enumerate(of_index):
        if mean:  # the split is still drawn evenly over the true Kp
            data.processor.sw[:, column] = data.processor.sw[:, column].mean()
    return data


def mean_of_hour(tec):
    """Each hour has the mean of the month's maps at its hour of the day: what a climatology of TEC would tell."""
    by_hour = tec["vtec_tecu"].groupby("time.hour")
    return tec.assign(vtec_tecu=by_hour.map(lambda maps: maps * 0 + maps.mean("time")))


def month_inputs(folder: Path, config: RunConfig):
    """Observations, maps and indices in a folder of `scripts/make_month.py`."""
    paths = (folder / name for name in ("observations.zarr", "tec.nc", "indices.csv"))
    return load_inputs(config, *map(str, paths))


def score(row: dict, model, data: RunData, truth, tec, sigma) -> dict:
    """Add to a row what the model scores on parts of the month; `sigma` gives the uncertainty at points."""
    row["split"], row["scores"] = data.split.digest, []
    for part in PARTS:
        stated = sigma(data.part(PARTS[part])).numpy()
        for against, values in (("observations", None), ("truth", truth)):
            found = validate(model, data, part=part, tec=tec, truth=values, sigma=stated, n_bootstrap=200)
            cells = part == "held-out times" and row["variant"].removesuffix(_mean_of("")) in TOGETHER
            if against == "observations":
                row[f"verdict {part}"] = calibration_verdict(found.tables["calibration"])
            row["scores"].append({"part": part, "against": against, **_kept(found, row["seed"], cells)})
    return row


def run(folder: Path, name: str, changes: dict, seed: int) -> dict:
    """Train one variant and score it."""
    data = load(folder, {**changes, "seed": seed})
    row = {"variant": name, "seed": seed}
    model = trained(data, row, folder / "models" / f"{name} {seed}")
    row["sigma_scale"] = round(recalibrate(model, data), 3)
    truth, tec = _truth_and_tec(folder, data)
    score(row, model, data, truth, tec, lambda points: stated_sigma(model, data, points))
    if data.config.observation == "inverted":
        row["operator"] = operator_facts(data, truth)
    hours = np.unique(np.floor(data.part(TEST_TIMES).coords[:, 3].numpy())).astype(int)[::3]
    row["cosines"] = density_cosines({"model": model}, data, hours).round(4).reset_index().to_dict("records")
    return row


def operator_facts(data: RunData, truth) -> dict:
    """Of training points, by field: error of the observations, what correction leaves of it [dex], their correlation.

    The correction through IRI alone, and that through the model of the last pass, stand beside each other.
    """
    rows = data.split.rows(TRAIN)
    points, raw = data.points.select(torch.as_tensor(rows)), data.points.log10_ne_m3.numpy()[rows]
    error, weight = raw - truth[rows], profile_weights(points.profile.numpy())
    nothing = Inversion(points, data.iri).correction(lambda at: torch.zeros(len(at)), data.config.inversion_limit_dex)
    found = {"error_rms_dex": _rms(error, weight)}
    for field, correction in (("IRI", nothing.dex.numpy()), ("model", raw - data.targets.numpy()[rows])):
        found[f"left_rms_dex, {field}"] = _rms(error - correction, weight)
        found[f"correlation, {field}"] = round(float(np.corrcoef(error, correction)[0, 1]), 3)
    return found


def _rms(values, weight):
    return round(float(np.sqrt(np.average(values**2, weights=weight))), 4)


def explore(folder: Path, changes: dict):
    """Train with other settings, and note what they score on development days of a month that has been looked at."""
    data = load(folder, {"seed": EXPLORING_SEED, **changes})
    row: dict = {"settings": {**PRESETS["month"], **changes}}
    model, truth = trained(data, row, None), _truth_and_tec(folder, data)[0]
    means = MeanResidualTable.fit(data.fitted().select(data.split.rows(TRAIN)))
    for where, rows in _explored_rows(data).items():
        points = data.points.select(torch.as_tensor(rows))
        iri = points.background[:, 0]
        predicted = {"IRI": iri, "mean residuals": iri + torch.from_numpy(means.predict(points))}
        predicted["R-STMRF"] = iri + Predictor(model, data.iri, data.processor).residual(points)
        weight = profile_weights(points.profile.numpy())
        for against, wanted in (("observations", points.log10_ne_m3.numpy()), ("truth", truth[rows])):
            row[f"{where}, {against}"] = {name: _rms(x.numpy() - wanted, weight) for name, x in predicted.items()}
    with FileLock(EXPLORED.with_suffix(".lock")):
        rows = [*(json.loads(EXPLORED.read_text()) if EXPLORED.exists() else []), row]
        EXPLORED.write_text("[\n" + ",\n".join(json.dumps(row) for row in rows) + "\n]\n")
    print(json.dumps(row), flush=True)


def _explored_rows(data: RunData) -> dict[str, np.ndarray]:
    """Which points: the development part by days seen in training and not, and the days once locked."""
    rows, of = data.split.rows(DEVELOPMENT), np.floor(data.points.coords[:, 3].numpy() / 24)
    seen = np.isin(of[rows], of[data.split.rows(TRAIN)])
    return {"unseen days": rows[~seen], "seen days": rows[seen], "days once locked": data.split.rows(TEST_TIMES)}


def _mean_of(name):
    return f"{name}, mean of {len(SEEDS)} models"


def together(folder: Path, name: str) -> dict:
    """Score the mean of a variant's models, with a σ that holds their disagreement."""
    data = load(folder, VARIANTS[name])
    models = [load_model(folder / "models" / f"{name} {seed}")[0] for seed in SEEDS]
    ensemble = Ensemble(models).recalibrated(data)
    row = {"variant": _mean_of(name), "seed": None, "sigma_scale": round(ensemble.scale, 3)}
    return score(row, ensemble, data, *_truth_and_tec(folder, data), lambda points: ensemble.sigma(data, points))


def overall(row, part, against="observations", prediction="R-STMRF"):
    """RMSE [dex] over all points of a part."""
    scores = next(s for s in row["scores"] if s["part"] == part and s["against"] == against)["scores"]
    return next(s["rmse"] for s in scores if s["stratum"] == "all" and s["prediction"] == prediction)


def _truth_and_tec(folder, data):
    inputs = month_inputs(folder, data.config)
    return inputs.observations["true_log10_ne_m3"].values[data.used], inputs.tec


def truth_of(folder: Path, data: RunData) -> np.ndarray:
    """True log10 Ne at the points of a run's data."""
    return _truth_and_tec(folder, data)[0]


def _kept(found, seed, cells):
    """The tables of a report, to five digits; what needs no model, with the first seed alone; cells where wanted."""
    kept = {}
    for name in ("scores", "peaks", "peaks by cell", "calibration"):
        table = found.tables.get(name)
        if table is None:
            continue
        if seed != SEEDS[0] and "prediction" in table:
            table = table[table["prediction"] == "R-STMRF"]
        elif seed != SEEDS[0] and name == "peaks":
            table = table.loc[["R-STMRF"]]
        if not cells and "stratum" in table:
            table = table[table["stratum"] == "all"]
        rows = found._replace(tables={name: table.round(5)}).as_dict()["tables"][name]
        kept[name] = [{key: value for key, value in row.items() if value is not None} for row in rows]
    return kept


def _kept_rows() -> list[dict]:
    return json.loads(RESULTS.read_text()) if RESULTS.exists() else []


def _keep(row):
    with FileLock(RESULTS.with_suffix(".lock")):  # another process may run other variants
        RESULTS.write_text(json.dumps([*_kept_rows(), row], separators=(",", ":")) + "\n")
    errors = (round(overall(row, s["part"], s["against"]), 4) for s in row["scores"])
    print(row["variant"], row["seed"], *errors, flush=True)


def main():
    """Run what is missing, or one exploration on the development part."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--only", nargs="*", default=list(VARIANTS), metavar="VARIANT")
    parser.add_argument("--seeds", nargs="*", type=int, default=SEEDS)
    parser.add_argument("--explore", type=json.loads, metavar="CHANGES", help="score these settings on development")
    arguments = parser.parse_args()
    keep_freed_memory()
    if arguments.explore is not None:
        explore(arguments.folder, arguments.explore)
        return
    for seed in arguments.seeds:
        for name in arguments.only:
            if (name, seed) not in _done():
                _keep(run(arguments.folder, name, VARIANTS[name], seed))
    for name in TOGETHER:
        done = _done()
        if name in arguments.only and {(name, seed) for seed in SEEDS} <= done and (_mean_of(name), None) not in done:
            _keep(together(arguments.folder, name))


def _done() -> set[tuple]:
    return {(row["variant"], row["seed"]) for row in _kept_rows()}


if __name__ == "__main__":
    main()
