"""Tables of the chapter on memory, their numbers written out: thousands separated, one unit a column."""

import pandas as pd

from rstmrf import memory
from rstmrf.costs import planning

#: parameters of each module as the design document has them; it counts four bytes for each
DOCUMENT = {"spatial": 50_000, "temporal": 50_000, "convlstm": 12_000, "lstm": 50_000, "decoder": 16_000}
#: modules of the library's own model, and those of the literal design that do the same
OWN_MODULES = {
    "residual_field.spatial": "spatial",
    "residual_field.temporal": "temporal",
    "residual_field.drivers.lstm": "lstm",
    "residual_field.drivers.mlp": "beta",
    "residual_field.decoder": "decoder",
    "direction_field.layers": "convlstm",
    "direction_field.head": "head",
}


def counted(ledger: pd.DataFrame) -> pd.Series:
    """Parameters of the literal design by module, and in all; its stand-in for IRI does not learn and is left out."""
    weights = ledger[(ledger["role"] == "parameter") & ~ledger["module"].str.startswith("iri_proxy")]
    found = weights.groupby(weights["module"].str.split(".").str[0])["bytes"].sum() // 4
    found.loc["total"] = found.sum()
    return found


def counted_library(ledger: pd.DataFrame) -> pd.Series:
    """Parameters of the library's own model by the modules of `OWN_MODULES`, and in all."""
    weights = ledger[ledger["role"] == "parameter"]
    found = {name: weights.loc[weights["module"].str.startswith(name), "bytes"].sum() // 4 for name in OWN_MODULES}
    assert sum(found.values()) == weights["bytes"].sum() // 4  # every parameter stands in one row
    return pd.Series(found | {"total": sum(found.values())})


def literal_parameters(found: pd.Series) -> pd.DataFrame:
    """Parameters and bytes [KB] of the literal design by module, beside those that the document states."""
    said = pd.Series(DOCUMENT | {"total": sum(DOCUMENT.values())}).reindex(found.index)
    table = pd.DataFrame({"parameters": found, "KB": 4 * found / 1e3})
    table["document: parameters"], table["document: KB"] = said, 4 * said / 1e3
    return _named(_sorted(table), "module")


def parameters_of_own_model(found: pd.Series) -> pd.DataFrame:
    """Parameters and bytes [KB] of the library's model by module, with the module of the literal design."""
    table = pd.DataFrame({"parameters": found, "KB": 4 * found / 1e3})
    shown = _sorted(table)
    shown["literal design"] = [OWN_MODULES.get(name, "") for name in shown.index]
    return _named(shown, "module")


def largest(ledger: pd.DataFrame, rows: int) -> pd.DataFrame:
    """The largest tensors at the peak of a ledger: their size [MB], shape and role, and who holds them."""
    found = memory.at_peak(ledger).head(rows)
    shown = pd.DataFrame({"MB": (found["bytes"] / memory.MB).map("{:.1f}".format)})
    shown["shape"] = found["shape"].map(lambda shape: " × ".join(map(str, shape)))
    shown["role"], shown["held by"] = found["role"], found["held_by"].replace("", "the step")
    return _named(shown.set_axis(found["module"]), "module")


def forward(rows: dict) -> pd.DataFrame:
    """Named tensors: their size [KB] as it was counted and as the document states it, and their shape."""
    shown = {
        name: (f"{row['bytes'] / 1e3:,.0f}", f"{said / 1e3:,.0f}", " × ".join(map(str, row["shape"])))
        for name, (row, said) in rows.items()
    }
    return _named(pd.DataFrame(shown, ["counted (KB)", "document (KB)", "shape"]).T, "tensor")


def at_peak(peak: pd.DataFrame, least_mb: float = 0.05) -> pd.DataFrame:
    """Memory at the peak [MB] by module: the total first, then each role; what is below `least_mb` is left empty."""
    roles = [role for role in peak if role != "total" and peak.loc["total", role] >= least_mb]
    shown = peak[["total", *roles]].map(lambda mb: f"{mb:,.1f}" if mb >= least_mb else "")
    return _named(shown[shown["total"] != ""], "module")


def measured(rows: list[dict], batch: int, most: int) -> pd.DataFrame:
    """Stored measurements [MB] of one batch size: of the tensors, foreseen, and of a process that keeps its heap."""
    found = pd.DataFrame(rows).query("batch == @batch").head(most).set_index("configuration")
    columns = {"measured_mb": "measured", "predicted_mb": "foreseen", "kept_heap_mb": "with its heap", "windows": "N"}
    return _whole(found[list(columns)].rename(columns=columns), "configuration")


def one_step(rows: list[dict], batch: int = 2048) -> pd.DataFrame:
    """The same steps counted three ways [MB]: tensors, a process that returns its blocks, one that keeps them."""
    names = {"literal": "literal", "default": "library, ConvLSTM in the step", "directions first, default": "default"}
    found = pd.DataFrame(rows).query("batch == @batch and configuration in @names")
    found = found[found["windows"].isin([4, 100])].set_index(["configuration", "windows"])
    columns = {"predicted_mb": "tensors", "measured_mb": "process", "kept_heap_mb": "with its heap"}
    order = [(name, windows) for windows in (100, 4) for name in names]
    shown = found.loc[order, list(columns)].rename(columns=columns)
    shown.insert(0, "N", [windows for _, windows in order])
    return _whole(shown.set_axis([names[name] for name, _ in order]), "step")


def kinds_of_step(cases: pd.DataFrame) -> pd.DataFrame:
    """Foreseen and measured memory [MB] of a process for other kinds of step, by case."""
    return _whole(cases.set_axis(["measured", "foreseen", "N"], axis=1), "case")


def fitted(table: pd.DataFrame) -> pd.DataFrame:
    """What `planning.fit` tried, by batch and group: whether it fits, and the memory of process and tensors [MB]."""
    shown = table.set_index(["batch_size", "window_group_size"])[["fits", "process_mb", "tensors_mb"]]
    shown.columns = ["fits", "process (MB)", "tensors (MB)"]
    shown["fits"] = shown["fits"].map({True: "yes", False: "no"})
    return _whole(shown)


def remedies(peaks_mb: dict, before_mb: float) -> pd.DataFrame:
    """Peaks of the literal step with one thing changed [MB], and what that saves [%]."""
    peaks = pd.Series(peaks_mb)
    return _whole(pd.DataFrame({"saved (%)": 100 - 100 * peaks / before_mb, "peak (MB)": peaks}), "changed")


def holding(predicted_mb, measured_mb) -> str:
    """How many predictions hold, in a sentence."""
    held = [planning.holds(*pair) for pair in zip(predicted_mb, measured_mb, strict=True)]
    return f"within {planning.ACCURACY:.0%} or {planning.ACCURACY_MB:.0f} MB: {sum(held)} of {len(held)}"


def _sorted(table):
    """Rows from the largest down, the total last; whole numbers with separators, nothing where nothing is stated."""
    order = table["parameters"].drop("total").sort_values(ascending=False).index
    return table.loc[[*order, "total"]].map(lambda x: "" if pd.isna(x) else f"{x:,.1f}".removesuffix(".0"))


def _whole(table, name=None):
    """Numbers without decimals, a dash where there is none."""
    shown = table.map(lambda x: x if isinstance(x, str) else "–" if pd.isna(x) else f"{x:,.0f}")
    return _named(shown, name) if name else shown


def _named(table, name):
    """The index's name above it, in the line of the columns' names."""
    return table.rename_axis(index=None, columns=name)
