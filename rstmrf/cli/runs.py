"""Commands that make and judge runs: train, evaluate, memory, info."""

from pathlib import Path
from typing import Annotated

import typer

from rstmrf.cli.output import on_terminal, print_json
from rstmrf.cli.settings import settled, takes_settings
from rstmrf.errors import InputError

Obs = Annotated[str | None, typer.Option("--obs", metavar="PATH", help="Observations: file, folder or quoted pattern.")]
Tec = Annotated[str | None, typer.Option("--tec", metavar="PATH", help="TEC maps: file, folder or quoted pattern.")]
Drivers = Annotated[
    str | None, typer.Option("--drivers", metavar="FILE", help="Table of Kp and F10.7: GFZ, CelesTrak or CSV.")
]
Start = Annotated[str | None, typer.Option("--start", metavar="DATE", help="From when hours in .npy files count.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON, for scripts.")]
RunDir = Annotated[Path, typer.Argument(metavar="RUN", help="Folder of a trained run.")]


@takes_settings(listed=True)
def train(
    given,
    obs: Obs = None,
    tec: Tec = None,
    drivers: Drivers = None,
    start: Start = None,
    out: Annotated[str | None, typer.Option("--out", "-o", metavar="RUN", help="Folder of the run; out/train.")] = None,
    resume: Annotated[bool | None, typer.Option("--resume", help="Go on from the run's last checkpoint.")] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace a finished run in that folder.")] = False,
    json: Json = False,
):
    """Train a field and score it on what was held out; without files, on the packaged sample by its preset."""
    if not {"obs_path", "tec_path", "preset"} & given.keys() and not (obs or tec):
        given["preset"] = "sample"
    config, paths = settled(given, obs=obs, tec=tec, drivers=drivers, start=start, out=out, resume=resume)
    from rstmrf.model.ensemble import ENSEMBLE
    from rstmrf.model.weights import WEIGHTS

    run_dir, resume = paths.pop("run_dir"), paths.pop("resume")
    if Path(run_dir).is_file():
        raise InputError(f"--out {run_dir} is a file; give a folder for the run")
    if not (resume or overwrite) and any((Path(run_dir) / name).exists() for name in (WEIGHTS, ENSEMBLE)):
        raise InputError(
            f"--out {run_dir} holds a finished run; give another folder, --overwrite to replace it, "
            "or --resume to go on with it"
        )
    from rstmrf.runs import run_training

    run = run_training(config, paths, run_dir, resume=resume, progress=on_terminal())
    scores = run.evaluation.overall
    if json:
        print_json({"run_dir": run_dir, "points": len(run.data.points), **run.evaluation.as_dict()})
        return
    typer.echo(f"{len(run.data.points)} points were used, {run.data.left_out} lack a whole window")
    for sentence in run.data.lacking:
        typer.echo(f"  {sentence}")
    typer.echo(f"held out, RMSE of log10 Ne: IRI {scores['IRI']:.3f}, R-STMRF {scores['R-STMRF']:.3f} dex")
    typer.echo(f"{100 * run.evaluation.skill:.1f} % below IRI; weights and scores are in {run_dir}")


def evaluate(
    run_dir: RunDir,
    part: Annotated[
        str | None,
        typer.Option(help="Score one part by all tables: development, 'held-out profiles', 'held-out times'."),
    ] = None,
    obs: Obs = None,
    tec: Tec = None,
    drivers: Drivers = None,
    start: Start = None,
    unseen: Annotated[
        bool,
        typer.Option("--unseen", help="Score on all profiles of --obs, which the run must not have been trained on."),
    ] = False,
    min_profiles: Annotated[
        int | None, typer.Option(min=1, help="Of --part and --unseen: cells with fewer are not scored; 100.")
    ] = None,
    json: Json = False,
):
    """Score a run on what it held out, or on profiles of other files.

    Its own inputs are read again, from where they were or, if they were moved, from the paths given: they must be the
    files it was trained on. With --unseen, --obs are other files; --tec and --drivers are those of their hours, where
    the run's own do not cover them. A run that does not see the value of TEC needs no maps for that.
    """
    limits = {} if min_profiles is None else {"min_profiles": min_profiles}
    if unseen:
        if part is not None or obs is None:
            raise InputError("--unseen needs the profiles, --obs, and has no --part: all of them are scored")
        _evaluate_unseen(run_dir, {"tec_path": tec, "drivers_path": drivers, "start": start}, obs, limits, json)
        return
    from rstmrf.evaluation.evaluate import evaluate, validate
    from rstmrf.runs import open_run, stated_error_sigma

    paths = {"obs_path": obs, "tec_path": tec, "drivers_path": drivers, "start": start}
    model, data, maps = open_run(run_dir, **paths)
    if part is None:
        found = evaluate(model, data)
    else:
        found = validate(model, data, part=part, tec=maps, sigma=stated_error_sigma(model, data, part), **limits)
    if json:
        print_json(found.as_dict())
        return
    for name, table in found.tables.items():
        typer.echo(f"{name}\n{table.round(3).to_string()}\n")


def _evaluate_unseen(run_dir, paths, obs, limits, json):
    from rstmrf.evaluation.unseen import score_unseen
    from rstmrf.metrics.tables import MIN_PROFILES
    from rstmrf.predict.load import load_at
    from rstmrf.readers.inputs import read_trained

    observations = read_trained(obs, start=paths["start"])
    run, time = load_at(run_dir, observations["time"].values, **paths), observations["time"].values
    _say_if_seen(run.description.period if run.description else None, time)
    table, unanswered = score_unseen(run, observations, **limits)
    if json:
        known = table.astype(object).where(table.notna(), None)
        print_json({"unit": "dex, log10 Ne", "unanswered": unanswered, "scores": known.to_dict("records")})
        return
    if unanswered:
        typer.echo(f"{unanswered} points lie in hours or at altitudes that the run cannot answer, and are left out")
    columns = ["stratum", "cell", "prediction", "profiles", "days", "rmse", "rmse_low", "rmse_high", "skill", "bias"]
    typer.echo(table[columns].round(3).to_string(index=False))
    if not table["estimable"].to_numpy().all():
        least = limits.get("min_profiles", MIN_PROFILES)
        typer.echo(
            f"NaN: cells of fewer than {least} profiles (--min-profiles), or of one day among several, are not scored"
        )


def _say_if_seen(period, time):
    """A note on standard error where profiles lie within the hours that a run was trained on."""
    import numpy as np

    if period and np.min(time) <= np.datetime64(period[1]) and np.max(time) >= np.datetime64(period[0]):
        typer.echo(
            f"note: the run was trained on {period[0]} to {period[1]} UT, and some of these profiles lie within: "
            "a score is that of unseen ones only where none of them was trained on",
            err=True,
        )


@takes_settings(listed=False)
def memory(
    given,
    budget_mb: Annotated[float | None, typer.Option(help="MB; find the largest batch whose step fits.")] = None,
    windows: Annotated[
        int | None, typer.Option(help="Unique windows in a batch; by default the most there can be.")
    ] = None,
    measure: Annotated[
        bool, typer.Option("--measure", help="Run three steps of each member, too, and measure.")
    ] = False,
    json: Json = False,
):
    """Foretell what a training step takes, without allocating it; every option of `train` that is a setting counts."""
    config, _ = settled(given)
    from rstmrf.costs import planning

    table = None
    if budget_mb is not None:
        config, table = planning.fit(budget_mb, config, windows)
    found = {
        "batch_size": config.batch_size,
        "window_group_size": config.window_group_size,
        "tensors_mb": round(planning.predict_tensors(config, windows), 1),
        "process_mb": round(planning.predict_peak(config, windows), 1),
    }
    if measure:
        found |= planning.measure_peak(config, windows, keep_freed=True)._asdict()
    if json:
        print_json(found)
        return
    for name, value in found.items():
        typer.echo(f"{name:20} {value}")
    if table is not None:
        typer.echo(f"\n{table.round(1).to_string(index=False)}")


def info(
    run_dir: Annotated[Path | None, typer.Argument(metavar="[RUN]", help="Folder of a trained run.")] = None,
    json: Json = False,
):
    """Tell what a run is: settings, first day, data, scores; without a run, what is installed here."""
    from rstmrf.model.ensemble import ENSEMBLE
    from rstmrf.predict.load import members_of
    from rstmrf.runs import METRICS, PATHS, read_json

    if run_dir is None:
        found = _installed()
    else:
        found = {"model": read_json(members_of(run_dir)[0][0] / "model.json")}
        if (run_dir / ENSEMBLE).exists():
            found["ensemble"] = read_json(run_dir / ENSEMBLE)
        for name in (METRICS, PATHS):
            if (run_dir / name).exists():
                found[name.removesuffix(".json")] = read_json(run_dir / name)
    if json:
        print_json(found)
        return
    for name, value in found.items():
        if isinstance(value, dict):
            typer.echo(f"{name}:")
            _print_tree(value, "  ")
        else:
            typer.echo(f"{name}: {value}")


def _print_tree(content: dict, indent: str) -> None:
    for name, value in content.items():
        if isinstance(value, dict):
            typer.echo(f"{indent}{name}:")
            _print_tree(value, indent + "  ")
        else:
            typer.echo(f"{indent}{name}: {value}")


def _installed() -> dict:
    import platform
    from importlib.metadata import version

    import torch

    from rstmrf.background.maps import cache_folder

    return {
        "rstmrf": version("rstmrf"),
        "python": platform.python_version(),
        "torch": torch.__version__,
        "device": "cuda" if torch.cuda.is_available() else "cpu",
        "threads": torch.get_num_threads(),
        "cache": str(cache_folder()),
    }
