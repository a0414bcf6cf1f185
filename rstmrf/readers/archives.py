"""Profiles straight from a tar archive, as data centres pack a day of them: read as a stream, unpacked nowhere."""

import lzma
import tarfile
import zlib
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from rstmrf.errors import InputError
from rstmrf.hashes import check_noted

ARCHIVE_ENDINGS = (".tar", ".tar.gz", ".tgz", ".tar.xz")
MEMBER_ENDINGS = ("_nc", ".nc", ".nc4", ".cdf", ".h5", ".hdf5")
#: an ionPrf has 20 KB; what is far larger is no profile, and is not taken into memory
MEMBER_BYTES, ARCHIVE_BYTES = 32 << 20, 32 << 30
_DAMAGE = (tarfile.TarError, EOFError, OSError, lzma.LZMAError, zlib.error)


def is_archive(path: Path) -> bool:
    """Whether a name ends as that of an archive that `archive_members` reads."""
    return path.name.lower().endswith(ARCHIVE_ENDINGS)


def archive_members(path: Path) -> Iterator[tuple[Path, bytes | InputError]]:
    """Name and content of each netCDF member of an archive, one after another, in memory.

    Names are the archive's and the member's last part together; they are for sentences, and nothing is written.
    Members that are no files, or end as no netCDF file does, are passed over. A member that is larger than
    `MEMBER_BYTES` comes as an InputError in place of its content, and so does damage, after which nothing follows.
    """
    unpacked, found = 0, False
    try:
        check_noted(path)  # a stream of gzip is not compared with its own check sum
        with tarfile.open(path, "r|*") as archive:
            for member in archive:
                name = path / PurePosixPath(member.name).name
                unpacked += member.size
                if unpacked > ARCHIVE_BYTES:
                    yield path, InputError(f"{path}: holds more than {ARCHIVE_BYTES >> 30} GiB; give it in parts.")
                    return
                if not member.isfile() or not name.name.lower().endswith(MEMBER_ENDINGS):
                    continue
                found = True
                if member.size > MEMBER_BYTES:
                    found_mb = f"{member.size / 2**20:.0f} MiB"
                    yield name, InputError(f"{name}: has {found_mb}; accepted in an archive is {MEMBER_BYTES >> 20}.")
                    continue
                content = archive.extractfile(member)
                assert content is not None  # a file, as was asked above
                yield name, content.read()
    except InputError as error:
        yield path, error
        return
    except _DAMAGE as error:
        yield path, InputError(f"{path}: cannot be read as an archive, perhaps cut short ({error}); fetch it again.")
        return
    if not found:
        yield path, InputError(f"{path}: holds no file whose name ends in {', '.join(MEMBER_ENDINGS)}.")
