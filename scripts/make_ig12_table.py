"""Write rstmrf/background/tables/ig12_rz12.csv from IRI's table: python scripts/make_ig12_table.py ig_rz.dat."""

import re
import sys
from pathlib import Path

from rstmrf.errors import InputError

TABLE = Path(__file__).resolve().parents[1] / "rstmrf" / "background" / "tables" / "ig12_rz12.csv"
PROVENANCE = """\
# Monthly IG12 and Rz12 of IRI: file ig_rz.dat, as distributed in iri20py 0.0.5 (Apache-2.0)
# update date on its first line: {update}; values for later months, and for the half year before, rest on predictions
# written by scripts/make_ig12_table.py; a value stands for mid-month
"""


def parse_ig_rz(text):
    """Update date as written, and rows (year, month, ig12, rz12) of IRI's ig_rz.dat.

    Three numbers of the update date; first month, year, last month, year; then IG12 from the month before the first to
    the month after the last; then Rz12 alike. InputError: another count, or a value that IRI would replace at run time.
    """
    cells = [cell for cell in re.split(r"[,\s]+", text) if cell]
    update, (month0, year0, month1, year1) = cells[:3], map(int, cells[3:7])
    values = [float(cell) for cell in cells[7:]]
    count = 12 * (year1 - year0) + month1 - month0 + 3
    if len(values) != 2 * count:
        raise InputError(
            f"ig_rz.dat: {len(values)} values found, accepted are 2 x {count} for {month0}/{year0}-{month1}/{year1}"
        )
    ig12, rz12 = values[:count], values[count:]
    if min(ig12) <= -90 or min(rz12) < 0:
        raise InputError(
            "ig_rz.dat: IG12 below -90 or Rz12 below 0 found (marks of missing values), accepted are true values"
        )
    months = [divmod(12 * year0 + month0 - 2 + n, 12) for n in range(count)]
    return ",".join(update), [
        (year, month + 1, *pair) for (year, month), pair in zip(months, zip(ig12, rz12, strict=True), strict=True)
    ]


def main(path):
    """Parse `path` and write the table."""
    update, rows = parse_ig_rz(Path(path).read_text(encoding="ascii"))
    lines = [f"{year},{month},{ig:.1f},{rz:.1f}" for year, month, ig, rz in rows]
    TABLE.parent.mkdir(exist_ok=True)
    TABLE.write_text(
        PROVENANCE.format(update=update) + "\n".join(["year,month,ig12,rz12", *lines]) + "\n", encoding="utf-8"
    )


if __name__ == "__main__":
    main(sys.argv[1])
