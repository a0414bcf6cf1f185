"""Reading what executed notebooks have glued, and saying whether a claim holds."""

import ast
import json
import re
from pathlib import Path

NOTEBOOKS = Path(__file__).resolve().parents[1] / "notebooks"
HOLDS, IN_PART, NOT = "holds", "holds in part", "does not hold"


def glued(*names: str) -> dict:
    """Values that executed notebooks have glued, by name."""
    found = {}
    for name in names:
        for cell in json.loads((NOTEBOOKS / f"{name}.ipynb").read_text())["cells"]:
            for output in cell.get("outputs", []):
                key = output.get("metadata", {}).get("scrapbook", {}).get("name")
                if key:
                    texts = [text for mime, text in output["data"].items() if mime.endswith("text/plain")]
                    found[key] = ast.literal_eval(re.sub(r"np\.\w+\((.*)\)", r"\1", "".join(texts[0])))
    return found


def verdict(document: float, ours: float) -> str:
    """A figure holds within a tenth, in part within a factor of one and a half."""
    if document == ours:
        return HOLDS
    if not document or not ours or (document < 0) != (ours < 0):
        return NOT
    ratio = max(document / ours, ours / document)
    return HOLDS if ratio <= 1.1 else IN_PART if ratio <= 1.5 else NOT
