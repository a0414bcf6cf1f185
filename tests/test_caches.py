"""What is kept on disk for later is what was written, or it is made again or refused: never another number."""

import gzip
import io
import multiprocessing
import subprocess
import sys
import tarfile

import numpy as np
import pytest
import xarray as xr
import zarr

from rstmrf.background import maps
from rstmrf.errors import InputError
from rstmrf.files import read_bytes
from rstmrf.hashes import HASHES, digest_of, noted
from rstmrf.readers import sample
from rstmrf.readers.archives import archive_members
from rstmrf.readers.point_store import DIGEST, read_point_store, write_point_store


def flipped(content: bytes, at: int) -> bytes:
    """Bytes of which one has another lowest bit."""
    return content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :]


# Monthly maps of IRI


@pytest.fixture
def made(tmp_path, monkeypatch):
    """A cache of its own, with maps that differ from month to month, and how often they were made."""
    monkeypatch.setenv("RSTMRF_CACHE", str(tmp_path))
    calls = []

    def make(year, month):
        calls.append(month)
        return np.full((2, maps.N_UT, maps.N_LAT, maps.N_LON, 5), float(month))

    monkeypatch.setattr(maps, "_pyiri_maps", make)
    return calls


@pytest.mark.parametrize("at", [12, 70, 128, 5_000_003, -1])
def test_a_flipped_bit_in_cached_maps_is_noticed(made, tmp_path, at):
    whole = maps.monthly_coefficients(2019, 4)
    (file,) = tmp_path.iterdir()
    content = file.read_bytes()
    file.write_bytes(flipped(content, at % len(content)))
    assert np.array_equal(maps.monthly_coefficients(2019, 4), whole) and made == [4, 4]
    assert file.read_bytes() == content


def test_maps_under_the_name_of_another_month_are_not_taken(made, tmp_path):
    april = maps.monthly_coefficients(2019, 4)
    (file,) = tmp_path.iterdir()
    file.rename(file.with_name(file.name.replace("-04.", "-05.")))
    assert not np.array_equal(maps.monthly_coefficients(2019, 5), april) and made == [4, 5]


def test_an_archive_or_another_type_under_the_name_of_cached_maps_is_made_again(made, tmp_path):
    whole = maps.monthly_coefficients(2019, 4)
    (file,) = tmp_path.iterdir()
    for write in (np.savez, lambda place, array: np.save(place, array.astype(np.int32))):
        with file.open("wb") as place:
            write(place, whole)
        assert np.array_equal(maps.monthly_coefficients(2019, 4), whole)
    assert len(made) == 3


AT_ONCE = """
import numpy as np
from rstmrf.background import maps
maps._pyiri_maps = lambda year, month: np.full((2, maps.N_UT, maps.N_LAT, maps.N_LON, 5), float(month))
for round in range(5):
    for month in (4, 5):
        assert abs(maps.monthly_coefficients(2019, month) - month).max() < 1e-4
        if round % 2:
            next(maps.cache_folder().glob(f"*-{month:02d}.npy"), maps.cache_folder() / "gone").unlink(missing_ok=True)
"""


def test_processes_share_a_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("RSTMRF_CACHE", str(tmp_path / "cache"))
    running = [subprocess.Popen([sys.executable, "-c", AT_ONCE], stderr=subprocess.PIPE) for _ in range(3)]
    for process in running:
        assert not process.communicate(timeout=120)[1] and process.returncode == 0
    assert {file.suffix for file in (tmp_path / "cache").iterdir()} <= {".npy"}


# Stores of points


@pytest.fixture
def store(tmp_path):
    observations = sample.observations().isel(point=slice(0, 3000))
    return write_point_store(tmp_path / "points.zarr", [observations])


def test_every_file_of_a_store_is_watched(store):
    whole = read_point_store(store)
    assert DIGEST not in whole.attrs
    for file in sorted(file for file in store.rglob("*") if file.is_file()):
        content = file.read_bytes()
        for damaged in (flipped(content, len(content) // 2), content[: len(content) // 2]):
            file.write_bytes(damaged)
            with pytest.raises(InputError):
                read_point_store(store)
        file.unlink()  # Zarr takes a chunk that is not there for zeros, or for NaN
        with pytest.raises(InputError):
            read_point_store(store)
        file.write_bytes(content)
    assert read_point_store(store).identical(whole)


def test_a_change_that_was_meant_is_accepted_without_the_digest(store):
    changed = read_point_store(store)
    changed["alt_km"] = changed["alt_km"] + 1
    zarr.open_group(store, mode="r+")["alt_km"][:] = changed["alt_km"].values
    with pytest.raises(InputError, match=f"changed or damaged since it was written.*{DIGEST}"):
        read_point_store(store)
    del zarr.open_group(store, mode="r+").attrs[DIGEST]
    xr.testing.assert_identical(read_point_store(store), changed)
    (store / ".DS_Store").touch()
    assert read_point_store(store).sizes == changed.sizes


def test_a_store_that_is_not_written_to_its_end_leaves_the_one_before(store):
    whole = read_point_store(store)

    def breaking():
        yield whole.isel(point=slice(0, 10))
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_point_store(store, breaking())
    assert read_point_store(store).identical(whole) and [p.name for p in store.parent.iterdir()] == [store.name]


def _write_again_and_again(path, first):
    observations = sample.observations().isel(point=slice(first, first + 3000))
    for _ in range(5):
        try:
            write_point_store(path, [observations])
        except InputError as error:
            assert "at the same time" in str(error)


def test_a_store_that_two_processes_write_is_one_of_both(tmp_path):
    path, context = tmp_path / "points.zarr", multiprocessing.get_context("spawn")
    running = [context.Process(target=_write_again_and_again, args=(path, first)) for first in (0, 5000)]
    for process in running:
        process.start()
    for process in running:
        process.join(120)
        assert process.exitcode == 0
    found = read_point_store(path)["log10_ne_m3"].values
    own = [sample.observations()["log10_ne_m3"].values[first : first + 3000] for first in (0, 5000)]
    assert any(np.array_equal(found, values) for values in own)
    assert [p.name for p in tmp_path.iterdir()] == [path.name]


# Files that were fetched, with their hashes beside them


def listed(path):
    (path.parent / HASHES).write_text(f"{digest_of(path)}  {path.name}\n")
    return path


def test_a_fetched_file_is_read_as_it_came_or_refused(tmp_path):
    path = tmp_path / "day.19i"
    path.write_bytes(b"TEC 12.3")
    listed(path)
    assert read_bytes(path, "an IONEX file", 1) == b"TEC 12.3"
    path.write_bytes(b"TEC 12.2")
    with pytest.raises(InputError, match=f"day.19i: was changed or damaged since it was fetched.*{HASHES}"):
        read_bytes(path, "an IONEX file", 1)
    (tmp_path / HASHES).write_text("SHA256 (day.19i) = 00\n\n")  # a list of another form knows nothing of it
    assert read_bytes(path, "an IONEX file", 1) == b"TEC 12.2"


def test_a_fetched_archive_is_read_as_it_came_or_refused(tmp_path):
    with tarfile.open(fileobj=(packed := io.BytesIO()), mode="w") as tar:
        member = tarfile.TarInfo("a_nc")
        member.size = 2000
        tar.addfile(member, io.BytesIO(bytes(range(250)) * 8))
    content = bytearray(gzip.compress(packed.getvalue(), 0))
    path = tmp_path / "day.tar.gz"
    path.write_bytes(content)
    listed(path)
    ((_, whole),) = archive_members(path)
    content[1000] ^= 1  # within the member, which is stored as it is
    path.write_bytes(content)
    ((_, said),) = archive_members(path)
    assert isinstance(whole, bytes) and isinstance(said, InputError)
    (tmp_path / HASHES).unlink()
    ((_, changed),) = archive_members(path)
    assert changed != whole  # so it would be without the list


def test_a_damaged_list_of_hashes_is_said_where_it_is_written_to(tmp_path):
    digest = "0" * 64
    (tmp_path / HASHES).write_bytes(f"{digest}  a.gz\n{digest[:20]}\n".encode() + b"\xff\n")
    assert noted(tmp_path) == {"a.gz": digest}
    with pytest.raises(InputError, match="line 2 is no hash with a name"):
        noted(tmp_path, strict=True)
    (tmp_path / HASHES).write_bytes(bytes(5 << 20))
    with pytest.raises(InputError, match="accepted up to 4 MB"):
        noted(tmp_path)
