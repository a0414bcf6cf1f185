"""What is timed against the design document, and the document itself in code. Importable in a checkout only."""

import json
from pathlib import Path

RESULTS = Path(__file__).parent / "results"


def stored(name: str) -> list | dict:
    """What a benchmark has written to `results/{name}.json`."""
    return json.loads((RESULTS / f"{name}.json").read_text())
