"""Whether a stated σ is true on genuine profiles: `python -m studies.real_sigma FOLDER`.

FOLDER and split are those of `studies.real_profiles`: days 1 to 3 train and develop, a fifth of their profiles is held
out, and day 4 is locked. There is no truth, so σ of an observation is judged, on observations that are believed: in
sunlight or above 200 km. Three seeds of the variant that is best there. Aggregates go to `results/real_sigma.json`.
"""

import argparse
from pathlib import Path

import numpy as np
import torch

from rstmrf.background.dip import dip_latitude
from rstmrf.data.night import dark_and_low
from rstmrf.data.splits import TEST_PROFILES, TEST_TIMES
from rstmrf.metrics import calibration_table, strata_of
from rstmrf.runtime import keep_freed_memory
from rstmrf.uncertainty import error_sigma, observed_error, recalibrate
from rstmrf.units import local_time_hours
from studies.real_profiles import SEEDS, VARIANTS, load
from studies.training import keep_row, stored_rows, trained

RESULTS = Path(__file__).parent / "results" / "real_sigma.json"
VARIANT = "low nights masked, time of day"
PARTS = {"held-out profiles": TEST_PROFILES, "day 4": TEST_TIMES}
MIN_PROFILES = 30


def judged(model, data, part: int) -> list[dict]:
    """Calibration of σ of an observation on a part, by altitude, local time and dip latitude."""
    points = data.part(part)
    points = points.select(~dark_and_low(points, data.iri))
    error, sigma = observed_error(model, data, points), error_sigma(model, data, points).numpy()
    lat, lon, alt_km, hours = points.coords.numpy().T
    dip = dip_latitude(lat, lon, int(str(points.start)[:4]))
    strata = strata_of(alt_km, local_time_hours(hours, lon) % 24, dip, np.zeros(len(lat)))
    del strata["Kp"]
    table = calibration_table(error, sigma, points.profile.numpy(), strata, min_profiles=MIN_PROFILES)
    return table[table["estimable"]].drop(columns="estimable").round(4).to_dict("records")


def main():
    """Run what is missing."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    arguments = parser.parse_args()
    keep_freed_memory()
    torch.set_num_threads(1)
    for seed in SEEDS:
        if any(row["seed"] == seed for row in stored_rows(RESULTS)):
            continue
        data, row = load(arguments.folder, {**VARIANTS[VARIANT], "w_sigma": 1.0, "seed": seed}), {"seed": seed}
        model = trained(data, row)
        row["scale"] = round(recalibrate(model, data), 3)
        row["trust"] = round(float(model.spread.trust), 3)
        row["observation_error"] = model.spread.observation_error.numpy().round(3).tolist()
        keep_row(RESULTS, row | {where: judged(model, data, part) for where, part in PARTS.items()})
        print(seed, row["seconds"], row["scale"], row["trust"], flush=True)


if __name__ == "__main__":
    main()
