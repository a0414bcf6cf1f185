"""IONEX: what the real files hold, and how a damaged one is refused."""

import gzip
from functools import lru_cache

import numpy as np
import pytest
import unlzw3

from rstmrf.errors import InputError
from rstmrf.readers.ionex import read_ionex

LATS = (5.0, 0.0, -5.0)
LONS = tuple(range(-180, 181, 20))  # 19 values: one full line of 16 and a rest of 3


@lru_cache
def read_once(path):
    return read_ionex(path)


def global_mean_tecu(ds):
    return ds.vtec_tecu.astype(float).weighted(np.cos(np.radians(ds.lat))).mean()


def record(text, label):
    return f"{text:<60}{label}"


def row(lat, values, lons=LONS):
    lines = ["".join(f"{value:5d}" for value in values[i : i + 16]) for i in range(0, len(values), 16)]
    limits = f"  {lat:6.1f}{lons[0]:6.1f}{lons[-1]:6.1f}{lons[1] - lons[0]:6.1f}{450.0:6.1f}"
    return [record(limits, "LAT/LON1/LON2/DLON/H"), *lines]


def tec_map(number, epoch, value, kind="TEC", lons=LONS, extra=()):
    """A map of the value 10 · row + column + `value`, with the seam column equal to the first."""
    lines = [record(f"{number:6d}", f"START OF {kind} MAP")]
    lines.append(record("".join(f"{part:6d}" for part in epoch), "EPOCH OF CURRENT MAP"))
    lines += extra
    for i, lat in enumerate(LATS):
        lines += row(lat, [value + 100 * i + j % (len(lons) - 1) for j in range(len(lons))], lons)
    return [*lines, record(f"{number:6d}", f"END OF {kind} MAP")]


def ionex(*maps, n_maps=None, lons=LONS, **header):
    """Lines of a small IONEX file with the given maps; `header` replaces records by their key."""
    n_tec = sum("START OF TEC MAP" in line for lines in maps for line in lines)
    records = {
        "version": record("     1.0            IONOSPHERE MAPS     GPS", "IONEX VERSION / TYPE"),
        "program": record(f"{'writer 1':<20}{'CENTRE':<20}", "PGM / RUN BY / DATE"),
        "maps": record(f"{n_tec if n_maps is None else n_maps:6d}", "# OF MAPS IN FILE"),
        "mapping": record("  COSZ", "MAPPING FUNCTION"),
        "dimension": record("     2", "MAP DIMENSION"),
        "height": record("   450.0 450.0   0.0", "HGT1 / HGT2 / DHGT"),
        "lat": record(f"  {LATS[0]:6.1f}{LATS[-1]:6.1f}{-5.0:6.1f}", "LAT1 / LAT2 / DLAT"),
        "lon": record(f"  {lons[0]:6.1f}{lons[-1]:6.1f}{lons[1] - lons[0]:6.1f}", "LON1 / LON2 / DLON"),
        "exponent": record("    -1", "EXPONENT"),
    } | header
    lines = [*(line for line in records.values() if line is not None), record("", "END OF HEADER")]
    return [*lines, *(line for lines in maps for line in lines), record("", "END OF FILE")]


@pytest.fixture
def read_lines(tmp_path):
    def read(lines):
        path = tmp_path / "small.20i"
        path.write_text("\n".join(lines) + "\n")
        return read_ionex(path)

    return read


NOON = (2020, 1, 8, 12, 0, 0)


@pytest.mark.parametrize(
    ("name", "n_maps", "first", "last", "mean_tecu", "centre"),
    [
        ("codg0080.20i.Z", 25, "2020-01-08T00", "2020-01-09T00", 8.802, "AIUB"),
        ("esag0080.20i.Z", 13, "2020-01-08T00", "2020-01-09T00", 8.512, "ESA/ESOC"),
        ("uqrg1150.19i.Z", 97, "2019-04-25T00", "2019-04-26T00", 10.174, "UPC-IonSAT"),
        ("COD0OPSFIN_20240350000_01D_01H_GIM.INX.gz", 25, "2024-02-04T00", "2024-02-05T00", 34.974, "AIUB"),
        ("IGS0OPSFIN_20240350000_01D_02H_GIM.INX", 13, "2024-02-04T00", "2024-02-05T00", 35.731, "GRL/UWM"),
    ],
)
def test_real_files_hold_the_maps_of_one_day(real_file, name, n_maps, first, last, mean_tecu, centre):
    ds = read_once(real_file(f"ionex/{name}"))
    assert ds.vtec_tecu.shape == ds.rms_tecu.shape == (n_maps, 71, 72)
    assert ds.vtec_tecu.dtype == ds.rms_tecu.dtype == np.float32
    assert ds.time.values[0] == np.datetime64(first)
    assert ds.time.values[-1] == np.datetime64(last)
    assert (np.diff(ds.time.values) == (ds.time.values[-1] - ds.time.values[0]) / (n_maps - 1)).all()
    np.testing.assert_array_equal(ds.lat, np.arange(-87.5, 88, 2.5))
    np.testing.assert_array_equal(ds.lon, np.arange(-180, 180, 5))
    assert global_mean_tecu(ds) == pytest.approx(mean_tecu, abs=0.002)
    assert (ds.source_centre, ds.file_name, ds.shell_height_km, ds.base_radius_km) == (centre, name, 450.0, 6371.0)
    assert ds.vtec_tecu.units == "TECU"


@pytest.mark.parametrize("name", ["codg0080.20i.Z", "COD0OPSFIN_20240350000_01D_01H_GIM.INX.gz"])
def test_peaks_are_those_that_code_lists_in_its_header(real_file, name):
    path = real_file(f"ionex/{name}")
    content = path.read_bytes()
    text = gzip.decompress(content) if name.endswith("gz") else unlzw3.unlzw(content)
    lines = text.decode().splitlines()
    at = next(i for i, line in enumerate(lines) if line.startswith("Peak TEC values")) + 1
    listed = [int(word) for line in lines[at : at + 3] for word in line[:60].split()]
    assert len(listed) == 25
    peaks = read_once(path).vtec_tecu.max(("lat", "lon"))
    np.testing.assert_allclose(peaks, np.array(listed) / 10, atol=1e-5)


def test_first_value_of_the_file_is_the_north_west_corner(real_file):
    ds = read_once(real_file("ionex/IGS0OPSFIN_20240350000_01D_02H_GIM.INX"))
    assert ds.vtec_tecu.sel(lat=87.5, lon=-180)[0] == pytest.approx(14.4)
    assert ds.vtec_tecu.sel(lat=85.0, lon=-175)[0] == pytest.approx(16.7)
    assert ds.rms_tecu.sel(lat=-87.5, lon=-180)[-1] == pytest.approx(1.5)


def test_uqrg_seam_columns_differ_and_are_averaged(real_file):
    ds = read_once(real_file("ionex/uqrg1150.19i.Z"))
    assert ds.vtec_tecu.sel(lat=87.5, lon=-180)[0] == pytest.approx((7.6 + 7.8) / 2)
    assert ds.seam_difference_tecu == pytest.approx(11.5, abs=1e-4)


def test_announced_maps_that_are_not_there(real_file):
    with pytest.raises(InputError, match="announces 12 maps in its header and holds 1 TEC maps"):
        read_ionex(real_file("ionex/gnss-lab_one_map.xxi"))


def test_plain_gzip_and_compress_give_the_same_whatever_the_name(real_file, tmp_path):
    packed = real_file("ionex/esag0080.20i.Z")
    plain = unlzw3.unlzw(packed.read_bytes())
    (tmp_path / "plain").write_bytes(plain)
    (tmp_path / "other.Z").write_bytes(gzip.compress(plain))
    for name in ("plain", "other.Z"):
        assert read_ionex(tmp_path / name).equals(read_once(packed))


def test_grid_values_and_units_of_a_small_file(read_lines):
    ds = read_lines(ionex(tec_map(1, NOON, 50)))
    np.testing.assert_array_equal(ds.lat, LATS[::-1])
    np.testing.assert_array_equal(ds.lon, LONS[:-1])
    assert ds.vtec_tecu.sel(lat=0.0, lon=-160)[0] == pytest.approx(15.1)
    assert "rms_tecu" not in ds
    assert (ds.lat.units, ds.lon.units, ds.mapping_function) == ("degrees_north", "degrees_east", "COSZ")


def test_longitudes_from_0_to_360_are_turned(read_lines):
    lons = tuple(range(0, 361, 20))
    ds = read_lines(ionex(tec_map(1, NOON, 0, lons=lons), lons=lons))
    np.testing.assert_array_equal(ds.lon, LONS[:-1])
    np.testing.assert_allclose(ds.vtec_tecu.sel(lat=5.0)[0], np.roll(np.arange(18), 9) / 10, rtol=1e-6)


def test_missing_values_and_a_seam_with_one_side_missing(read_lines):
    lines = ionex(tec_map(1, NOON, 0))
    at = next(i for i, line in enumerate(lines) if "LAT/LON1" in line) + 1
    lines[at] = " 9999 9999" + lines[at][10:]
    lines[at + 1] = lines[at + 1][:10] + "   40"
    ds = read_lines(lines)
    north = ds.vtec_tecu.sel(lat=5.0)[0]
    assert north[0] == 4.0
    assert np.isnan(north[1])
    assert int(ds.vtec_tecu.isnull().sum()) == 1


def test_exponent_of_the_header_of_a_map_and_by_default(read_lines):
    finer = tec_map(2, (2020, 1, 8, 13, 0, 0), 50, extra=[record("    -2", "EXPONENT")])
    maps = (tec_map(1, NOON, 50), finer, tec_map(3, (2020, 1, 8, 14, 0, 0), 50))
    corner = {"lat": 5.0, "lon": -180}
    np.testing.assert_allclose(read_lines(ionex(*maps)).vtec_tecu.sel(corner), [5.0, 0.5, 5.0])
    whole = ionex(*maps, exponent=record("     0", "EXPONENT"))
    np.testing.assert_allclose(read_lines(whole).vtec_tecu.sel(corner), [50.0, 0.5, 50.0])
    np.testing.assert_allclose(read_lines(ionex(*maps, exponent=None)).vtec_tecu.sel(corner), [5.0, 0.5, 5.0])


def test_hour_24_is_the_next_day_and_maps_are_sorted_and_unique(read_lines):
    maps = [tec_map(1, (2019, 12, 31, 24, 0, 0), 10), tec_map(2, (2019, 12, 31, 22, 0, 0), 20)]
    maps.append(tec_map(3, (2020, 1, 1, 0, 0, 0), 30))
    ds = read_lines(ionex(*maps))
    np.testing.assert_array_equal(ds.time, np.array(["2019-12-31T22", "2020-01-01T00"], "M8[ns]"))
    np.testing.assert_allclose(ds.vtec_tecu.sel(lat=5.0, lon=-180), [2.0, 3.0])


def test_rms_maps_join_by_epoch_and_height_maps_are_passed_over(read_lines):
    later = (2020, 1, 8, 14, 0, 0)
    maps = [tec_map(1, NOON, 0), tec_map(2, later, 0), tec_map(1, later, 70, "RMS"), tec_map(1, NOON, 450, "HEIGHT")]
    ds = read_lines(ionex(*maps))
    assert ds.rms_tecu.sel(lat=5.0, lon=-180)[1] == pytest.approx(7.0)
    assert bool(ds.rms_tecu[0].isnull().all())
    assert ds.sizes["time"] == 2


def edited(old, new, count=1):
    return "\n".join(ionex(tec_map(1, NOON, 0))).replace(old, new, count).split("\n")


REFUSED = {
    "empty": ([""], "is not an IONEX file"),
    "another type": (edited("IONOSPHERE MAPS", "OBSERVATION    "), "is not an IONEX file"),
    "version": (edited("     1.0", "     2.0"), "version 2; versions 1.0 and 1.1"),
    "no end of header": (ionex()[:4], "line 4: the file ends within its header"),
    "no latitudes": (ionex(lat=None), "no header line 'LAT1 / LAT2 / DLAT'"),
    "latitude step": (edited("  -5.0  -5.0", "  -5.0  -3.0"), "LAT1 / LAT2 / DLAT is 5 / -5 / -3"),
    "three dimensions": (ionex(dimension=record("     3", "MAP DIMENSION")), "three-dimensional maps"),
    "heights": (ionex(height=record("   200.0 800.0 100.0", "HGT1 / HGT2 / DHGT")), "200 / 800 / 100"),
    "cut within a row": (ionex(tec_map(1, NOON, 0))[:16], "line 16: the file is cut off within TEC map 1"),
    "cut between rows": (ionex(tec_map(1, NOON, 0))[:18], "line 18: the file is cut off within TEC map 1"),
    "short row": (edited("   16   17    0", "   16   17"), "a latitude row holds 18 values, the header's grid 19"),
    "row without its second line": (edited("   16   17    0\n", ""), "holds 16 values, the header's grid 19"),
    "long row": (edited("   16   17    0", "   16   17    0\n   19"), "'19' stands where a latitude row of 19 values"),
    "no number": (edited("   16   17    0", "   16   1x    0"), "line 15: TEC map 1: '16   1x    0' is not a line of"),
    "other grid": (edited("     5.0-180.0", "     4.0-180.0"), "has a row at latitude 4, longitudes -180 to 180 by 20"),
    "epoch": (edited("  2020     1     8", "  2020    13     8"), "2020-13-8 is not a date"),
    "blank epoch": (edited("  2020     1     8", "  2020           8"), "EPOCH OF CURRENT MAP holds '2020 "),
    "no epoch": (edited("EPOCH OF CURRENT MAP", "COMMENT"), "3 latitude rows and no epoch"),
    "rows left out": (ionex(tec_map(1, NOON, 0)[:5] + tec_map(1, NOON, 0)[-1:]), "holds 1 latitude rows and an epoch"),
    "fewer maps": (ionex(tec_map(1, NOON, 0), n_maps=2), "announces 2 maps in its header and holds 1 TEC maps"),
    "no maps": (ionex(), "announces 0 maps in its header and holds 0 TEC maps"),
}


@pytest.mark.parametrize(("lines", "sentence"), REFUSED.values(), ids=REFUSED.keys())
def test_a_damaged_file_is_refused_in_one_sentence(read_lines, lines, sentence):
    with pytest.raises(InputError) as caught:
        read_lines(lines)
    message = str(caught.value)
    assert sentence in message
    assert message.startswith("small.20i")
    assert message.endswith(".")
    assert "\n" not in message


def test_absent_and_damaged_archives(tmp_path, real_file):
    with pytest.raises(InputError, match=r"absent\.Z: cannot be read"):
        read_ionex(tmp_path / "absent.Z")
    cut = tmp_path / "cut.Z"
    cut.write_bytes(real_file("ionex/esag0080.20i.Z").read_bytes()[:2000])
    with pytest.raises(InputError, match=r"cut\.Z"):
        read_ionex(cut)
    cut.write_bytes(gzip.compress(b"     1.0            IONOSPHERE MAPS")[:-9])
    with pytest.raises(InputError, match=r"cut\.Z cannot be decompressed"):
        read_ionex(cut)
