"""The command `rstmrf`. Every command imports what it needs when it is called: `rstmrf --help` loads no torch."""

import sys
import warnings

import typer
from typer.core import TyperGroup

from rstmrf.cli import inputs, products, runs
from rstmrf.errors import InputError


class _Sentences(TyperGroup):
    """What cannot be used ends the command with one sentence and exit code 2; warnings are sentences, too."""

    def invoke(self, ctx):
        with warnings.catch_warnings():
            warnings.showwarning = _show_warning
            try:
                return super().invoke(ctx)
            except InputError as error:
                typer.echo(f"rstmrf: {error}", err=True)
                raise typer.Exit(2) from None


def _show_warning(message, category, *_):
    if issubclass(category, UserWarning):
        typer.echo(f"rstmrf: note: {message}", err=True)


app = typer.Typer(
    cls=_Sentences,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Electron density of the ionosphere: IRI and a learned residual, guided by the direction of TEC gradients.",
    epilog="Exit codes: 0 done; 2 something given cannot be used, one sentence on the error channel says what.",
)
app.command("train")(runs.train)
app.command("predict")(products.predict)
app.command("evaluate")(runs.evaluate)
app.command("memory")(runs.memory)
app.add_typer(inputs.fetch, name="fetch")
app.command("check")(inputs.check)
app.command("info")(runs.info)
app.command("show")(products.show)


@app.callback(invoke_without_command=True)
def _version(
    ctx: typer.Context,
    version: bool = typer.Option(False, "--version", help="Print the version.", is_eager=True),
):
    if version:
        from importlib.metadata import version as of

        typer.echo(of("rstmrf"))
        raise typer.Exit


def main() -> None:
    """Entry point of the console script."""
    sys.exit(app(prog_name="rstmrf"))
