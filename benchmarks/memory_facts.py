"""What the chapter on memory has found, by the names under which `studies/claims.toml` looks for it."""

import pandas as pd
import torch

from benchmarks import stored
from benchmarks.memory import checkpoint_whole, find, literal_ledger
from benchmarks.memory_tables import counted
from rstmrf import memory
from rstmrf.config import RunConfig
from rstmrf.costs import planning

FULL = "document, N = 100"
AT_ONCE, GROUPS, FIRST = "library, N = 100, all at once", "library, N = 100, groups of 4", "directions first, N = 100"
#: the point networks of both models, whose derivatives are nested in one and carried as jets in the other
NETWORKS = "spatial|temporal|iri_proxy|decoder|residual_field"


def named_tensors(literal: pd.DataFrame, windows: int = 100) -> dict:
    """The tensors that the document names: the ledger's row, and the bytes that the document states for 100 windows."""
    return {
        "coords": (find(literal, held_by="coords"), 32e3),
        "sw_seq": (find(literal, held_by="sw_seq"), 192e3),
        "unique_tec_map_seq": (find(literal, held_by="unique_tec_map_seq"), 10e6),
        "F_tec_unique": (find(literal, shape=(windows, 16, 46, 91), module="convlstm"), 27e6),
        "tec_grad_direction": (find(literal, shape=(2048, 2, 46, 91)), 69e6),
        "h_spatial": (find(literal, shape=(2048, 64), module="spatial.4"), 512e3),
        "h_temporal": (find(literal, shape=(2048, 64), module="temporal.4"), 512e3),
    }


def remedies() -> dict[str, float]:
    """Peak [MB] of the literal step with one of the document's remedies, at B = 2048 and N = 100 where none is said."""
    small, thin = {"basis": 48, "hidden": 96}, {"hours": 4, "factor": 6}
    changes = {
        "batch 1024": {"points": 1024},
        "batch 512": {"points": 512},
        "seq_len 4": {"hours": 4},
        "factor 6": {"factor": 6},
        "small model": small,
        "small TEC": thin,
        "all of them": {"points": 1024, **thin, **small},
        "cpu-8gb": {"points": 512, **thin, **small, "layers": 2, "channels": 12},
    }
    whole = {"points": 2048, "windows": 100}
    return {name: memory.peak_mb(literal_ledger(**(whole | change))) for name, change in changes.items()}


def convlstm_kept(ledger: pd.DataFrame) -> float:
    """What the ConvLSTM keeps for the backward pass [MB]."""
    return memory.saved_mb(ledger[ledger["module"].str.startswith("convlstm")])


def kept_by_networks(ledger: pd.DataFrame) -> float:
    """What the point networks keep for the backward pass [MB]."""
    return memory.saved_mb(ledger[ledger["module"].str.match(NETWORKS)])


def adam_mb(ledger: pd.DataFrame) -> float:
    """The states of the optimizer [MB]."""
    return ledger.loc[ledger["role"] == "optimizer state", "bytes"].sum() / 1e6


def hidden_maps(ledger: pd.DataFrame) -> pd.DataFrame:
    """Rows of what the ConvLSTM keeps that are as large as its hidden map."""
    kept = ledger[(ledger["role"] == "saved for backward") & (ledger["module"] == "convlstm")]
    return kept[kept["shape"] == (100, 16, 46, 91)]


def of_parameters(found: pd.Series) -> dict:
    """Numbers and bytes [KB] of the parameters by module."""
    facts = {f"parameters {name}": int(count) for name, count in found.items()}
    return facts | {f"KB of {name}": 4 * count / 1e3 for name, count in found.items()}


def of_tensors(rows: dict) -> dict:
    """Sizes of the named tensors, alone and together, and the sizes of maps."""
    mb = {name: row["bytes"] / 1e6 for name, (row, _) in rows.items()}
    facts = {f"{name} (MB)": size for name, size in mb.items()}
    facts |= {f"{name} (KB)": 1e3 * mb[name] for name in ("coords", "sw_seq", "h_spatial", "h_temporal")}
    facts |= {"named tensors (MB)": sum(mb.values()), "hidden states (MB)": 6 * mb["F_tec_unique"]}
    facts |= {"TEC data (MB)": mb["unique_tec_map_seq"] + mb["F_tec_unique"]}
    facts |= {"thinned by 4 (times)": 181 * 361 / (46 * 91)}
    return facts | {"rows at factor 6": 180 // 6 + 1, "columns at factor 6": 360 // 6 + 1}


def of_peaks(peaks: pd.Series, remedied: dict, presets: dict) -> dict:
    """Peaks [MB] of each ledger, remedy and preset, and the share that a remedy saves."""
    facts = {f"peak of {name} (MB)": round(mb, 1) for name, mb in peaks.items()}
    facts |= {f"saving of {name}": round(1 - mb / peaks[FULL], 3) for name, mb in remedied.items()}
    facts |= {f"peak with {name} (MB)": round(mb, 1) for name, mb in remedied.items()}
    return facts | {f"peak of preset {name} (MB)": round(mb, 1) for name, mb in presets.items()}


def of_backward(literal: pd.DataFrame, library: pd.DataFrame, named_mb: float, parameters: int) -> dict:
    """What is kept for the backward pass, gradients and the states of Adam, each beside what it was inferred from."""
    own = (literal["role"] == "gradient") & literal["held_by"].str.endswith(".grad")
    gradients, adam = literal.loc[own, "bytes"].sum() / 1e6, adam_mb(literal)
    kept, weights = memory.saved_mb(literal), 4 * parameters / 1e6
    facts = {"kept for backward (MB)": kept, "Adam (MB)": adam, "gradients (MB)": gradients}
    facts |= {"nested (MB)": kept_by_networks(literal), "jets (MB)": kept_by_networks(library)}
    facts |= {"kept hidden maps (MB)": hidden_maps(literal)["bytes"].sum() / 1e6}
    facts = {name: round(float(value), 3) for name, value in facts.items()}
    facts |= {"kept over named": kept / named_mb, "backward (MB)": kept + gradients}
    return facts | {"gradients over parameters": gradients / weights, "Adam over parameters": adam / weights}


def of_ways(peaks: pd.Series, joint: RunConfig, first: RunConfig) -> dict:
    """Shares saved by mixed precision, groups and recomputation, and what a wider ConvLSTM takes."""
    at_once = joint.changed(window_group_size="all")

    def share(config, of, **changes):
        return planning.predict_tensors(config.changed(**changes), 100) / peaks[of]

    facts = {
        "saving of mixed precision": 1 - share(at_once, AT_ONCE, use_amp=True),
        "saving of whole checkpointing": 1 - memory.peak_mb(literal_ledger(2048, 100, checkpoint_whole)) / peaks[FULL],
        "wider ConvLSTM (times)": share(at_once, AT_ONCE, convlstm_layers=2, tec_feat_dim=32),
        "saving of groups of 4": 1 - share(joint, AT_ONCE, window_group_size=4),
    }
    facts = {name: round(float(value), 3) for name, value in facts.items()}
    with torch.autocast("cpu", torch.bfloat16):
        narrow = (torch.ones(2, 2) @ torch.ones(2, 2)).dtype == torch.bfloat16
    facts |= {
        "saving of mixed precision, default": 1 - share(first, FIRST, use_amp=True),
        "saving of mixed precision, groups": 1 - share(joint, GROUPS, use_amp=True),
        "no 16 bits on this processor": float(not narrow),
        "time of whole checkpointing": stored("checkpointing")["more"],
    }
    return facts


def of_smaller(literal: pd.DataFrame, parameters: int) -> dict:
    """Named tensors and parameters where fewer hours, coarser maps or a smaller model are asked."""
    four_hours, factor_six = literal_ledger(2048, 100, hours=4), literal_ledger(2048, 100, factor=6)
    small = literal_ledger(2048, 4, basis=48, hidden=96)
    f_tec, f_tec_six = (
        find(ledger, shape=(100, 16, *shape), module="convlstm")["bytes"] / 1e6
        for ledger, shape in ((literal, (46, 91)), (factor_six, (31, 61)))
    )
    facts = {"F_tec, factor 6 (MB)": f_tec_six, "saving of F_tec, factor 6": 1 - f_tec_six / f_tec}
    maps = find(four_hours, held_by="unique_tec_map_seq")["bytes"] / 1e6
    facts |= {"unique_tec_map_seq, seq_len 4 (MB)": maps}
    facts |= {"saving of hidden states, seq_len 4": 1 - convlstm_kept(four_hours) / convlstm_kept(literal)}
    count = counted(small)["total"]
    facts |= {"parameters, small model": count, "saving of parameters, small model": 1 - count / parameters}
    features = find(small, shape=(2048, 48), module="spatial.4")["bytes"] / 1e3
    return facts | {"h_spatial, small model (KB)": features}
