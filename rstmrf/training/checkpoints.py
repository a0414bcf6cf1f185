"""Files of a stopped run: with or without the optimizer, compressed or not, and read back whichever they are."""

import gzip
import io
import pickletools
import zipfile
from pathlib import Path
from pickle import UnpicklingError

import torch
from safetensors.torch import save
from torch import Tensor

from rstmrf.errors import InputError
from rstmrf.files import MB, read_bytes, refusing_damage, unpacked, write_whole

LAST = "last.ckpt"
_ZSTD_LEVEL, _GZIP_LEVEL = 3, 6
#: of a checkpoint, packed and unpacked; that of the default settings has 5 MB with the optimizer's state
LARGEST_MB = 256
#: what tensors are built from; `torch.load` lets more pass, `bytearray` of any length among it
_BUILDERS = (
    "collections OrderedDict",
    "torch._utils _rebuild_tensor_v2",
    "torch._utils _rebuild_parameter",
    "torch.serialization _get_layout",
    "torch Size",
    "torch device",
)


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
    """Read a checkpoint, compressed or not; nothing in it can run code, or unpack to more than 256 MB.

    Raises:
        InputError: no such file, or none that `CheckpointFiles` wrote whole.
    """
    with refusing_damage(f"{path}: no whole checkpoint is there ({{}})"):
        try:
            content = unpacked(read_bytes(path, "a checkpoint of a run", LARGEST_MB), "it", LARGEST_MB)
            _look_through(content)
            found = torch.load(io.BytesIO(content), map_location=map_location, weights_only=True)
        except InputError as error:
            raise InputError(f"{path}: no whole checkpoint is there ({error})") from None
        except UnpicklingError as error:
            raise ValueError(str(error).splitlines()[0]) from None
        if not isinstance(found, dict):
            raise ValueError(f"it holds {type(found).__name__}")
        return found


def _look_through(content: bytes) -> None:
    """Refuse an archive that unpacks to too much, or whose pickle builds anything but plain values and tensors."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        entries = archive.infolist()
        if sum(entry.file_size for entry in entries) > LARGEST_MB * MB:
            raise ValueError(f"it unpacks to more than {LARGEST_MB} MB")
        (pickled,) = (entry for entry in entries if entry.filename.endswith("/data.pkl"))
        names = ("GLOBAL", "INST", "STACK_GLOBAL")
        built = [(op.name, str(arg)) for op, arg, _ in pickletools.genops(archive.read(pickled)) if op.name in names]
    for kind, name in built:
        if kind != "GLOBAL" or not (name in _BUILDERS or (name.startswith("torch ") and name.endswith("Storage"))):
            raise ValueError(f"it builds '{name}', which is no tensor")
