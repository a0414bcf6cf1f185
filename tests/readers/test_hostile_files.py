"""Files made to do harm: pipes, devices, bombs, absurd sizes; each is one sentence, and memory stays."""

import gzip
import io
import json
import os
import warnings
import zipfile

import h5py
import numpy as np
import pytest
import xarray as xr
import zarr

from rstmrf.errors import QUOTED_CHARACTERS, InputError, quoted
from rstmrf.files import MB, text_lines, unpacked, zstd_size
from rstmrf.model.weights import load_model
from rstmrf.readers.indices import given_indices, read_indices
from rstmrf.readers.observations import describe_quality, read_observations, write_npy
from rstmrf.readers.tec import load_tec, read_tec
from rstmrf.training.checkpoints import packed, read_checkpoint
from studies.fuzz import try_read
from studies.fuzz_files import GOOD, START, implausible, profiles, read, small_tec
from studies.fuzz_texts import compress, ionex_text

BOMB = 2048 * MB


def refused(reader, path, sentence=""):
    """The file gives one clear sentence that holds `sentence`, and memory rises by less than 1 GB."""
    outcome = try_read(reader, path)
    assert outcome.became == "refused", outcome
    assert not set(outcome.faults) - {"slow"}, outcome
    assert sentence in outcome.said, outcome.said


@pytest.fixture(scope="module")
def gzip_bomb():
    """2 GB of zeros in 9 MB, member behind member."""
    return gzip.compress(bytes(64 * MB), 1) * (BOMB // (64 * MB))


def lzw_bomb(size):
    """A `.Z` whose every code is the one that is just being defined: entry n holds n letters."""
    count = int((2 * size) ** 0.5)
    codes, packed_codes, bits, at = [97, *range(257, 257 + min(count, 65000))], bytearray(b"\x1f\x9d\x90"), 9, 0
    codes += [codes[-1]] * max(0, (size - sum(range(len(codes)))) // len(codes))
    while at < len(codes):
        group = codes[at : at + 8]
        number = sum(code << (bits * place) for place, code in enumerate(group))
        packed_codes += number.to_bytes(-(-len(group) * bits // 8), "little")
        at += len(group)
        bits += bits < 16 and 256 + at >= 1 << bits
    return bytes(packed_codes)


@pytest.mark.parametrize("reader", sorted(GOOD))
def test_every_good_file_gives_a_plausible_result(reader, tmp_path):
    assert implausible(read(reader, GOOD[reader](tmp_path))) == ""


@pytest.mark.parametrize("reader", sorted(set(GOOD) - {"zarr", "weights"}))
def test_pipes_devices_folders_and_nothing_are_refused_before_they_are_opened(reader, tmp_path):
    good = GOOD[reader](tmp_path)
    pipe = tmp_path / f"pipe{good.name}"
    os.mkfifo(pipe)
    device = tmp_path / f"device{good.name}"
    device.symlink_to("/dev/zero")
    for path in (pipe, device):
        refused(reader, path)
    for path in ("", "  ", tmp_path / "nothing" / "there", "a\0b"):
        with pytest.raises(InputError):
            read(reader, path)


def test_an_empty_path_is_not_the_folder_one_stands_in(tmp_path, monkeypatch):
    GOOD["tec.nc"](tmp_path), GOOD["observations.npy"](tmp_path), GOOD["weights"](tmp_path)
    monkeypatch.chdir(tmp_path / "model")
    for function in (read_tec, load_model, read_observations):
        with pytest.raises(InputError, match="the path is empty; accepted is"):
            function("")
    with pytest.raises(InputError, match="the path is empty"):
        read_observations([""])


@pytest.mark.parametrize("member", ["model.json", "model.safetensors"])
def test_a_pipe_within_a_model_is_refused(tmp_path, member):
    folder = GOOD["weights"](tmp_path)
    (folder / member).unlink()
    os.mkfifo(folder / member)
    refused("weights", folder, "a pipe, socket or device")


def test_a_pipe_within_a_store_is_refused(tmp_path):
    store = GOOD["zarr"](tmp_path)
    chunk = next(file for file in (store / "lat" / "c").rglob("*") if file.is_file())
    chunk.unlink()
    os.mkfifo(chunk)
    refused("zarr", store, "a pipe, socket or device")


# --- what unpacks to more than it should


def test_gzip_bombs(tmp_path, gzip_bomb):
    for reader, name in (("ionex.gz", "a.19i.gz"), ("checkpoint.gz", "a.ckpt")):
        (tmp_path / name).write_bytes(gzip_bomb)
        refused(reader, tmp_path / name, "unpacks to more than")


def test_a_bomb_of_compress(tmp_path):
    (tmp_path / "a.19i.Z").write_bytes(lzw_bomb(80 * MB))
    refused("ionex.Z", tmp_path / "a.19i.Z", "unpacks to more than 64 MB")
    with pytest.raises(InputError, match="more than 2 MB"):
        unpacked(lzw_bomb(3 * MB), "a", 2)
    content = unpacked(lzw_bomb(MB), "a", 2)
    assert set(content) == {97} and len(content) > 0.9 * MB


def test_a_zstd_bomb_and_one_that_hides_its_size(tmp_path):
    from numcodecs.zstd import Zstd

    bomb = bytes(Zstd(1).encode(bytes(600 * MB)))
    assert zstd_size(bomb) == 600 * MB
    for name, content in (("a.ckpt", bomb), ("b.ckpt", b"\x28\xb5\x2f\xfd\x00" + bomb[9:])):
        (tmp_path / name).write_bytes(content)
        refused("checkpoint.zst", tmp_path / name, "unpacks to more than 256 MB")


def test_an_archive_within_a_checkpoint_that_unpacks_to_more(tmp_path):
    content = packed({"state_dict": {}})
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as old, zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as new:
        for entry in old.infolist():
            new.writestr(entry.filename, old.read(entry))
        new.writestr("archive/data/0", bytes(257 * MB), compresslevel=1)
    (tmp_path / "a.ckpt").write_bytes(out.getvalue())
    refused("checkpoint", tmp_path / "a.ckpt", "unpacks to more than 256 MB")


@pytest.mark.parametrize("code", [b"c__builtin__\nbytearray\n(J\x00\x00\x00\x7ftR.", b"cos\nsystem\n(S'true'\ntR."])
def test_a_checkpoint_builds_nothing_but_tensors(tmp_path, code):
    with zipfile.ZipFile(tmp_path / "a.ckpt", "w") as archive:
        archive.writestr("archive/data.pkl", b"\x80\x02" + code)
        archive.writestr("archive/version", "3\n")
    refused("checkpoint", tmp_path / "a.ckpt", "which is no tensor")


def test_a_gzip_checkpoint_damaged_within(tmp_path):
    content = bytearray(packed({"state_dict": {"w": np.arange(3).tolist()}}, "gzip"))
    content[len(content) // 2] ^= 0xFF
    (tmp_path / "a.ckpt").write_bytes(content)
    with pytest.raises(InputError, match=r"a\.ckpt: no whole checkpoint is there"):
        read_checkpoint(tmp_path / "a.ckpt")


# --- what claims more than it holds


def test_sparse_hdf5(tmp_path):
    for reader, name, variable in (("gnos", "20190425_0310.nc", "elec_dens"), ("tec.nc", "maps.nc", "vtec_tecu")):
        with h5py.File(tmp_path / name, "w") as file:
            file.create_dataset(variable, shape=(400_000, 181, 900), dtype="f8", chunks=(1, 181, 900))
        refused(reader, tmp_path / name, "values, accepted are")
        with h5py.File(tmp_path / name, "w") as file:
            file.create_dataset(variable, shape=(10,), maxshape=(None,), dtype="f8", chunks=(100_000_000,))
        refused(reader, tmp_path / name, "chunks of 763 MB")


def test_a_heap_that_the_library_would_never_leave(tmp_path, sample_tec):
    """The fuzzer's case 772 of TEC maps: reading went round an object of length 0 for ever."""
    path = tmp_path / "maps.nc"
    sample_tec.isel(time=slice(0, 3)).to_netcdf(path, engine="h5netcdf")
    read_tec(path)
    content = bytearray(path.read_bytes())
    first = content.find(b"GCOL\x01") + 16
    content[first : first + 16] = bytes(16)
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"maps.nc: .*a heap of the file has an object of no length"):
        read_tec(path)


def test_links_out_of_a_netcdf_file_are_not_followed(tmp_path):
    with h5py.File(tmp_path / "other.h5", "w") as other:
        other["ne"] = np.ones(20)
    with h5py.File(tmp_path / "20190425_0310.nc", "w") as file:
        file["ne"] = h5py.ExternalLink("other.h5", "ne")
    refused("gnos", tmp_path / "20190425_0310.nc", "is a link to elsewhere")
    with h5py.File(tmp_path / "20190425_0311.nc", "w") as file:
        file.create_dataset("ne", (100,), "f8", external=[("/dev/zero", 0, 800)])
    refused("gnos", tmp_path / "20190425_0311.nc", "lie in another file")


def test_a_store_that_claims_billions_of_points(tmp_path):
    store = GOOD["zarr"](tmp_path)
    description = json.loads((store / "lat" / "zarr.json").read_text())
    (store / "lat" / "zarr.json").write_text(json.dumps(description | {"shape": [10**11]}))
    refused("zarr", store, "has shape (100000000000,)")
    group = zarr.open_group(tmp_path / "packed.zarr", mode="w", zarr_format=3)
    group.create_array("lat", shape=(10,), dtype="f4", compressors=[zarr.codecs.GzipCodec()])
    refused("zarr", tmp_path / "packed.zarr", "is packed by ['bytes', 'gzip']")


def test_headers_of_npy_that_claim_more_or_never_end(tmp_path):
    np.save(tmp_path / "a.npy", np.zeros((4, 5)))
    content = (tmp_path / "a.npy").read_bytes()
    shapes = [(b"(4, 5)", b"(9**9,)"), (b"(4, 5)", b"(10000000000, 5)")]
    for damage in (*shapes, (b"}", b" "), (b"False", b"[[[[["), (b"<f8", b"|O8")):
        (tmp_path / "a.npy").write_bytes(content.replace(*damage, 1))
        for reader in ("observations.npy", "tec.npy"):
            refused(reader, tmp_path / "a.npy", "cannot be read as .npy")
    np.savez(tmp_path / "b.npz", np.zeros(5))
    (tmp_path / "b.npz").rename(tmp_path / "b.npy")
    refused("tec.npy", tmp_path / "b.npy", "it does not begin as .npy does")
    np.save(tmp_path / "c.npy", np.array([{"a": 1}], object), allow_pickle=True)
    refused("observations.npy", tmp_path / "c.npy", "objects in dtype")


@pytest.mark.parametrize(
    ("record", "value"),
    [
        ("LAT1 / LAT2 / DLAT", "    87.5 -87.5   0.0"),
        ("LAT1 / LAT2 / DLAT", "    87.5 -87.5 -1e-9"),
        ("LAT1 / LAT2 / DLAT", "    87.5 -87.51e-309"),
        ("LON1 / LON2 / DLON", "  -180.0   inf   5.0"),
        ("LON1 / LON2 / DLON", "  -180.0 1e300   5.0"),
        ("LON1 / LON2 / DLON", "  -180.0 180.0   nan"),
        ("EXPONENT", " 99999"),
        ("EXPONENT", "-99999"),
    ],
)
def test_grids_and_exponents_of_ionex_that_cannot_be(tmp_path, record, value):
    lines = ionex_text(small_tec()).decode().split("\n")
    lines = [f"{value:<60}{record}" if record in line else line for line in lines]
    (tmp_path / "a.19i").write_text("\n".join(lines))
    refused("ionex", tmp_path / "a.19i", record.split()[0])


def test_periods_that_no_table_has(tmp_path):
    for end in ("9999-12-31", "2262-01-01", "1900-01-01"):
        with pytest.raises(InputError, match="accepted are the years 1932 to 2100"):
            given_indices("2019-01-01", end, 1, 70)
    with pytest.raises(InputError, match="1957 to 2100, is needed"):
        load_tec(GOOD["tec.npy"](tmp_path), start="9999-01-01")


def test_millions_of_lines(tmp_path):
    garbage = b"\n" * (8 * MB)
    texts = {"ionex": "a.19i", "observations.txt": "20190425_0310.txt", "gfz": "a.txt", "csv": "a.csv"}
    for reader, name in texts.items():
        (tmp_path / name).write_bytes(garbage)
        refused(reader, tmp_path / name)
    (tmp_path / "a.csv").write_bytes(b"x" * (200 * MB))
    refused("csv", tmp_path / "a.csv", "is 200 MB large, accepted are up to 24 MB")
    with pytest.raises(InputError, match="has 11 lines, accepted are up to 10"):
        text_lines(b"a\r\n" * 11, "a", limit=10)
    assert text_lines("\ufeffa\rb\r\nc\n".encode(), "a") == ["a", "b", "c"]


def test_deeply_nested_settings_and_names_given_twice(tmp_path):
    path = tmp_path / "config.json"
    twice, infinite, large = '{"seed": 1, "seed": 2}', '{"w_chapman": Infinity}', '{"basis_dim": 99999999}'
    for content in ("[" * 100_000, twice, "[1]", infinite, large):
        path.write_text(content)
        refused("settings", path)


def test_a_model_of_any_size_is_not_made_where_its_weights_are_not(tmp_path):
    folder = GOOD["weights"](tmp_path)
    description = json.loads((folder / "model.json").read_text())
    description["config"] |= {"siren_hidden": 8192, "siren_layers": 64}  # 17 GB
    (folder / "model.json").write_text(json.dumps(description))
    refused("weights", folder, "no whole model is there")


@pytest.mark.parametrize("name", ["format", "weights", "duration_hours", "config"])
@pytest.mark.parametrize("absurd", ["x" * 5000, list(range(2000))])
def test_a_description_of_a_model_is_quoted_in_part(tmp_path, name, absurd):
    folder = GOOD["weights"](tmp_path)
    description = json.loads((folder / "model.json").read_text()) | {name: absurd}
    (folder / "model.json").write_text(json.dumps(description))
    with pytest.raises(InputError) as refusal:
        load_model(folder)
    assert len(str(refusal.value)) < 500 + len(str(folder))


# --- what is accepted is plausible


@pytest.mark.parametrize("value", [1e4, -30.0, np.inf])
def test_few_implausible_values_of_tec_are_missing_and_counted(tmp_path, value):
    tec = small_tec().isel(lon=slice(0, -1)).astype(np.float32).copy(deep=True)
    tec.vtec_tecu[1, 4, 5] = value
    tec.vtec_tecu.assign_attrs(units="TECU").to_netcdf(tmp_path / "a.nc")
    with pytest.warns(UserWarning, match=r"a\.nc: 1 of 540 values are beyond -5 to 500 TECU: missing"):
        ds = read_tec(tmp_path / "a.nc")
    assert ds.implausible_cells == 1 and int(ds.vtec_tecu.isnull().sum()) == 1


@pytest.mark.parametrize(
    ("factor", "said"), [(0.0, "all values are zero"), (1e4, "implausible"), (-10.0, "implausible")]
)
def test_maps_that_are_implausible_throughout_are_refused(tmp_path, factor, said):
    tec = small_tec().isel(lon=slice(0, -1))
    (tec.vtec_tecu * factor).assign_attrs(units="TECU").to_netcdf(tmp_path / "a.nc")
    np.save(tmp_path / "a.npy", (small_tec().vtec_tecu * factor).values)
    (tmp_path / "a.19i").write_bytes(ionex_text(small_tec() * factor) if abs(factor) < 20 else b"")
    refused("tec.nc", tmp_path / "a.nc", said)
    refused("tec.npy", tmp_path / "a.npy", said)
    refused("ionex", tmp_path / "a.19i", said if abs(factor) < 20 else "not an IONEX file")


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda ds: ds.assign_coords(time=ds.time.where(ds.time > ds.time[0])), "a time is NaT"),
        (lambda ds: ds.isel(lon=[0]), "its longitudes are no grid"),
        (lambda ds: ds.assign_coords(lat=ds.lat + 20), "its latitudes are no grid"),
        (lambda ds: ds.assign_coords(lat=ds.lat.where(ds.lat < 80)), "its latitudes are no grid"),
        (lambda ds: ds.assign(vtec_tecu=ds.vtec_tecu.astype(complex)), "a variable of type complex128"),
        (lambda ds: ds.assign(vtec_tecu=ds.vtec_tecu.assign_attrs(units=[1.0, 2.0])), "has the units"),
        (
            lambda ds: ds.assign_coords(time=ds.time - np.timedelta64(100 * 365, "D")),
            "accepted are the years 1957 to 2100",
        ),
    ],
)
def test_maps_of_odd_type_place_or_time(tmp_path, change, sentence):
    tec = small_tec().isel(lon=slice(0, -1))
    tec["vtec_tecu"] = tec.vtec_tecu.assign_attrs(units="TECU")
    with warnings.catch_warnings():  # complex numbers are no netCDF
        warnings.simplefilter("ignore")
        change(tec).to_netcdf(tmp_path / "a.nc", engine="h5netcdf", invalid_netcdf=True)
    refused("tec.nc", tmp_path / "a.nc", sentence)


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        ("lat", 91.0, "lat is 91 at point 7, 1 in all; accepted is -90 to 90"),
        ("lon", np.nan, "lon is nan at point 7"),
        ("log10_ne_m3", 29.0, "log10_ne_m3 is 29"),
        ("alt_km", np.inf, "alt_km is inf"),
        ("profile", -1, "profile is -1"),
        ("profile", 99, "numbers of profiles do not ascend"),
        ("time", np.datetime64("1900-01-01", "ns"), "a time is 1900-01-01"),
        ("time", np.datetime64("2262-01-01", "ns"), "a time is 2262-01-01"),
    ],
)
def test_stores_with_points_that_no_observation_has(tmp_path, name, value, sentence):
    from rstmrf.readers.point_store import write_point_store

    ds = profiles(2).reset_coords().copy(deep=True)
    ds[name][7] = value
    refused("zarr", write_point_store(tmp_path / "a.zarr", [ds]), sentence)


def test_empty_stores_are_refused(tmp_path):
    from rstmrf.readers.point_store import write_point_store

    store = write_point_store(tmp_path / "a.zarr", [profiles(1).isel(point=slice(0, 0))])
    refused("zarr", store, "'point', with one at least")


def occultation(alt_km, ne_m3, sigma=None):
    data = {"alt": ("level", alt_km), "Ne": ("level", ne_m3, {"units": "m-3"})}
    data |= {} if sigma is None else {"sigma_log10_ne": ("level", sigma)}
    return xr.Dataset(data, attrs={"Lat": 1.0, "Lon": 2.0})


ALT_KM = np.arange(100.0, 700.0, 10.0)
NE_M3 = 1e12 * np.exp(0.5 * (1 - (ALT_KM - 300) / 60 - np.exp(-(ALT_KM - 300) / 60))) + 1e9


def test_a_stated_sigma_that_is_not_positive_is_left_out_and_counted(tmp_path):
    sigma = np.full(ALT_KM.size, 0.1)
    sigma[:4] = 0.0, -0.1, np.inf, 5.0
    occultation(ALT_KM, NE_M3, sigma).to_netcdf(tmp_path / "20190425_0310.nc")
    ds = read_observations(tmp_path / "20190425_0310.nc")
    assert np.isnan(ds.sigma_log10_ne.values).tolist() == [True] * 4 + [False] * (ALT_KM.size - 4)
    table = describe_quality(ds)["count"]
    assert table["points whose stated standard deviation was no positive number and was left out"] == 4


def test_a_profile_of_one_altitude_and_a_density_that_nothing_resolves(tmp_path):
    occultation(np.full(60, 300.0), NE_M3).to_netcdf(tmp_path / "20190425_0310.nc")
    refused("gnos", tmp_path / "20190425_0310.nc", "all its points lie at one altitude, 300 km")
    faint = np.where(ALT_KM < 125, 1.0, NE_M3)
    occultation(ALT_KM, faint).to_netcdf(tmp_path / "20190425_0311.nc")
    ds = read_observations(tmp_path / "20190425_0311.nc")
    assert ds.attrs["qc_points_implausible"] == 3 and ds.sizes["point"] == ALT_KM.size - 3
    two = profiles(2)
    flat = two.assign_coords(alt_km=two.alt_km.where(two.profile == 0, 300.0))
    with pytest.warns(UserWarning, match="1 of its profiles have all their points at one altitude"):
        kept = read_observations(write_npy(flat, tmp_path / "a.npy", START), start=START)
    assert kept.sizes["point"] == int((two.profile == 0).sum())


@pytest.mark.parametrize("start", ["1900-01-01", "2262-01-01", "9999-01-01"])
def test_starts_of_other_ages(tmp_path, start):
    path = GOOD["observations.npy"](tmp_path)
    with pytest.raises(InputError, match=f"start is '{start}'; accepted is a date"):
        read_observations(path, start=start)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_weights_that_are_not_finite_or_not_those_that_were_saved(tmp_path, value):
    from safetensors.numpy import load_file, save_file

    folder = GOOD["weights"](tmp_path)
    weights = load_file(folder / "model.safetensors")
    next(iter(weights.values())).flat[0] = value
    save_file(weights, folder / "model.safetensors")
    refused("weights", folder, "model.safetensors is not the one that model.json describes")
    description = json.loads((folder / "model.json").read_text())
    del description["weights"]
    description["format"] = 1  # of a version that wrote no digest
    (folder / "model.json").write_text(json.dumps(description))
    refused("weights", folder, "holds a value that is not finite")


# --- sentences


def test_what_is_quoted_is_short_printable_and_one_line():
    assert quoted("TECU") == "TECU"
    assert quoted("a" * 1000) == "a" * (QUOTED_CHARACTERS - 1) + "…"
    assert quoted("\x1b[31mred\n\tblue\x00") == "\N{REPLACEMENT CHARACTER}[31mred  blue\N{REPLACEMENT CHARACTER}"
    assert "\n" not in str(InputError("a\nb")) and str(InputError("a\x07b")).isprintable()


def test_sentences_stay_short_whatever_the_file_holds(tmp_path):
    letters = "\x1b[2J" + "x" * 5000
    (tmp_path / "a.csv").write_text(f"time,kp,f107\n{letters},1,70\n")
    (tmp_path / "20190425_0310.txt").write_text(f"1 2 300 1e11\n{letters}\n")
    (tmp_path / "config.json").write_text(json.dumps({letters: letters}))
    occultation(ALT_KM, NE_M3).assign(Ne=("level", NE_M3, {"units": letters})).to_netcdf(tmp_path / "20190425_0310.nc")
    for reader, name in (("csv", "a.csv"), ("observations.txt", "20190425_0310.txt"), ("gnos", "20190425_0310.nc")):
        outcome = try_read(reader, tmp_path / name)
        assert outcome.became == "refused" and len(outcome.said) < 300 and outcome.said.isprintable()
    with pytest.raises(InputError) as caught:
        read_indices(tmp_path / "config.json", "2019-01-01", "2019-01-02")
    assert "x" * 61 not in str(caught.value)
    outcome = try_read("settings", tmp_path / "config.json")
    assert "x" * 61 not in outcome.said and outcome.said.isprintable()


def test_compress_is_undone_as_another_decoder_does():
    import unlzw3

    rng = np.random.default_rng(0)
    for content in (b"a", b"abc" * 100_000, rng.bytes(200_000), ionex_text(small_tec(2))):
        assert unlzw3.unlzw(compress(content)) == content == unpacked(compress(content), "a", 64)
