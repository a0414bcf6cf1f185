"""The design document's claims with a number in them, each beside what executed notebooks have counted or measured."""

import ast
import json
import re
import tomllib
from pathlib import Path

import pandas as pd

NOTEBOOKS = Path(__file__).resolve().parents[1] / "notebooks"
CLAIMS = Path(__file__).with_name("claims.toml")
HOLDS, IN_PART, NOT, NOT_TOLD = "holds", "holds in part", "does not hold", "not told apart"
WITHIN, IN_PART_WITHIN = 1.1, 1.5


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


def sections() -> list[dict]:
    """The claims by section, as `claims.toml` has them."""
    return tomllib.loads(CLAIMS.read_text())["section"]


def verdict(document: float | list[float], ours: float) -> str:
    """A figure holds within a tenth, in part within a factor of one and a half; of a range, its nearer end decides.

    A figure that lies within the range holds.
    """
    low, high = document if isinstance(document, list) else (document, document)
    if low <= ours <= high:
        return HOLDS
    nearest = low if ours < low else high
    if not nearest or not ours or (nearest < 0) != (ours < 0):
        return NOT
    ratio = max(nearest / ours, ours / nearest)
    return HOLDS if ratio <= WITHIN else IN_PART if ratio <= IN_PART_WITHIN else NOT


def claims_table(section: dict, figures: dict) -> pd.DataFrame:
    """A row for each claim of a section: the document's figure, ours and the verdict.

    Where configurations cannot be told apart by the seeds that were run, there is no verdict.
    """
    rows = []
    for claim in section["claims"]:
        ours, said = figures[claim["figure"]], claim["document"]
        told = figures[claim["apart"]] if "apart" in claim else True
        shown = f"{said[0]:,g}–{said[1]:,g}" if isinstance(said, list) else f"{said:,g}"
        rows.append((claim["row"], claim["claim"], shown, f"{ours:,.4g}", verdict(said, ours) if told else NOT_TOLD))
    return pd.DataFrame(rows, columns=["row", "claim", "document", "ours", "verdict"])
