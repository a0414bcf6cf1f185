"""Files of a stopped run: with or without the optimizer, compressed or not, and read back whichever they are."""

import gzip
import io
import os
import zlib
from pathlib import Path
from pickle import UnpicklingError

import torch
from lightning.pytorch.plugins.io import TorchCheckpointIO
from safetensors.torch import save
from torch import Tensor

from rstmrf.errors import InputError

LAST = "last.ckpt"
#: what a checkpoint holds for going on only: moments of the optimizer, the rate, weights before averaging
FOR_GOING_ON = ("optimizer_states", "lr_schedulers", "current_model_state", "averaging_state")
_ZSTD_LEVEL, _GZIP_LEVEL = 3, 6
_MAGIC = {b"\x1f\x8b": "gzip", b"\x28\xb5\x2f\xfd": "zstd"}


class CheckpointFiles(TorchCheckpointIO):
    """Writes checkpoints as a run's settings say.

    Args:
        compress: "none", "gzip" or "zstd".
        save_optimizer: False leaves out what only going on needs, except in `last.ckpt`, from which a run goes on.
    """

    def __init__(self, compress: str = "none", save_optimizer: bool = True):
        super().__init__()
        self.compress, self.save_optimizer = compress, save_optimizer

    def save_checkpoint(self, checkpoint, path, storage_options=None):
        if not self.save_optimizer and Path(path).name != LAST:
            checkpoint = {key: value for key, value in checkpoint.items() if key not in FOR_GOING_ON}
        write_whole(Path(path), packed(checkpoint, self.compress))

    def load_checkpoint(self, path, map_location="cpu", weights_only=True):
        return relocated(read_checkpoint(path, map_location), Path(path).parent)


def write_whole(path: Path, content: bytes) -> None:
    """Write a file beside its place, flush it, and move it there: it is whole, or it is the one that was there."""
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_suffix(".part")
    with unfinished.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    unfinished.replace(path)


def save_whole(state: dict[str, Tensor], path: Path) -> None:
    """Write weights as safetensors, whole or not at all."""
    write_whole(path, save({name: value.contiguous() for name, value in state.items()}))


def relocated(checkpoint: dict, folder: Path) -> dict:
    """A checkpoint whose records of saved files mean those of the same name in a folder, and no others.

    A checkpoint may come from another machine, or from somebody else, and Lightning deletes the files that it names. So
    no path in it is followed: a record is taken by its name, and dropped where the folder holds no such checkpoint.
    """
    for state in checkpoint.get("callbacks", {}).values():
        if "best_model_path" not in state:
            continue
        state["dirpath"] = str(folder.absolute())
        for key in ("best_model_path", "kth_best_model_path", "last_model_path"):
            state[key] = _in_folder(state.get(key, ""), folder)
        kept = {_in_folder(path, folder): score for path, score in state.get("best_k_models", {}).items()}
        state["best_k_models"] = {path: score for path, score in kept.items() if path}
    return checkpoint


def _in_folder(path: str, folder: Path) -> str:
    here = folder.absolute() / Path(str(path).replace("\\", "/")).name
    return str(here) if here.suffix == ".ckpt" and here.is_file() and not here.is_symlink() else ""


def packed(content, compress: str = "none") -> bytes:
    """What `torch.save` writes, compressed."""
    buffer = io.BytesIO()
    torch.save(content, buffer)
    return squeezed(buffer.getvalue(), compress)


def squeezed(content: bytes, compress: str) -> bytes:
    """Bytes compressed by gzip or zstd, or as they are ("none")."""
    if compress == "gzip":
        return gzip.compress(content, _GZIP_LEVEL)
    if compress == "zstd":
        from numcodecs.zstd import Zstd

        return bytes(Zstd(_ZSTD_LEVEL).encode(content))
    return content


def read_checkpoint(path, map_location="cpu") -> dict:
    """Read a checkpoint, compressed or not; nothing in it can run code.

    Raises:
        InputError: no such file, or none that `CheckpointFiles` wrote whole.
    """
    path = Path(path)
    try:
        content = path.read_bytes()
        kind = next((name for magic, name in _MAGIC.items() if content.startswith(magic)), "none")
        if kind == "gzip":
            content = gzip.decompress(content)
        elif kind == "zstd":
            from numcodecs.zstd import Zstd

            content = bytes(Zstd().decode(content))
        return torch.load(io.BytesIO(content), map_location=map_location, weights_only=True)
    except (OSError, EOFError, RuntimeError, ValueError, KeyError, UnpicklingError, zlib.error) as error:
        said = (str(error) or type(error).__name__).splitlines()[0]
        raise InputError(f"{path}: no whole checkpoint is there ({said})") from None
