"""What a run leaves on disk: predicted from the tensors of its model, or counted in its folder."""

from pathlib import Path

import pandas as pd
import torch
from safetensors.torch import save

from rstmrf.config import RunConfig
from rstmrf.costs.steps import learns_directions
from rstmrf.model.whole import RSTMRF
from rstmrf.training.checkpoints import packed, squeezed

#: bytes of an epoch's row in metrics.csv and of a row of memory every ten batches; of `config.json` and its like
_EPOCH_ROW, _MEMORY_ROW, _HEAD_ROW, _SMALL_FILES = 220, 20, 60, 6_000
SW_MEMBERS, FLOAT32 = 2, 4


def weight_sizes(model: torch.nn.Module) -> pd.DataFrame:
    """Bytes of a model's weights by way of keeping them.

    Returns:
        Index: float32 and float16, each plain, gzip and zstd, and float32 with the state of AdamW; column `bytes`.
    """
    state = {name: value.contiguous() for name, value in model.state_dict().items()}
    halved = {name: value.half() if value.is_floating_point() else value for name, value in state.items()}
    sizes = {}
    for kind, tensors in (("float32", state), ("float16", halved)):
        content = save(tensors)
        for compress in ("none", "gzip", "zstd"):
            sizes[kind if compress == "none" else f"{kind}, {compress}"] = len(squeezed(content, compress))
    optimizer = {"model": state, "optimizer": _optimizer_state(model.parameters())}
    for compress in ("none", "gzip", "zstd"):
        name = "float32 with optimizer"
        sizes[name if compress == "none" else f"{name}, {compress}"] = len(packed(optimizer, compress))
    return pd.DataFrame({"bytes": sizes})


def predict_run(config: RunConfig, epochs: int | None = None, batches: int = 100) -> pd.DataFrame:
    """Files of a run and their sizes, before it runs.

    Args:
        epochs: epochs that will run; the configuration's where early stopping is not expected.
        batches: batches of an epoch; they decide how long the log of memory is.

    Returns:
        Index: kind of file; columns `files` (how many), `bytes` (all of them).
    """
    epochs = epochs or config.epochs
    model = RSTMRF(config, 24.0)
    whole = len(packed(_checkpoint(model, config, whole=True), config.compress))
    light = whole if config.save_optimizer else len(packed(_checkpoint(model, config, whole=False), config.compress))
    periodic = 0 if config.save_best_only else epochs // config.save_interval
    log = epochs * (_EPOCH_ROW + -(-batches // 10) * _MEMORY_ROW)
    rows = {
        "best checkpoint": [1, light],
        "periodic checkpoints": [periodic, periodic * light],
        "last checkpoint": [1, whole],
        "log": [1, log],
        "weights": [1, len(save({name: value.contiguous() for name, value in model.state_dict().items()}))],
        "settings and scores": [3, _SMALL_FILES],
    }
    if learns_directions(config):
        for kind, size in _of_head(model.direction_field, config).items():
            rows[kind] = [rows[kind][0] + 1, rows[kind][1] + size]
    return pd.DataFrame(rows, index=["files", "bytes"]).T


def _of_head(field, config) -> dict[str, int]:
    """Bytes of what the ConvLSTM's own training leaves in a run's folder."""
    state = {f"direction_field.{name}": value for name, value in field.state_dict().items()}
    going_on = {"optimizer_states": [{"state": _optimizer_state(field.parameters())}]}
    light = {"state_dict": state} | (going_on if config.save_optimizer else {})
    sizes = [len(packed(content, config.compress)) for content in (light, {"state_dict": state} | going_on)]
    kinds = "best checkpoint", "last checkpoint", "log", "weights"
    return dict(zip(kinds, (*sizes, config.head_epochs * _HEAD_ROW, len(save(state))), strict=True))


def measure_run(run_dir) -> pd.DataFrame:
    """Files of a run's folder and their sizes, in the form of `predict_run`."""
    kinds = dict.fromkeys(
        ["best checkpoint", "periodic checkpoints", "last checkpoint", "log", "weights", "settings and scores"], ()
    )
    for file in Path(run_dir).rglob("*"):
        if file.is_file():
            kinds[_kind(file)] += (file.stat().st_size,)
    return pd.DataFrame({kind: (len(sizes), sum(sizes)) for kind, sizes in kinds.items()}, index=["files", "bytes"]).T


def cache_bytes(config: RunConfig, hours: int) -> dict[str, int]:
    """Bytes of hourly TEC maps (float32, thinned) and of hourly Kp and F10.7 that `hours` of data take."""
    cells = (180 // config.tec_downsample_factor + 1) * (360 // config.tec_downsample_factor + 1)
    return {"TEC maps": hours * cells * FLOAT32, "space weather": hours * SW_MEMBERS * FLOAT32}


def _kind(file: Path) -> str:
    if file.suffix == ".ckpt":
        prefix = file.name.partition("-")[0]
        return {"best": "best checkpoint", "last.ckpt": "last checkpoint"}.get(prefix, "periodic checkpoints")
    return {".csv": "log", ".safetensors": "weights"}.get(file.suffix, "settings and scores")


def _optimizer_state(parameters) -> dict:
    """As AdamW's after some steps: two moments like random numbers for each parameter, and a counter."""
    return {
        number: {"step": torch.tensor(1.0), "exp_avg": torch.randn_like(p), "exp_avg_sq": torch.rand_like(p)}
        for number, p in enumerate(parameters)
    }


def _checkpoint(model, config, whole: bool) -> dict:
    """What Lightning saves, as far as it takes room."""
    state = {f"model.{name}": value for name, value in model.state_dict().items()}
    saved = {"state_dict": state}
    if whole:
        first = config.directions_first or not config.uses_directions
        learned = [p for name, p in model.named_parameters() if not (first and name.startswith("direction_field"))]
        saved["optimizer_states"] = [{"state": _optimizer_state(learned)}]
        if config.average_decay:
            saved["current_model_state"] = {name: value.clone() for name, value in state.items()}
    return saved
