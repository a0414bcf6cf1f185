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


def verdict(document: float | list[float], ours: float, *, in_part_within: float = IN_PART_WITHIN) -> str:
    """A figure holds within a tenth, in part within a factor of one and a half; of a range, its nearer end decides.

    A figure that lies within the range holds. `in_part_within` is another factor than one and a half.
    """
    low, high = document if isinstance(document, list) else (document, document)
    if low <= ours <= high:
        return HOLDS
    nearest = low if ours < low else high
    if not nearest or not ours or (nearest < 0) != (ours < 0):
        return NOT
    ratio = max(nearest / ours, ours / nearest)
    return HOLDS if ratio <= WITHIN else IN_PART if ratio <= in_part_within else NOT


def claims_table(section: dict, figures: dict) -> pd.DataFrame:
    """A row for each claim of a section: the document's figure, ours and the verdict.

    Where configurations cannot be told apart by the seeds that were run, there is no verdict.
    """
    rows = []
    for claim in section["claims"]:
        ours, said = figures[claim["figure"]], claim["document"]
        told = figures[claim["apart"]] if "apart" in claim else True
        shown = "–".join(map(written, said)) if isinstance(said, list) else written(said)
        rows.append((claim["row"], claim["claim"], shown, written(ours), verdict(said, ours) if told else NOT_TOLD))
    return pd.DataFrame(rows, columns=["row", "claim", "document", "ours", "verdict"])


def written(value: float) -> str:
    """A number with four digits that count, whole from a thousand on, with separators and without an exponent."""
    return f"{value:,.0f}" if abs(value) >= 1000 or value == round(value) else f"{value:.4g}"


def shown(table: pd.DataFrame) -> pd.DataFrame:
    """A section's claims as a page shows them: the verdict first, and the document's row last."""
    columns = table.set_index("claim")[["verdict", "ours", "document", "row"]]
    return columns.rename_axis(index=None, columns="claim")


def compared(found: dict) -> pd.DataFrame:
    """Every claim that has a verdict: its name, the document's figure or range, and ours, as numbers."""
    told = [claim for section in sections() for claim in section["claims"] if found.get(claim.get("apart"), True)]
    rows = [(claim["claim"], claim["document"], found[claim["figure"]]) for claim in told]
    return pd.DataFrame(rows, columns=["claim", "document", "ours"])


def counts(tables: dict[str, pd.DataFrame]) -> pd.DataFrame:
    """How many claims have each verdict, for what was counted or measured and for the table of trade-offs."""
    whole = pd.concat(tables.values())
    kind = whole["row"].eq("S36").map({False: "counted or measured", True: "the table of trade-offs"})
    found = whole.groupby(kind)["verdict"].value_counts().unstack(fill_value=0)
    return found[[HOLDS, IN_PART, NOT, NOT_TOLD]].rename_axis(index=None)
