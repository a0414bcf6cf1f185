"""From a run's folder to a predictor, in a process that knows nothing else of the run."""

import json
from pathlib import Path

import numpy as np
import xarray as xr

from rstmrf.background import IriBackground
from rstmrf.background.drivers import ionosphere_drivers
from rstmrf.config import RunConfig
from rstmrf.data.saved_run import RunInputs, read_run_inputs
from rstmrf.data.windows import processor_of
from rstmrf.errors import InputError
from rstmrf.model.ensemble import ENSEMBLE, Models
from rstmrf.model.weights import LoadedModel, ModelDescription, load_model
from rstmrf.predict.predictor import Predictor
from rstmrf.readers.indices import read_indices
from rstmrf.readers.inputs import gaps_of, indices_of_days
from rstmrf.readers.tec import load_tec

DAY = np.timedelta64(24, "h")


def load(run_dir, tec=None, indices=None) -> Predictor:
    """The predictor of a run, or of an ensemble of runs, from its folder alone.

    Args:
        run_dir: folder of `rstmrf.train`, or of `Ensemble.train`.
        tec, indices: other hours than the run's own: Datasets as of `load_tec` and `read_indices`, or paths. Maps may
            be left out where the model does not see their values.

    Raises:
        InputError: no whole run; hours that the run's settings cannot answer, or for which something is missing.
    """
    run_dir = Path(run_dir)
    members, scale = members_of(run_dir)
    loaded = [load_model(member) for member in members]
    own = read_run_inputs(members[0])
    first = loaded[0]
    _refuse_different(run_dir, loaded)
    if tec is None and indices is None:
        if own is None:
            raise InputError(
                f"{run_dir}: no maps and indices are kept with this model; give tec= and indices= of the hours wanted"
            )
        start, inputs = first.description.start, own
    else:
        start, inputs = _other_hours(first, own, tec, indices)
    processor = processor_of(first.config, start, inputs.tec, inputs.indices, missing_hours="mask")
    model = first.model if len(members) == 1 and scale is None else Models([one.model for one in loaded], scale or 1.0)
    return Predictor(model, inputs.iri, processor, config=first.config, description=first.description)


def load_at(run_dir, time, tec_path=None, drivers_path=None, start=None) -> Predictor:
    """The predictor of a run at some times [datetime64, UTC]: by maps and indices of other files, or by its own.

    Args:
        tec_path, drivers_path: as of `load_inputs`; indices of the days of `time` need no maps.
        start: of hours in a `.npy` of maps.

    Raises:
        InputError: as `load`, and as the readers.
    """
    config = load_model(members_of(Path(run_dir))[0][0]).config
    tec = load_tec(tec_path, start=start, gaps=gaps_of(config)) if tec_path else None
    return load(run_dir, tec, indices_of_days(config, time, drivers_path) if drivers_path else None)


def members_of(run_dir: Path) -> tuple[list[Path], float | None]:
    """Folders of models, and the scale of an ensemble's σ."""
    path = run_dir / ENSEMBLE
    if not path.exists():
        return [run_dir], None
    try:
        content = json.loads(path.read_text())
        names, scale = [str(name) for name in content["members"]], float(content["sigma_scale"])
    except (OSError, KeyError, TypeError, ValueError) as error:
        raise InputError(f"{path}: the ensemble cannot be read ({error})") from None
    foreign = [name for name in names if Path(name).name != name or name in ("", "..")]
    if foreign or not names:
        raise InputError(f"{path}: members {names} are not folders within the ensemble's own")
    return [run_dir / name for name in names], scale


def _refuse_different(run_dir, loaded: list[LoadedModel]) -> None:
    kept = [(one.config.changed(seed=0), one.description.start, one.description.fingerprint) for one in loaded]
    if any(other != kept[0] for other in kept[1:]):
        raise InputError(f"{run_dir}: the models of this ensemble differ in more than their seed; train them together")


def _other_hours(first: LoadedModel, own: RunInputs | None, tec, indices) -> tuple[np.datetime64 | str, RunInputs]:
    config, said = first.config, first.description
    maps = load_tec(tec) if isinstance(tec, str | Path) else tec
    if maps is None and config.tec_input:
        if own is None:
            raise InputError("this model sees the value of TEC (tec_input); give tec= of the hours wanted")
        maps = own.tec
    table = _indices(config, own, maps, indices)
    time = maps["time"].values if maps is not None else table["time"].values
    hours = time[(time >= table["time"].values[0]) & (time <= table["time"].values[-1])]
    if not len(hours):
        raise InputError(f"tec and indices have no hour in common: {_span(time)} and {_span(table['time'].values)}")
    days = np.arange(hours[0].astype("M8[D]"), hours[-1].astype("M8[D]") + 1)
    if config.time_mode != "diurnal":
        _refuse_beyond(config, said, days)
    start = days[0] if config.time_mode == "diurnal" or said.start is None else said.start
    return start, RunInputs(maps, table, _background(config, own, table, days))


def _indices(config: RunConfig, own, maps, indices) -> xr.Dataset:
    if isinstance(indices, str | Path):
        if maps is None:
            raise InputError("indices is a path without tec=; read them with read_indices for the hours wanted")
        before = np.timedelta64(max(config.seq_len, config.driver_hours or 0) - 1, "h")
        return read_indices(indices, maps["time"].values[0] - before, maps["time"].values[-1])
    if indices is not None:
        return indices
    if own is None:
        raise InputError("tec is given without indices=, and none are kept with this model; give both")
    return own.indices


def _background(config: RunConfig, own, table, days) -> IriBackground:
    """IRI of the days: by the indices given, or by the run's own drivers where these hold no 81-day mean.

    A forecast's residual was learned from the background by trailing means, and is added to such a one.
    """
    if "f107_81d_sfu" in table:
        known_until = days[-1] + DAY if config.mode == "forecast" else None
        drivers = ionosphere_drivers(table, days, known_until=known_until)
        return IriBackground(days[0], drivers["ig12"], drivers["f107_81d_sfu"])
    first = np.datetime64(own.iri.start.isoformat(), "D")
    if days[0] < first or days[-1] >= first + own.iri.n_days:
        raise InputError(
            f"indices of {days[0]} to {days[-1]} are needed; those kept with the run hold the days "
            f"{first} to {first + own.iri.n_days - 1}"
        )
    return own.iri


def _refuse_beyond(config: RunConfig, said: ModelDescription, days) -> None:
    if said.start is None:
        raise InputError(f"time_mode={config.time_mode!r} counts from the first day, and {said.unknown}")
    own = said.days()
    if days[0] < own[0] or days[-1] > own[-1]:
        raise InputError(
            f"time_mode={config.time_mode!r} knows the days {own[0]} to {own[-1]} alone, not {days[0]} to {days[-1]}; "
            "train with time_mode='diurnal' for other days"
        )


def _span(time) -> str:
    return f"{str(time[0])[:13]} to {str(time[-1])[:13]}"
