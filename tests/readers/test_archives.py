"""Profiles from a tar: the same as from its unpacked files, whatever its members are called, and nothing written."""

import io
import tarfile

import numpy as np
import pytest
import xarray as xr

from rstmrf.errors import InputError
from rstmrf.readers import archives
from rstmrf.readers.observations import describe_quality, read_observations

ALT_KM = np.linspace(90.0, 790.0, 71)
CDAAC = "real/cosmic1_ionPrf_2015_001-004.tar.xz"


def ionprf(folder, number):
    """A small file in the form of CDAAC's ionPrf, netCDF-3, named without a point."""
    layer = np.exp(0.5 * (1 - (ALT_KM - 300) / 60 - np.exp(-(ALT_KM - 300) / 60)))
    noise = np.random.default_rng(number).normal(size=71)
    values = {"MSL_alt": (ALT_KM, "km"), "ELEC_dens": (8e5 * layer + 200 + noise, "el/cm3")}
    values |= {"GEO_lat": (np.linspace(-12, -8, 71) + number, "deg"), "GEO_lon": (np.linspace(10, 12, 71), "deg")}
    ds = xr.Dataset({name: ("MSL_alt", data, {"units": unit}) for name, (data, unit) in values.items()})
    path = folder / f"ionPrf_C001.2015.001.00.{number:02d}.G01_2021.0390_nc"
    ds.attrs = {"year": 2015, "month": 1, "day": 1, "hour": 0, "minute": number, "second": 30.0}
    path.write_bytes(bytes(ds.to_netcdf(engine="scipy", format="NETCDF3_CLASSIC")))
    return path


@pytest.fixture
def files(tmp_path):
    folder = tmp_path / "files"
    folder.mkdir()
    return [ionprf(folder, number) for number in range(4)]


def pack(path, files, prefix="data/2015_001/", mode="w:gz"):
    with tarfile.open(path, mode) as archive:
        for file in files:
            archive.add(file, prefix + file.name)
    return path


@pytest.mark.parametrize(("ending", "mode"), [("tar", "w"), ("tar.gz", "w:gz"), ("tgz", "w:gz"), ("tar.xz", "w:xz")])
def test_an_archive_gives_what_its_files_give(tmp_path, files, ending, mode):
    archive = pack(tmp_path / f"day.{ending}", files, mode=mode)
    packed, plain = read_observations(archive), read_observations(files)
    assert {k: v for k, v in packed.attrs.items() if k != "source"} == {
        k: v for k, v in plain.attrs.items() if k != "source"
    }
    xr.testing.assert_equal(packed, plain)
    assert describe_quality(packed).loc["profiles read", "count"] == 4


def test_nothing_is_unpacked_and_names_lead_nowhere(tmp_path, files):
    archive = pack(tmp_path / "day.tar.gz", files, prefix="../../outside/")
    before = sorted(tmp_path.rglob("*"))
    assert np.unique(read_observations(archive)["profile"]).size == 4
    assert sorted(tmp_path.rglob("*")) == before and not (tmp_path.parent / "outside").exists()


def test_what_is_no_profile_is_passed_over_or_named(tmp_path, files, monkeypatch):
    notes = tmp_path / "readme.html"
    notes.write_text("not a profile")
    damaged = tmp_path / "ionPrf_damaged_nc"
    damaged.write_bytes(b"CDF\x01 and no more")
    with pytest.warns(UserWarning, match=r"1 of 5 files lost profiles.*ionPrf_damaged_nc: cannot be read as netCDF"):
        found = read_observations(pack(tmp_path / "day.tar", [*files, notes, damaged], mode="w"))
    assert np.unique(found["profile"]).size == 4
    with pytest.raises(InputError, match=r"other\.tar: holds no file whose name ends in _nc, \.nc"):
        read_observations(pack(tmp_path / "other.tar", [notes], mode="w"))
    monkeypatch.setattr(archives, "MEMBER_BYTES", 100)
    with pytest.raises(InputError, match="None of 4 files could be used"):
        read_observations(pack(tmp_path / "large.tar", files, mode="w"))
    monkeypatch.setattr(archives, "ARCHIVE_BYTES", 1000)
    with pytest.raises(InputError, match="holds more than 0 GiB; give it in parts"):
        read_observations(tmp_path / "large.tar")


@pytest.mark.parametrize(("ending", "mode"), [("tar", "w"), ("tar.gz", "w:gz"), ("tar.xz", "w:xz")])
def test_a_cut_archive_keeps_what_came_before_the_cut(tmp_path, files, ending, mode):
    whole = pack(tmp_path / f"whole.{ending}", files, mode=mode).read_bytes()
    cut = tmp_path / f"cut.{ending}"
    cut.write_bytes(whole[: len(whole) * 2 // 3])
    with pytest.warns(UserWarning, match="cannot be read as an archive, perhaps cut short"):
        assert 1 <= np.unique(read_observations(cut)["profile"]).size <= 4
    cut.write_bytes(whole[:30])
    with pytest.raises(InputError, match="cannot be read as an archive"):
        read_observations(cut)


def test_a_bar_counts_profiles_when_wanted(tmp_path, files, capsys):
    archive = pack(tmp_path / "day.tar", files, mode="w")
    read_observations(archive)
    assert "profiles" not in capsys.readouterr().err
    read_observations(archive, progress=True)
    assert "4 profiles" in capsys.readouterr().err


def test_a_member_of_netcdf4_is_read_from_memory(tmp_path):
    ds = xr.open_dataset(io.BytesIO(ionprf(tmp_path, 3).read_bytes()), engine="scipy").load()
    ds.to_netcdf(tmp_path / "FY3D_20150101_0003.nc", engine="h5netcdf")
    archive = pack(tmp_path / "day.tar", [tmp_path / "FY3D_20150101_0003.nc"], mode="w")
    found = read_observations(archive)
    assert found.sizes["point"] == 71 and found["time"].values[0] == np.datetime64("2015-01-01T00:03:30")


def test_four_genuine_days_are_read_in_one_call(real_file):
    found = read_observations(real_file(CDAAC), alt_range_km=(120.0, 500.0))
    of_profile = found.isel(point=np.unique(found["profile"].values, return_index=True)[1])["time"].values
    days, counts = np.unique(of_profile.astype("datetime64[D]"), return_counts=True)
    assert counts.sum() == 2320 and str(days[0]) == "2015-01-01" and str(days[-1]) >= "2015-01-04"
    table = describe_quality(found)["count"]
    share = table["points with zero or negative density"] / (table["points kept"] + 25194)
    assert table["profiles read"] == 2320 and 0.05 < share < 0.07
