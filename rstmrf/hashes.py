"""SHA-256 of files as they came, kept beside them in `SHA256SUMS`, a list that `sha256sum -c` checks as well."""

import hashlib
import re
from pathlib import Path

from rstmrf.errors import InputError

HASHES = "SHA256SUMS"
LARGEST_LIST_MB = 4
_LINE = re.compile(r"([0-9a-f]{64}) [ *](\S.*)")


def noted(folder, strict: bool = False) -> dict[str, str]:
    """Hashes by name, nothing where there is no list. Lines of another form are passed over, or refused (`strict`).

    Raises InputError: a list that cannot be read, or is larger than 4 MB; a line of another form.
    """
    path = Path(folder) / HASHES
    if not path.is_file():
        return {}
    try:
        if path.stat().st_size > LARGEST_LIST_MB << 20:
            raise InputError(f"{path}: is too large; a list of hashes is accepted up to {LARGEST_LIST_MB} MB")
        lines = path.read_bytes().decode(errors="replace").splitlines()
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror}); it tells whether files are whole") from None
    found = {}
    for number, line in enumerate(lines, 1):
        if match := _LINE.fullmatch(line):
            found[match[2]] = match[1]
        elif strict and line.strip():
            raise InputError(f"{path}: line {number} is no hash with a name; delete the line, it is noted anew")
    return found


def digest_of(path) -> str:
    """SHA-256 of a file, read in pieces."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def check_noted(path, content: bytes | None = None) -> None:
    """Refuse a file that is not the one whose hash stands in the list beside it; one that is not listed passes.

    Args:
        content: of the file, where it has been read already.

    Raises:
        InputError: the file, or the list, was changed or damaged.
    """
    path = Path(path)
    if (known := noted(path.parent).get(path.name)) is None:
        return
    if known != (digest_of(path) if content is None else hashlib.sha256(content).hexdigest()):
        raise InputError(
            f"{path}: was changed or damaged since it was fetched, its SHA-256 is not the one in {HASHES}; fetch it "
            "again, or delete its line there"
        )
