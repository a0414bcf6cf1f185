"""Radars and digisondes: places, units and uncertainties as their files state them, and what was measured at all."""

import gzip

import h5py
import numpy as np
import pytest

from rstmrf.errors import InputError
from rstmrf.readers.digisonde import SAO_PER_LINE, read_digisonde_text, read_sao
from rstmrf.readers.madrigal import read_madrigal

EISCAT = "real/MAD6400_2021-03-10_beata_ant@uhfa.hdf5"
BOULDER = "real/BC840_2018-02-01_2018-02-13.txt.gz"
UNITS = {"ut1_unix": "s", "ut2_unix": "s", "gdalt": "km", "ne": "m-3", "dne": "m-3"}
HEIGHTS_KM = np.arange(90.0, 410.0, 20.0)
MHZ = 5.0 * np.exp(-(((HEIGHTS_KM - 290.0) / 90.0) ** 2)) + 0.2


def madrigal(path, units=None, place=(69.5, 19.0), beam=None, **columns):
    """A small Madrigal table: three heights at two times."""
    table = {"UT1_UNIX": np.repeat([1.6e9, 1.6e9 + 60], 3), "UT2_UNIX": np.repeat([1.6e9 + 60, 1.6e9 + 120], 3)}
    table |= {"GDALT": np.tile([150.0, 250.0, 350.0], 2), "NE": np.tile([1e10, 1e11, -1e9], 2), "DNE": np.full(6, 1e10)}
    table |= beam or {}
    table |= columns
    rows = np.rec.fromarrays(list(table.values()), names=list(table))
    listed = [(name.upper().encode(), b"", 0, unit.encode()) for name, unit in (UNITS | (units or {})).items()]
    said = [(b"instrument", b"Test radar")]
    if place:
        said += [
            (f"instrument {n}".encode(), str(x).encode()) for n, x in zip(("latitude", "longitude"), place, strict=True)
        ]
    with h5py.File(path, "w") as file:
        file["Data/Table Layout"] = rows
        kinds = [("mnemonic", "S20"), ("description", "S20"), ("isError", "i4"), ("units", "S20")]
        file["Metadata/Data Parameters"] = np.array(listed, kinds)
        file["Metadata/Experiment Parameters"] = np.array(said, [("name", "S30"), ("value", "S30")])
    return path


def test_radar_densities_keep_their_uncertainty(tmp_path):
    found = read_madrigal(madrigal(tmp_path / "radar.hdf5"))
    assert found.sizes["point"] == 4 and found["measured"].all()  # negative densities are left out
    np.testing.assert_allclose(found["log10_ne_m3"], [10, 11, 10, 11])
    np.testing.assert_allclose(found["sigma_log10_ne"][:2], [1 / np.log(10), 0.1 / np.log(10)], rtol=1e-6)
    assert found["profile"].values.tolist() == [0, 0, 1, 1]
    assert found["time"].values[0] == np.datetime64(1_600_000_030, "s")  # the middle of the integration
    assert set(found["lat"].values) == {np.float32(69.5)} and set(found["lon"].values) == {np.float32(19.0)}


def test_units_of_a_radar_are_obeyed_or_refused(tmp_path):
    plain = read_madrigal(madrigal(tmp_path / "plain.hdf5"))
    columns = {"GDALT": np.tile([150e3, 250e3, 350e3], 2), "NE": np.tile([1e4, 1e5, -1e3], 2), "DNE": np.full(6, 1e4)}
    other = read_madrigal(madrigal(tmp_path / "other.hdf5", {"gdalt": "m", "ne": "cm-3", "dne": "cm^-3"}, **columns))
    np.testing.assert_allclose(other["log10_ne_m3"], plain["log10_ne_m3"], rtol=1e-6)
    np.testing.assert_allclose(other["alt_km"], plain["alt_km"])
    for name, unit in (("gdalt", "miles"), ("ne", "lg(m-3)"), ("ut1_unix", "h")):
        with pytest.raises(InputError, match=rf"unit of {name} is .*{unit[:2]}"):
            read_madrigal(madrigal(tmp_path / f"{name}.hdf5", {name: unit}))


def test_a_slanting_beam_leaves_the_station(tmp_path):
    beam = {"AZM": np.full(6, 180.0), "ELM": np.full(6, 45.0), "RANGE": np.tile([212.0, 354.0, 495.0], 2)}
    found = read_madrigal(madrigal(tmp_path / "south.hdf5", beam=beam))
    arc_deg = 69.5 - found["lat"].values[:2]
    np.testing.assert_allclose(found["lon"], 19.0, atol=1e-4)
    # 212 km at 45° lie 150 km out and 150 km up: an angle of atan(150 / 6521) at the Earth's centre
    np.testing.assert_allclose(arc_deg, np.rad2deg(np.arctan2([149.9, 250.3], [6371 + 149.9, 6371 + 250.3])), atol=1e-3)


def test_what_is_no_radar_file_says_so(tmp_path):
    (tmp_path / "text.hdf5").write_text("no HDF5")
    with pytest.raises(InputError, match="cannot be read as a Madrigal HDF5 file"):
        read_madrigal(tmp_path / "text.hdf5")
    with pytest.raises(InputError, match="no place; accepted are columns gdlat and glon"):
        read_madrigal(madrigal(tmp_path / "nowhere.hdf5", place=None))
    with pytest.raises(InputError, match="holds no usable density"):
        read_madrigal(madrigal(tmp_path / "radar.hdf5"), alt_range_km=(600, 700))
    with h5py.File(tmp_path / "bare.hdf5", "w") as file:
        file["Data/Table Layout"] = np.rec.fromarrays([[1.0]], names=["gdalt"])
    with pytest.raises(InputError, match=r"has no ut1_unix, ne; it needs ut1_unix, gdalt \(km\) and ne \(m-3\)"):
        read_madrigal(tmp_path / "bare.hdf5")


def text_form(path, frequencies=MHZ):
    """Two times, the first without a profile."""
    rows = "\n".join(" ".join(f"{x:8.3f}" for x in values) for values in (HEIGHTS_KM, frequencies))
    text = "2018.02.01 (032) 05:50:05\n NO FULL PROFILE DATA \n NO FULL PROFILE DATA \n\n"
    text += f"2018.02.01 (032) 05:55:05\n{rows}\n\n"
    path.write_bytes(gzip.compress(text.encode()) if path.suffix == ".gz" else text.encode())
    return path


@pytest.mark.parametrize("name", ["sounder.txt", "sounder.txt.gz"])
def test_a_sounder_measures_up_to_the_peak(tmp_path, name):
    found = read_digisonde_text(text_form(tmp_path / name), 40.0, 254.7, credit="GIRO")
    np.testing.assert_allclose(10.0 ** found["log10_ne_m3"].astype(float), 1.24e10 * MHZ.round(3) ** 2, rtol=1e-5)
    assert found["alt_km"].values[found["measured"].values].max() == 290.0
    assert found["measured"].sum() == (HEIGHTS_KM <= 290).sum()
    assert found["time"].values[0] == np.datetime64("2018-02-01T05:55:05")
    assert set(found["lon"].values) == {np.float32(-105.3)} and found.attrs["credit"] == "GIRO"


def test_a_strong_layer_below_150_km_is_no_f2_peak(tmp_path):
    found = read_digisonde_text(text_form(tmp_path / "es.txt", np.where(HEIGHTS_KM == 110, 9.0, MHZ)), 40.0, -105.3)
    assert found["alt_km"].values[found["measured"].values].max() == 290.0


def test_a_text_form_needs_a_place_and_lines_that_fit(tmp_path):
    with pytest.raises(InputError, match="names no place; give the station's lat"):
        read_digisonde_text(text_form(tmp_path / "a.txt"))
    with pytest.raises(InputError, match=r"after line 5.*come no two lines of as many heights"):
        read_digisonde_text(text_form(tmp_path / "b.txt", MHZ[:-1]), 40, -105)
    (tmp_path / "c.txt").write_text("height frequency\n100 2\n")
    with pytest.raises(InputError, match="holds no profile; each begins with a line such as"):
        read_digisonde_text(tmp_path / "c.txt", 40, -105)


def sao(densities=True, frequencies=True, letters="", minute=30):
    """One SAO record by the public specification: counts, constants, stamp, some of a trace, and the profile."""
    ne_cm3 = 1.24e4 * MHZ**2
    groups = {1: ["".join(f"{x:7.3f}" for x in (1.4, 66.0, 40.0, 254.7, 12.0))], 2: ["A sounder, 4 words"]}
    groups[3] = [f"FF2018032020105{minute:02d}05"]
    groups[7] = ["".join(f"{x:8.3f}" for x in np.arange(200.0, 215.0)), f"{215.0:8.3f}"]
    groups[51] = ["".join(f"{x:8.3f}" for x in part) for part in (HEIGHTS_KM[:15], HEIGHTS_KM[15:])]
    counts = {1: 5, 2: 1, 3: len(groups[3][0]), 7: 16, 51: len(HEIGHTS_KM)}
    if frequencies:
        groups[52] = ["".join(f"{x:8.3f}" for x in part) for part in (MHZ[:15], MHZ[15:])]
    if densities:
        texts = [f"{x:.2E}".replace("E+0", "E+") for x in ne_cm3]
        groups[53] = ["".join(f"{x:>8}" for x in part) for part in (texts[:15], texts[15:])]
    groups[54] = [letters]
    counts |= {number: len(HEIGHTS_KM) for number in (52, 53) if number in groups} | {54: 16}
    index = "".join(f"{counts.get(number, 0):3d}" for number in range(1, 81))
    lines = [index[:120], index[120:], *(line for number in sorted(groups) for line in groups[number])]
    return "\r\n".join(lines) + "\r\n"


@pytest.mark.parametrize(("kept", "tolerance"), [({"densities": False}, 4e-3), ({"frequencies": False}, 6e-3)])
def test_sao_profiles_are_those_of_groups_51_to_53(tmp_path, kept, tolerance):
    (tmp_path / "one.SAO").write_bytes(sao(**kept).encode())
    found = read_sao(tmp_path / "one.SAO")
    np.testing.assert_allclose(10.0 ** found["log10_ne_m3"].astype(float), 1.24e10 * MHZ**2, rtol=tolerance)
    np.testing.assert_array_equal(found["alt_km"], HEIGHTS_KM)
    assert found["alt_km"].values[found["measured"].values].max() == 290.0
    assert found["time"].values[0] == np.datetime64("2018-02-01T05:30:05")
    assert found["lat"].values[0] == 40 and found["lon"].values[0] == np.float32(-105.3)


def test_sao_records_follow_each_other_and_a_blank_line_of_letters_counts(tmp_path):
    (tmp_path / "day.SAO").write_bytes((sao() + "\r\n" + sao(letters="////", minute=45)).encode())
    found = read_sao(tmp_path / "day.SAO")
    assert np.unique(found["profile"]).tolist() == [0, 1]
    assert (np.diff(np.unique(found["time"])) == np.timedelta64(15, "m")).all()


def test_damaged_sao_names_what_is_wrong(tmp_path):
    path = tmp_path / "cut.SAO"
    path.write_text("\n".join(sao().splitlines()[:8]))
    with pytest.raises(InputError, match=r"cut\.SAO: ends within group 51 of SAO"):
        read_sao(path)
    path.write_text("true heights\n" + sao())
    with pytest.raises(InputError, match="line 1 opens no SAO record; two lines of 40 counts"):
        read_sao(path)
    path.write_text(sao(densities=False, frequencies=False))
    with pytest.raises(InputError, match="holds no profile; it needs groups 51"):
        read_sao(path)
    path.write_text(sao().replace("FF2018032020105", "FF2018032023005"))
    with pytest.raises(InputError, match="is no date and time of the calendar"):
        read_sao(path)


def test_the_specification_has_sixty_groups_of_at_most_120_characters():
    assert len(SAO_PER_LINE) == 60 and max(SAO_PER_LINE) == 120


def test_genuine_radar_file(real_file):
    found = read_madrigal(real_file(EISCAT), alt_range_km=(120.0, 500.0))
    assert found.sizes["point"] == 6844 and np.unique(found["profile"]).size == 300
    assert found["lat"].values.max() < 69.6 and 68.5 < found["lat"].values.min()  # the beam leans to the south
    assert (found["sigma_log10_ne"].values > 0).all()


def test_genuine_sounder_file(real_file):
    found = read_digisonde_text(real_file(BOULDER), 40.0, -105.3)
    assert np.unique(found["profile"]).size == 3658
    high = found["alt_km"].values[found["measured"].values]
    assert 150 < np.median(found["alt_km"].values) and high.max() < 500
