"""Files of unknown make: nothing but a regular file is opened, and nothing is unpacked beyond a stated size.

Readers pass everything through here first, so that a pipe cannot hang them, a device or an archive cannot fill memory,
and a damaged file ends in one sentence. What is written is whole, or it is what was there before.
"""

import errno
import gzip
import io
import json
import os
import stat
import struct
import tokenize
import zipfile
import zlib
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from rstmrf.errors import InputError, quoted
from rstmrf.hashes import check_noted

MB = 1 << 20
GZIP, COMPRESS, ZSTD = b"\x1f\x8b", b"\x1f\x9d", b"\x28\xb5\x2f\xfd"
LINES = 1_000_000
#: what libraries raise on damaged files; memory errors are not among them, sizes are checked before anything is made
DAMAGED = (
    *(OSError, EOFError, ValueError, TypeError, LookupError, AttributeError, ArithmeticError, RuntimeError),
    *(AssertionError, ImportError, SyntaxError, struct.error, tokenize.TokenError, zipfile.BadZipFile, zlib.error),
)


#: what the system says of a place that takes no more, or nothing at all
NOT_WRITABLE = {
    getattr(errno, name) for name in ("ENOSPC", "EDQUOT", "EFBIG", "EROFS", "EACCES", "EPERM") if hasattr(errno, name)
}


@contextmanager
def writing(place, remedy: str = "free space there, or give another place"):
    """Turn what the system says of a full disk, or of a folder that may not be written, into InputError."""
    try:
        yield
    except OSError as error:
        if error.errno in (errno.EEXIST, errno.ENOTDIR):
            said = f"a file stands in the place of a folder: {error.filename}"
            raise InputError(f"{place}: cannot be written, because {said}; give another place") from error
        if error.errno not in NOT_WRITABLE:
            raise
        raise InputError(f"{place}: cannot be written ({error.strerror}); {remedy}") from error


@contextmanager
def whole_file(path):
    """A place beside `path` to write to; it is moved to `path` when done, and taken away where anything went wrong."""
    path = Path(path)
    unfinished = path.with_name(f"{path.name}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield unfinished
        unfinished.replace(path)
    except BaseException:
        unfinished.unlink(missing_ok=True)
        raise


def write_whole(path, content: bytes) -> None:
    """Write bytes, flushed to the disk, whole or not at all."""
    with whole_file(path) as place, place.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


@contextmanager
def refusing_damage(sentence: str):
    """Turn what a library raises on a damaged file into InputError; `sentence` holds `{}` for what was said."""
    try:
        yield
    except InputError:
        raise
    except DAMAGED as error:
        raise InputError(sentence.replace("{}", quoted(str(error) or type(error).__name__))) from error


def given_path(path, wanted: str) -> Path:
    """A path that names something, InputError where it is empty: that would stand for the folder one is in."""
    if not str(path).strip():
        raise InputError(f"the path is empty; accepted is {wanted}")
    return Path(path)


def regular_file(path, wanted: str, limit_mb: int | None = None) -> Path:
    """The path of a file that can be read and is no larger than `limit_mb`; `wanted` says what is accepted.

    Raises InputError: an empty path, nothing there, a folder, pipe, socket or device, or a file too large.
    """
    path = given_path(path, wanted)
    try:
        found = path.stat()
        with_content = stat.S_ISREG(found.st_mode)
        if with_content:
            path.open("rb").close()
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise InputError(f"{path}: cannot be read ({reason}), accepted is {wanted}") from None
    if not with_content:
        kind = "a folder" if stat.S_ISDIR(found.st_mode) else "a pipe, socket or device"
        raise InputError(f"{path}: cannot be read ({kind}), accepted is {wanted}")
    if limit_mb is not None and found.st_size > limit_mb * MB:
        raise InputError(f"{path}: is {found.st_size / MB:,.0f} MB large, accepted are up to {limit_mb} MB of {wanted}")
    return path


def read_bytes(path, wanted: str, limit_mb: int) -> bytes:
    """The bytes of a regular file, of at most `limit_mb`; one that `SHA256SUMS` lists must be what was fetched."""
    path = regular_file(path, wanted, limit_mb)
    with refusing_damage(f"{path}: cannot be read ({{}}), accepted is {wanted}"), path.open("rb") as file:
        content = file.read(limit_mb * MB + 1)
    check_noted(path, content)
    return content


def read_start(path, wanted: str, n_bytes: int = 8) -> bytes:
    """The first bytes of a regular file, by which its form is told."""
    path = regular_file(path, wanted)
    with refusing_damage(f"{path}: cannot be read ({{}}), accepted is {wanted}"), path.open("rb") as file:
        return file.read(n_bytes)


def unpacked(content: bytes, where, limit_mb: int) -> bytes:
    """Bytes packed by gzip, compress (`.Z`) or zstd, told apart by their beginning; others as they are.

    Raises InputError: damaged, or more than `limit_mb` when unpacked. What is unpacked is never held beyond that.
    """
    limit = limit_mb * MB
    with refusing_damage(f"{where} cannot be decompressed ({{}}); fetch it again."):
        if content.startswith(GZIP):
            with gzip.GzipFile(fileobj=io.BytesIO(content)) as file:
                content = file.read(limit + 1)
        elif content.startswith(COMPRESS):
            content = _expand(content, limit)
        elif content.startswith(ZSTD):
            content = _zstd(content, limit)
    if len(content) > limit:
        raise InputError(f"{where} unpacks to more than {limit_mb} MB; accepted are files up to that size.")
    return content


def _zstd(content, limit):
    from numcodecs.zstd import Zstd

    if zstd_size(content) > limit:
        raise InputError(f"its zstd frame unpacks to more than {limit // MB} MB, or does not say to how much")
    return bytes(Zstd().decode(content))


def zstd_size(content: bytes) -> int | float:
    """Bytes to which a zstd frame says it unpacks, infinity where it does not say (RFC 8878, section 3.1.1.1)."""
    described = content[4] if len(content) > 4 else 0
    single, width = described >> 5 & 1, (1, 2, 4, 8)[described >> 6]
    if described >> 6 == 0 and not single:
        return np.inf
    at = 5 + (not single) + (0, 1, 2, 4)[described & 3]
    return int.from_bytes(content[at : at + width], "little") + (256 if width == 2 else 0)


def _expand(content, limit):
    """Bytes that `compress` packed: LZW of 9 to 16 bits, codes in groups of eight, of which a new width begins one.

    Source: T. A. Welch, A Technique for High-Performance Data Compression, IEEE Computer 17(6), 1984.
    """
    most_bits, blocks = content[2] & 31, bool(content[2] & 128)
    if not 9 <= most_bits <= 16:
        raise ValueError(f"codes of {most_bits} bits, accepted are 9 to 16")
    letters = [bytes([byte]) for byte in range(256)] + [b""] * blocks  # code 256 says: begin anew
    table, previous, out, size, bits, at = letters.copy(), b"", [], 0, 9, 3
    while at < len(content):
        group = content[at : at + bits]
        at += bits
        packed, mask = int.from_bytes(group, "little"), (1 << bits) - 1
        for place in range(0, len(group) * 8 - bits + 1, bits):
            code = packed >> place & mask
            if code == 256 and blocks:
                table, previous, bits = letters.copy(), b"", 9
                break
            entry = table[code] if code < len(table) else previous + previous[:1]
            if not entry or code > len(table):
                raise ValueError(f"code {code} with a table of {len(table)}")
            out.append(entry)
            size += len(entry)
            if previous and len(table) < 1 << most_bits:
                table.append(previous + entry[:1])
            previous = entry
            if len(table) == 1 << bits and bits < most_bits:
                bits += 1
                break
        if size > limit:
            break
    return b"".join(out)


def text_lines(content: bytes, where, encoding: str = "utf-8", limit: int = LINES, errors="replace") -> list[str]:
    """Lines of a text, of any system's line ends; bytes that are no letter become a mark, or are refused ("strict").

    Raises InputError: more than `limit` lines, or bytes that are no letter.
    """
    content = content.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    if (lines := content.count(b"\n")) > limit:
        raise InputError(f"{where}: has {lines:,} lines, accepted are up to {limit:,}")
    with refusing_damage(f"{where}: cannot be read as text ({{}})."):
        text = content.decode(encoding, errors).removeprefix("\ufeff").removesuffix("\n")
    return text.split("\n") if text else []


def read_json(path, wanted: str) -> dict:
    """The object of a JSON file of up to 1 MB, each name once; InputError where there is none."""
    with refusing_damage(f"{path}: cannot be read as {wanted} ({{}})"):
        found = json.loads(read_bytes(path, wanted, 1), object_pairs_hook=_each_once)
        if not isinstance(found, dict):
            raise ValueError(f"it holds {type(found).__name__}, accepted are names with values")
        return found


def _each_once(pairs: list) -> dict:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a name stands there twice")
    return found


def open_npy(path, wanted: str, limit_mb: int) -> np.ndarray:
    """The array of a `.npy`, memory-mapped; never a pickle, never an archive.

    Raises InputError: no regular file, damaged, objects instead of numbers, or larger than `limit_mb`.
    """
    path = regular_file(path, wanted, limit_mb)
    with refusing_damage(f"{path}: cannot be read as .npy, perhaps cut short ({{}}); accepted is {wanted}."):
        with path.open("rb") as file:
            if file.read(6) != b"\x93NUMPY":
                raise ValueError("it does not begin as .npy does")
        return np.lib.format.open_memmap(path, mode="r")
