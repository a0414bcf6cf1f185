"""Whether a stated σ is true, of the density and of an observation: `python -m studies.uncertainty FOLDER`.

FOLDER is the second month with known truth (`python scripts/make_month.py --points 300000 --seed 20240902 --out
FOLDER`). Preset `month` with the observation operator is trained with three seeds, recalibrated on whole days of
development, and judged on locked days: σ of the density against the truth, σ of an observation against the corrected
observations; then the mean of the three models. Beside the best constant σ of each cell stands what could be gained at
best: boosted trees fitted to the squared errors of the locked days themselves (scikit-learn), which no model may do.
The observations' error that pairs of profiles tell stands beside the true one. Rows go to `results/uncertainty.json`.
"""

import argparse
import itertools
from pathlib import Path

import numpy as np

from rstmrf.background.dip import dip_latitude
from rstmrf.data.observation_error import BANDS_KM, TROPICS_DEG, observation_error
from rstmrf.data.splits import TEST_TIMES, TRAIN
from rstmrf.metrics import calibration_table, strata_of
from rstmrf.metrics.calibration import crps_gaussian
from rstmrf.metrics.moments import profile_weights
from rstmrf.predict import Predictor
from rstmrf.runtime import keep_freed_memory
from rstmrf.uncertainty import Ensemble, error_sigma, observed_error, recalibrate
from rstmrf.units import local_time_hours
from studies.month import SEEDS, load, truth_of
from studies.training import keep_row, stored_rows, trained

RESULTS = Path(__file__).parent / "results" / "uncertainty.json"
CHANGES = {"observation": "inverted"}
TOGETHER = "mean of three models"


def score(row: dict, model, data, truth) -> dict:
    """Add tables of calibration to a row, and what could be gained at best."""
    points = data.part(TEST_TIMES)
    predictor = Predictor(model, data.iri, data.processor)
    fused = points.background[:, 0] + predictor.residual(points)
    errors = {
        "density": (truth[data.split.rows(TEST_TIMES)] - fused.numpy(), predictor.sigma(points).numpy()),
        "observation": (observed_error(model, data, points), error_sigma(model, data, points).numpy()),
    }
    profile, strata = points.profile.numpy(), strata_with_crests(points)
    for name, (error, sigma) in errors.items():
        row[name] = calibration_table(error, sigma, profile, strata).round(5).to_dict("records")
        row[f"{name}, gain at best"] = round(gain_at_best(points, error), 4)
    return row


def strata_with_crests(points) -> dict[str, np.ndarray]:
    """Altitude, local time, dip latitude, and the crests of the anomaly: dip 10 to 25°, 12 to 22 h local time."""
    lat, lon, alt_km, hours = points.coords.numpy().T
    local, dip = local_time_hours(hours, lon) % 24, dip_latitude(lat, lon, 2024)
    strata = strata_of(alt_km, local, dip, np.zeros(len(lat)))
    crest = (np.abs(dip) >= 10) & (np.abs(dip) < 25) & (local >= 12) & (local < 22)
    night = (local < 6) | (local >= 18)
    del strata["Kp"]
    return {**strata, "crests": np.where(crest, "crests", "elsewhere"), "sun": np.where(night, "18–6 LT", "6–18 LT")}


def gain_at_best(points, error) -> float:
    """By what share the CRPS of a σ that knows the errors' size from place and time lies below the best constant's."""
    from sklearn.ensemble import HistGradientBoostingRegressor

    lat, lon, alt_km, hours = points.coords.double().numpy().T
    angle = local_time_hours(hours, lon) * np.pi / 12
    known = [alt_km, lat, dip_latitude(lat, lon, 2024), np.sin(angle), np.cos(angle), *points.background.T.numpy()]
    weight = profile_weights(points.profile.numpy())
    trees = HistGradientBoostingRegressor(
        loss="gamma", max_iter=60, max_depth=3, min_samples_leaf=500, random_state=0, early_stopping=False
    )
    features = np.column_stack(known)
    sigma = np.sqrt(trees.fit(features, error**2 + 1e-6, sample_weight=weight).predict(features))
    constant = np.sqrt(np.average(error**2, weights=weight)) * np.linspace(0.5, 1.2, 36)
    best = min(np.average(crps_gaussian(error, s), weights=weight) for s in constant)
    return 1 - np.average(crps_gaussian(error, sigma), weights=weight) / best


def observation_facts(data, truth) -> list[dict]:
    """σ [dex] of training observations by band and zone: as pairs of profiles tell it, and as it is."""
    rows = data.split.rows(TRAIN)
    error = data.targets.numpy()[rows] - truth[rows]  # of corrected ones, by the last pass
    raw = data.points.log10_ne_m3.numpy()[rows] - truth[rows]
    departures = (data.targets[rows] - data.points.background[rows, 0]).numpy()
    by_pairs = observation_error(data.points.coords.numpy()[rows], departures, data.points.profile.numpy()[rows])
    lat, alt_km = data.points.coords.numpy()[rows][:, [0, 2]].T
    found = []
    for band, (low, high) in enumerate(itertools.pairwise(BANDS_KM)):
        for zone, inside in (("tropics", np.abs(lat) < TROPICS_DEG), ("elsewhere", np.abs(lat) >= TROPICS_DEG)):
            at = inside & (alt_km >= low) & (alt_km < high)
            told = float(by_pairs.sigma_dex[band, int(zone == "elsewhere")])
            values = {"told_dex": told, "true_dex": float(np.std(error[at])), "as_reported_dex": float(np.std(raw[at]))}
            found.append({"band": f"{low:g}–{high:g} km", "zone": zone, **{k: round(v, 4) for k, v in values.items()}})
    return found


def main():
    """Run what is missing."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--seeds", nargs="*", type=int, default=SEEDS)
    arguments = parser.parse_args()
    keep_freed_memory()
    folder, models = arguments.folder, {}
    for seed in arguments.seeds:
        if any(row["seed"] == seed for row in stored_rows(RESULTS)):
            continue
        data, row = load(folder, {**CHANGES, "seed": seed}), {"model": "single", "seed": seed}
        model = models[seed] = trained(data, row, folder / "models" / f"σ {seed}")
        row["scale"] = round(recalibrate(model, data), 3)
        row["trust"] = round(float(model.spread.trust), 3)
        row["widening"] = model.spread.widening.numpy().round(3).tolist()
        truth = truth_of(folder, data)
        row["observations"] = observation_facts(data, truth)
        keep_row(RESULTS, score(row, model, data, truth))
        print(seed, row["scale"], summary(row), flush=True)
    if len(models) == len(SEEDS):
        data = load(folder, CHANGES)
        ensemble = Ensemble([models[seed] for seed in SEEDS]).recalibrated(data)
        row = {"model": TOGETHER, "seed": None, "scale": round(ensemble.scale, 3)}
        keep_row(RESULTS, score(row, ensemble, data, truth_of(folder, data)))
        print(TOGETHER, summary(row))


def summary(row: dict) -> dict:
    """Coverage of the 90 % interval over all points, and the gain in CRPS over the best constant."""
    found = {}
    for name in ("density", "observation"):
        whole = next(r for r in row[name] if r["stratum"] == "all")
        found[name] = round(whole["coverage_90"], 3), round(1 - whole["crps"] / whole["crps_constant"], 4)
    return found


if __name__ == "__main__":
    main()
