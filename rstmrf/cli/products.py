"""Commands for what a trained run gives: density on grids and along tracks, and a look at it."""

import re
from pathlib import Path
from typing import Annotated

import typer

from rstmrf.cli.output import print_json
from rstmrf.cli.runs import Drivers, Json, RunDir, Tec
from rstmrf.errors import InputError
from rstmrf.files import whole_file, writing


def predict(
    run_dir: RunDir,
    out: Annotated[Path, typer.Option("--out", "-o", metavar="FILE", help="ne.nc, or ne.zarr for a large grid.")],
    grid: Annotated[
        str | None, typer.Option(metavar="LATxLONxALT", help="Steps of a grid in degrees, degrees and km, as 2x2x20.")
    ] = None,
    time: Annotated[
        list[str] | None,
        typer.Option(metavar="TIME", help="UT of the grid, as 2019-04-26T12, or FROM/TO/HOURS; may be repeated."),
    ] = None,
    alt: Annotated[str, typer.Option(metavar="LOW:HIGH", help="Altitudes of the grid in km.")] = "100:600",
    lat: Annotated[str, typer.Option(metavar="LOW:HIGH", help="Latitudes of the grid.")] = "-90:90",
    lon: Annotated[
        str, typer.Option(metavar="LOW:HIGH", help="Longitudes of the grid; 0:360 is accepted, too.")
    ] = "-180:180",
    track: Annotated[
        Path | None, typer.Option(metavar="FILE", help="CSV or netCDF of time, lat, lon, alt_km: density along it.")
    ] = None,
    tec: Tec = None,
    drivers: Drivers = None,
    json: Json = False,
):
    """Density of a trained run on a grid or along a track, with IRI beside it, as netCDF or Zarr."""
    if (grid is None) == (track is None):
        raise InputError("give either --grid with --time, or --track")
    if track is None and not time:
        raise InputError("--grid needs --time, such as --time 2019-04-26T12")
    if out.suffix not in (".nc", ".zarr") or (track and out.suffix != ".nc"):
        raise InputError(f"--out {out}: a name that ends in .nc is needed, for a grid .zarr is accepted, too")
    if out.suffix == ".nc" and not out.parent.is_dir():
        raise InputError(f"--out {out}: there is no folder {out.parent}; make it first")
    from rstmrf.readers.tracks import read_track

    places = read_track(track) if track else grid_axes(grid, time, lat, lon, alt)
    from rstmrf.predict.load import load_at

    moments = places["time"].values if track else places["time"]
    predictor = load_at(run_dir, moments, tec, drivers)
    if track:
        _write(predictor.at(places), out)
    elif out.suffix == ".zarr":
        predictor.write_grid(out, **places)
    else:
        _write(predictor.grid(**places), out)
    sizes = {"points": places.sizes["point"]} if track else {name: len(axis) for name, axis in places.items()}
    if json:
        print_json({"file": str(out), **sizes})
    else:
        typer.echo(f"{out}: {', '.join(f'{size} {name}' for name, size in sizes.items())}")


def grid_axes(grid: str, times: list[str], lat: str, lon: str, alt: str) -> dict:
    """Axes `time`, `lat`, `lon` and `alt_km` of a grid from what was given on the command line.

    Raises:
        InputError: steps, ranges or times that cannot be read.
    """
    import numpy as np

    steps = re.fullmatch(r"([\d.]+)x([\d.]+)x([\d.]+)", grid)
    if not steps or not all(0 < _number(step, "--grid") for step in steps.groups()):
        raise InputError(f"--grid {grid}: three steps above 0 are needed, as 2x2x20: degrees, degrees, km")
    axes = {"time": np.concatenate([_moments(text) for text in times])}
    for name, given, step in zip(("lat", "lon", "alt_km"), (lat, lon, alt), steps.groups(), strict=True):
        low, high = _range(given, name)
        axes[name] = np.arange(low, high + 1e-9, float(step))
    if axes["lon"][-1] - axes["lon"][0] >= 360.0:
        axes["lon"] = axes["lon"][:-1]  # the seam once
    if axes["lat"][0] < -90.0 or axes["lat"][-1] > 90.0:
        raise InputError(f"--lat {lat}: accepted is within -90:90")
    return axes


def _range(text, name):
    low, colon, high = text.partition(":")
    if not colon:
        raise InputError(f"--{name.removesuffix('_km')} {text}: LOW:HIGH is needed")
    low, high = _number(low, name), _number(high, name)
    if not low <= high:
        raise InputError(f"--{name.removesuffix('_km')} {text}: the first number must not be above the second")
    return low, high


def _number(text, name):
    try:
        return float(text)
    except ValueError:
        raise InputError(f"{name}: {text!r} is no number") from None


def _moments(text):
    import numpy as np

    parts = text.split("/")
    if len(parts) not in (1, 3):
        raise InputError(f"--time {text}: a time as 2019-04-26T12, or FROM/TO/HOURS, is needed")
    try:
        first, last = (np.datetime64(part, "ns") for part in (parts[0], parts[1 if len(parts) == 3 else 0]))
    except ValueError:
        raise InputError(f"--time {text}: a time (UT) such as 2019-04-26T12 is needed") from None
    hours = _number(parts[2], "--time") if len(parts) == 3 else 1.0
    if np.isnat(first) or np.isnat(last) or last < first or hours <= 0:
        raise InputError(f"--time {text}: times that ascend and hours above 0 are needed")
    return np.arange(first, last + np.timedelta64(1, "s"), np.timedelta64(round(hours * 3600), "s"))


def _write(ds, out):
    with writing(f"--out {out}"), whole_file(out) as place:
        ds.to_netcdf(place, engine="h5netcdf")


def show(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="What `rstmrf predict` wrote.")],
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            "-o",
            metavar="PAGE",
            help="A page, .html, or a picture, .png, .pdf or .svg; by default a page, of a track a picture.",
        ),
    ] = None,
    time: Annotated[str | None, typer.Option(metavar="TIME", help="UT of what is shown; the first by default.")] = None,
    alt: Annotated[float, typer.Option(help="Altitude in km at first; the nearest there is.")] = 350.0,
):
    """A grid as a globe to turn and slice, on a page that needs no network; or a grid or track as a picture."""
    from rstmrf.figures.products import open_product

    ds = open_product(file)
    out = out or file.with_suffix(".html" if "alt_km" in ds.dims else ".png")
    if not out.parent.is_dir():
        raise InputError(f"--out {out}: there is no folder {out.parent}; make it first")
    if out.suffix == ".html":
        from rstmrf.figures.interactive import write_page

        with writing(f"--out {out}"):
            write_page(ds, out, time=time, alt_km=alt)
    else:
        _picture(ds, out, time, alt)
    typer.echo(str(out))


def _picture(ds, out, time, alt):
    from rstmrf.figures.products import product_figure

    figure = product_figure(ds, time=time, alt_km=alt)
    try:
        figure.savefig(out, dpi=150)
    except (OSError, ValueError) as error:
        raise InputError(f"--out {out}: the picture cannot be written ({error})") from None
