"""Commands for inputs: fetch them from archives, check what lies in folders."""

from pathlib import Path
from typing import Annotated

import typer

from rstmrf.cli.output import print_json
from rstmrf.cli.runs import Json, Start
from rstmrf.cli.settings import settled, takes_settings

fetch = typer.Typer(
    no_args_is_help=True,
    help="Fetch inputs from public archives; what is there already is not fetched again.",
    epilog="--table or RSTMRF_ARCHIVES changes the table of addresses, which were not tried where it was written.",
)

From = Annotated[str, typer.Option("--from", metavar="DATE", help="First day, as 2024-09-01.")]
To = Annotated[str, typer.Option("--to", metavar="DATE", help="Last day.")]
Folder = Annotated[Path, typer.Option("--folder", "-o", metavar="FOLDER", help="Where the files go.")]
Table = Annotated[
    Path | None, typer.Option("--table", metavar="TOML", help="Addresses that go before the packaged ones.")
]
Parallel = Annotated[int, typer.Option(help="Files at the same time, at most 4.")]
Offline = Annotated[bool, typer.Option("--offline", help="Use only what is there.")]


@fetch.command()
def tec(
    start: From,
    end: To,
    centre: Annotated[str, typer.Option(help="code, upc, igs, or another of the table.")] = "code",
    folder: Folder = Path("ionex"),
    table: Table = None,
    parallel: Parallel = 2,
    offline: Offline = False,
    json: Json = False,
):
    """TEC maps (IONEX) of a centre, a file a day."""
    from rstmrf.archives import fetch_tec

    _report(fetch_tec(centre, start, end, folder, table=table, manner=_manner(parallel, offline)), json)


@fetch.command()
def indices(
    source: Annotated[str, typer.Option(help="gfz or celestrak.")] = "gfz",
    folder: Folder = Path("indices"),
    table: Table = None,
    offline: Offline = False,
    json: Json = False,
):
    """The table of Kp and F10.7 since their beginning; fetched again when it is a day old."""
    from rstmrf.archives import fetch_indices

    _report(fetch_indices(folder, source, table=table, manner=_manner(1, offline)), json)


@fetch.command()
def cosmic2(
    start: From,
    end: To,
    folder: Folder = Path("profiles"),
    yes: Annotated[bool, typer.Option("--yes", help="Accept the provider's terms without being asked.")] = False,
    table: Table = None,
    parallel: Parallel = 1,
    offline: Offline = False,
    json: Json = False,
):
    """COSMIC-2 profiles (ionPrf), a packed file a day, which is read without unpacking."""
    from rstmrf.archives import fetch_cosmic2

    def accept(terms):
        typer.echo(terms.strip(), err=True)
        return yes or typer.confirm("Accept?", err=True)

    found = fetch_cosmic2(start, end, folder, accept=accept, table=table, manner=_manner(parallel, offline))
    _report(found, json)


@fetch.command()
def fy3d(table: Table = None):
    """What to order of Fengyun-3D, and where the files go: these cannot be fetched by a command."""
    from rstmrf.archives.table import read_table

    typer.echo(read_table(table)["fy3d"]["about"].strip())


def _manner(parallel, offline):
    from rstmrf.archives.fetch import Manner

    return Manner(parallel=parallel, offline=offline)


def _report(found, json):
    if json:
        print_json({"files": [str(file) for file in found.files], "new": found.n_new})
        return
    typer.echo(f"{len(found.files)} files, {found.n_new} of them new, in {found.files[0].parent}")


@takes_settings(listed=False)
def check(
    given,
    paths: Annotated[
        list[str], typer.Argument(metavar="PATH...", help="Files, folders or quoted patterns, of any kind.")
    ],
    start: Start = None,
    json: Json = False,
):
    """Say what was found in files and folders, whether it fits together, and the command that trains on it.

    Where no setting is given, profiles of five days and more are meant for the preset month.
    """
    config, named = settled(given) if given else (None, {})
    start = start or named.get("start")
    from rstmrf.inventory import check

    found = check(*paths, config=config, start=start or "")
    if json:
        print_json(found.as_dict())
    else:
        typer.echo(str(found))
    if found.problems:
        raise typer.Exit(2)
