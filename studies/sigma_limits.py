"""How well a few locked days can judge σ, and other recalibrations: `python -m studies.sigma_limits MONTH1 MONTH2`.

The folders are those of `scripts/make_month.py` with the seeds 20240901 and 20240902. On the second month the models
that `studies.uncertainty` trained are taken: coverage of each cell has an interval from whole locked days drawn anew,
and so has the chance that a σ which covers 90 % of every cell on average passes in all cells on so few days. On the
first month, whose days are no secret, one model is trained and recalibrated in other ways; none of the second month is
looked at for that. Results are kept in `results/sigma_limits.json`.
"""

import argparse
import itertools
import json
from pathlib import Path

import numpy as np
import torch
from scipy.special import ndtri

from rstmrf.data.observation_error import BANDS_KM, TROPICS_DEG, observation_error
from rstmrf.data.splits import TEST_TIMES, TRAIN
from rstmrf.metrics.moments import profile_days, profile_weights
from rstmrf.model.spread import ERROR_KNOTS_KM
from rstmrf.model.weights import load_model
from rstmrf.predict import Predictor
from rstmrf.runtime import keep_freed_memory
from rstmrf.uncertainty import days_of_development, error_sigma, observed_error, recalibrate
from studies.month import SEEDS, load, truth_of
from studies.training import trained
from studies.uncertainty import CHANGES, strata_with_crests

RESULTS = Path(__file__).parent / "results" / "sigma_limits.json"
#: cells in which coverage is asked for: all points, bands of altitude, day, night and crests
ASKED = [("all", "all"), ("altitude", "120–200 km"), ("altitude", "200–300 km"), ("altitude", "300–500 km")]
ASKED += [("sun", "6–18 LT"), ("sun", "18–6 LT"), ("crests", "crests")]
SHARE, ACCEPTED = 0.9, (0.87, 0.93)
DRAWS, LEVEL = 4000, 0.95
#: ways to recalibrate: σ of observations that is taken off, the prior of the widening, whether bands have own factors
WAYS = {
    "as it is": {},
    "widening nearly free": {"widening_prior": 0.5},
    "a factor for each band": {"bands": True},
    "σ of observations: none": {"observations": "none"},
    "σ of observations: above 200 km too": {"observations": "told"},
    "σ of observations: the true one": {"observations": "true"},
}


def locked(model, data, truth) -> dict:
    """Errors of the density on locked days [dex], with σ [dex], weights, days and cells."""
    points = data.part(TEST_TIMES)
    predictor = Predictor(model, data.iri, data.processor)
    fused = points.background[:, 0] + predictor.residual(points)
    strata = {"all": np.full(len(points), "all"), **strata_with_crests(points)}
    return {
        "error": truth[data.split.rows(TEST_TIMES)] - fused.numpy(),
        "sigma": predictor.sigma(points).numpy(),
        "profile": points.profile.numpy(),
        "day": profile_days(points.coords[:, 3].numpy(), points.profile.numpy()),
        "inside": {cell: strata[kind] == cell for kind, cell in ASKED},
        "alt_km": points.coords[:, 2].numpy(),
    }


def coverage(found: dict) -> dict[str, float]:
    """Share of errors within the 90 % interval by cell."""
    covered, total = by_day(found)
    return dict(zip(found["inside"], covered.sum(0) / total.sum(0), strict=True))


def by_day(found: dict) -> tuple[np.ndarray, np.ndarray]:
    """Weight of the errors within the 90 % interval, and of all of them, by day and cell asked for."""
    covered = np.abs(found["error"]) <= ndtri((1 + SHARE) / 2) * found["sigma"]
    place = np.unique(found["day"], return_inverse=True)[1]
    both = [
        [np.bincount(place, weights_in(found, at) * of, place.max() + 1) for at in found["inside"].values()]
        for of in (covered, np.ones_like(covered))
    ]
    within, total = np.transpose(both, (0, 2, 1))
    return within, total


def weights_in(found: dict, at: np.ndarray) -> np.ndarray:
    """Weights of a cell's points, by which each of its profiles counts once; 0 outside."""
    weight = np.zeros(len(at))
    weight[at] = profile_weights(found["profile"][at])
    return weight


def judged(found: dict, seed: int = 0) -> dict:
    """Coverage [%] by cell with its interval from days drawn anew, and the chance of a true σ to pass in all cells."""
    within, total = by_day(found)
    drawn = np.random.default_rng(seed).multinomial(len(total), np.full(len(total), 1 / len(total)), DRAWS)
    shares = np.divide(
        drawn @ within, drawn @ total, out=np.full((DRAWS, total.shape[1]), np.nan), where=drawn @ total > 0
    )
    true = shares - np.nanmean(shares, axis=0) + SHARE
    passes = ((true >= ACCEPTED[0]) & (true <= ACCEPTED[1])).all(1).mean()
    ends = 100 * np.nanquantile(shares, [(1 - LEVEL) / 2, (1 + LEVEL) / 2], axis=0)
    cells = {
        cell: [round(float(x), 1) for x in (100 * value, low, high)]
        for (cell, value), low, high in zip(coverage(found).items(), *ends, strict=True)
    }
    return {"days": len(total), "cells": cells, "chance_of_a_true_sigma": round(float(passes), 3)}


def first_month(folder: Path, seed: int = 0) -> dict:
    """By way of recalibration, coverage [%] on the first month's locked days; and what the errors have in common."""
    data, kept = load(folder, {**CHANGES, "seed": seed}), folder / "models" / f"σ {seed}"
    model = load_model(kept).model if kept.exists() else trained(data, {}, kept)
    truth, rows = truth_of(folder, data), []
    own = sigmas_of_observations(model, data, truth)
    for name, way in WAYS.items():
        model.spread.observation_error.copy_(own[way.get("observations", "lowest")])
        recalibrate(model, data, **{key: value for key, value in way.items() if key == "widening_prior"})
        found = locked(model, data, truth)
        if way.get("bands"):
            found["sigma"] = found["sigma"] * np.interp(found["alt_km"], ERROR_KNOTS_KM, band_factors(model, data))
        rows.append({"way": name, **{cell: round(float(100 * share), 1) for cell, share in coverage(found).items()}})
    return {"ways": rows, "errors": shared_errors(found, observed_error(model, data, data.part(TEST_TIMES)))}


def sigmas_of_observations(model, data, truth) -> dict[str, torch.Tensor]:
    """σ [dex] of training observations by band and zone: as pairs tell it, in the lowest band alone, none, the true."""
    points, true = data.part(TRAIN), truth[data.split.rows(TRAIN)]
    predicted = Predictor(model, data.iri, data.processor).residual(points).numpy()
    departures = predicted + observed_error(model, data, points)
    by_pairs = observation_error(points.coords.numpy(), departures, points.profile.numpy())
    above_best = np.sqrt(np.clip(by_pairs.sigma_dex**2 - by_pairs.sigma_dex[-1] ** 2, 0.0, None))
    lat, _, alt_km, _ = points.coords.numpy().T
    error = points.background[:, 0].numpy() + departures - true
    zones, bands = (np.abs(lat) < TROPICS_DEG, np.abs(lat) >= TROPICS_DEG), itertools.pairwise(BANDS_KM)
    exact = [[error[zone & (alt_km >= low) & (alt_km < high)].std() for zone in zones] for low, high in bands]
    found = {"lowest": by_pairs.excess_dex, "told": above_best, "none": 0 * above_best, "true": np.array(exact)}
    return {name: torch.from_numpy(np.asarray(value)) for name, value in found.items()}


def shared_errors(found: dict, observed) -> list[dict]:
    """RMS [dex] of three errors by cell (density, observed less predicted, observation), and a correlation.

    That of what an observation has above the truth with what the prediction has: a model that has learned an error of
    observations has a positive one.
    """
    density, rows = found["error"], []
    own = observed - density
    for cell, at in found["inside"].items():
        mean = lambda values, at=at: float(np.average(values, weights=weights_in(found, at)))  # noqa: E731
        rms = [mean(error**2) ** 0.5 for error in (density, observed, own)]
        correlation = -mean(density * own) / (rms[0] * rms[2])
        names = ("density", "observed less predicted", "observation")
        row = {name: round(value, 4) for name, value in zip(names, rms, strict=True)}
        rows.append({"cell": cell, **row, "correlation": round(correlation, 2)})
    return rows


def band_factors(model, data) -> list[float]:
    """By what σ is to be multiplied in each band of altitude, for 90 % of development errors there to lie within."""
    points = data.points.select(torch.as_tensor(days_of_development(data)))
    error, sigma = np.abs(observed_error(model, data, points)), error_sigma(model, data, points).numpy()
    weight, alt_km = profile_weights(points.profile.numpy()), points.coords[:, 2].numpy()
    found = []
    for low, high in itertools.pairwise(BANDS_KM):
        at = (alt_km >= low) & (alt_km < high)
        ratio = error[at] / (ndtri((1 + SHARE) / 2) * sigma[at])
        order = np.argsort(ratio)
        reached = np.cumsum(weight[at][order]) / weight[at].sum()
        found.append(float(ratio[order][np.searchsorted(reached, SHARE)]))
    return found


def second_month(folder: Path) -> list[dict]:
    """`judged` of each model that `studies.uncertainty` kept."""
    rows = []
    for seed in SEEDS:
        data, kept = load(folder, {**CHANGES, "seed": seed}), folder / "models" / f"σ {seed}"
        model = load_model(kept).model if kept.exists() else trained(data, {}, kept)
        recalibrate(model, data)
        rows.append({"seed": seed, **judged(locked(model, data, truth_of(folder, data)))})
    return rows


def main():
    """Judge both, and write `results/sigma_limits.json`."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("first", type=Path)
    parser.add_argument("second", type=Path)
    arguments = parser.parse_args()
    keep_freed_memory()
    found = {"first month": first_month(arguments.first), "second month": second_month(arguments.second)}
    RESULTS.write_text(json.dumps(found, indent=1, ensure_ascii=False) + "\n")
    print(json.dumps(found, ensure_ascii=False))


if __name__ == "__main__":
    main()
