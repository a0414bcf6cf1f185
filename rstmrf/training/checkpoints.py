"""Files of a stopped run: with or without the optimizer, compressed or not, and read back whichever they are."""

import gzip
import io
from pathlib import Path
from pickle import UnpicklingError

import torch
from lightning.pytorch.plugins.io import TorchCheckpointIO

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
        content = packed(checkpoint, self.compress)
        path = Path(path)
        path.parent.mkdir(parents=True, exist_ok=True)
        unfinished = path.with_suffix(".part")
        unfinished.write_bytes(content)
        unfinished.replace(path)

    def load_checkpoint(self, path, map_location="cpu", weights_only=True):
        return read_checkpoint(path, map_location)


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
    except (OSError, EOFError, RuntimeError, ValueError, KeyError, UnpicklingError) as error:
        said = (str(error) or type(error).__name__).splitlines()[0]
        raise InputError(f"{path}: no whole checkpoint is there ({said})") from None
