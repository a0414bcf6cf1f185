"""What could be known of the simulated month at best: `python -m studies.month_limits FOLDER`.

FOLDER is what `scripts/make_month.py --points 300000 --out FOLDER` wrote. Its truth is taken apart: what place, local
time, Kp and F10.7 determine; the weather of the day that TEC shows; all of it. Each is scored as if a model knew it
without error, on the split of `studies.month`, each profile counting once, against the observations and the truth.
With the mean error of the inversion, by local time, latitude and altitude on training days, is what an ideal model
would know that also learns this error from the observations. Kept with the facts of the month, `FOLDER/month.json`.
"""

import argparse
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from rstmrf.config import RunConfig
from rstmrf.data.run_data import RunData
from rstmrf.data.splits import TRAIN
from rstmrf.evaluation.baselines import MeanResidualTable
from rstmrf.evaluation.evaluate import PARTS
from rstmrf.evaluation.run_tables import split_table
from rstmrf.metrics.moments import profile_weights
from rstmrf.readers.inputs import load_inputs
from rstmrf.simulate.month import read_truth
from rstmrf.simulate.nature import unscaled_columns
from rstmrf.simulate.weather import CONSTANT_FIELDS, DAY_FIELDS
from studies.month import BASE

RESULTS = Path(__file__).parent / "results" / "month_limits.json"
KNOWN = {
    "place, local time, Kp, F10.7": CONSTANT_FIELDS,
    "and the weather that TEC shows": CONSTANT_FIELDS + DAY_FIELDS,
}
CHUNK = 20_000


def month_data(folder: Path):
    """The run's inputs and data on the split of `studies.month`."""
    config = RunConfig.preset("month", **BASE)
    inputs = load_inputs(config, str(folder / "observations.zarr"), str(folder / "tec.nc"), str(folder / "indices.csv"))
    return inputs, RunData(*inputs, config)


def limits(folder: Path, inputs, data) -> list[dict]:
    """A row for each part, each state of knowledge, with and without the mean error of the inversion: RMSE [dex]."""
    true = inputs.observations["true_log10_ne_m3"].values[data.used].astype(float)
    values = {"IRI": data.points.background[:, 0].numpy().astype(float)}
    truth = read_truth(folder / "truth.nc", data.iri)
    values |= {name: known_values(truth, data.points, fields) for name, fields in KNOWN.items()}
    values["the whole truth"] = true
    rows = []
    for name, best in values.items():
        learned = mean_error(data, best)
        for part, number in PARTS.items():
            at = data.split.rows(number)
            weight = profile_weights(data.points.profile.numpy()[at])
            observed = data.points.log10_ne_m3.numpy()[at]
            row = {"part": part, "known": name}
            for key, error in {
                "observations": best[at] - observed,
                "observations_with_mean_error": best[at] + learned(at) - observed,
                "truth": best[at] - true[at],
            }.items():
                row[key] = round(float(np.sqrt(np.average(error**2, weights=weight))), 4)
            rows.append(row)
    return rows


def known_values(truth, points, fields) -> np.ndarray:
    """Log10 Ne at points, `[P]`, of the truth with these random fields alone; storms, flux and waves stay."""
    known, out = truth.departures.only(*fields), np.empty(len(points))
    for rows in np.array_split(np.arange(len(points)), max(1, len(points) // CHUNK)):
        lat, lon, alt_km, hours = points.coords[rows].double().numpy().T
        at = (lat, lon, hours, alt_km[:, None])
        out[rows] = (unscaled_columns(truth.background, known, *at) + known.visible_dex(*at))[:, 0]
    return out


def mean_error(data, best):
    """Mean of observed − best on training points by local time, latitude and altitude, for rows of the data."""
    background = data.points.background.clone()
    background[:, 0] = torch.as_tensor(best)
    points = replace(data.points, background=background)
    table = MeanResidualTable.fit(points.select(data.split.rows(TRAIN)))
    return lambda rows: table.predict(points.select(rows))


def main():
    """Write `results/month_limits.json`."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    folder = parser.parse_args().folder
    torch.set_num_threads(1)
    inputs, data = month_data(folder)
    found = {"month": json.loads((folder / "month.json").read_text()), "split": data.split.digest}
    found |= {"parts": split_table(data).to_dict("index"), "limits": limits(folder, inputs, data)}
    RESULTS.write_text(json.dumps(found, indent=1) + "\n")
    for row in found["limits"]:
        print(*row.values(), sep=" | ")


if __name__ == "__main__":
    main()
