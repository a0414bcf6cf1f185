"""Experiments whose stored results the book shows. Importable in a checkout only: the wheel does not hold it."""

import json
from pathlib import Path

RESULTS = Path(__file__).parent / "results"


def stored(name: str) -> list | dict:
    """What a study has written to `results/{name}.json`."""
    return json.loads((RESULTS / f"{name}.json").read_text())
