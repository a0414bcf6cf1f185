"""Sums over a ledger: its peak, by module and by role."""

import pandas as pd

from rstmrf.memory.process import MB
from rstmrf.memory.watch import RECOMPUTED, ROLES, SAVED


def peak_moment(table: pd.DataFrame) -> int:
    """Operation number at which most bytes of a ledger are there."""
    changes = pd.concat([table.groupby("born")["bytes"].sum(), -table.groupby("freed")["bytes"].sum()])
    return int(changes.groupby(level=0).sum().sort_index().cumsum().idxmax())


def at_peak(table: pd.DataFrame) -> pd.DataFrame:
    """The rows of a ledger that are there when most bytes are, largest first."""
    moment = peak_moment(table)
    return table[(table["born"] <= moment) & (table["freed"] > moment)].sort_values("bytes", ascending=False)


def peak_mb(table: pd.DataFrame) -> float:
    """Most memory [MB] that the tensors of a ledger take at one time."""
    return float(at_peak(table)["bytes"].sum() / MB)


def saved_mb(table: pd.DataFrame) -> float:
    """Memory [MB] that the forward pass keeps for the backward pass; what is computed again there does not count."""
    return float(table.loc[(table["role"] == SAVED) & (table["held_by"] != RECOMPUTED), "bytes"].sum() / MB)


def by_module_and_role(table: pd.DataFrame, depth: int = 1) -> pd.DataFrame:
    """Sum of bytes [MB]: a row for each module down to `depth` dots, a column for each role, and totals."""
    module = table["module"].str.split(".").str[:depth].str.join(".")
    sums = table.assign(module=module).pivot_table(index="module", columns="role", values="bytes", aggfunc="sum")
    sums = sums.reindex(columns=[role for role in ROLES if role in sums]).fillna(0.0) / MB
    sums["total"] = sums.sum(axis=1)
    sums = sums.sort_values("total", ascending=False)
    sums.loc["total"] = sums.sum()
    return sums
