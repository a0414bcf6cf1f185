"""A fault of HDF5 files that hangs the library which reads them, found before it is asked to."""

import io
import mmap
from pathlib import Path

_SIGNATURE = b"GCOL\x01\x00\x00\x00"
_LEAST_SIZE, _HEADER, _OBJECT = 4096, 16, 16


def check_heaps(file: Path | io.BytesIO) -> None:
    """Raise ValueError where a global heap of an HDF5 file has an object of no length.

    The library goes through a heap from object to object; at a free one of length 0 it stays for ever, and no signal
    is heard. Other damage it notices itself.
    """
    if isinstance(file, io.BytesIO):
        _check(file.getvalue())
        return
    with file.open("rb") as opened:
        if file.stat().st_size:
            with mmap.mmap(opened.fileno(), 0, access=mmap.ACCESS_READ) as content:
                _check(content)


def _check(content) -> None:
    at = content.find(_SIGNATURE)
    while at >= 0:
        size = int.from_bytes(content[at + 8 : at + _HEADER], "little")
        if size >= _LEAST_SIZE:
            _check_heap(content, at + _HEADER, min(at + size, len(content)))
        at = content.find(_SIGNATURE, at + 1)


def _check_heap(content, at: int, end: int) -> None:
    """Go through the objects: number (2 bytes), references (2), nothing (4), length (8), and what they hold.

    The length of a free object, whose number is 0, counts its header.
    """
    while at + _OBJECT <= end:
        number, length = (int.from_bytes(content[at + a : at + b], "little") for a, b in ((0, 2), (8, _OBJECT)))
        step = length if number == 0 else _OBJECT + -(-length // 8) * 8
        if not step:
            raise ValueError("a heap of the file has an object of no length")
        at += step
