"""What commands print: JSON for scripts, tables for people."""

import json
import os
import sys

import typer


def print_json(content) -> None:
    """One JSON document on standard output."""
    typer.echo(json.dumps(content, indent=2, default=str))


def on_terminal() -> bool:
    """Whether bars may be drawn."""
    return sys.stderr.isatty() and os.environ.get("TERM") != "dumb"
