"""Profiles of one occultation: what genuine and made files hold, in which units, and what is refused how."""

import h5py
import numpy as np
import pytest
import xarray as xr
from scipy.io import netcdf_file

from rstmrf.background.abel import TECU_PER_M3_KM, Curtain
from rstmrf.errors import InputError
from rstmrf.readers.occultations import ne_factor, read_netcdf_profile, read_text_profile

IONPRF = "ro/ionPrf_C006.2008.319.07.40.G28.nc"
GNOS_NAME = "FY3D_GNOSX_GBAL_L2_IEDX_20200108_0417_G05_10_MS.NC"
ALT_KM = np.linspace(90.0, 790.0, 71)
NE_EL_CM3 = 8e5 * np.exp(0.5 * (1 - (ALT_KM - 300) / 60 - np.exp(-(ALT_KM - 300) / 60))) + 200.0


def gnos(path, engine, units="el/cm3", along_ray=True, names=("MSL_alt", "elec_Dens", "GEO_lat", "GEO_lon"), **attrs):
    """Write a small file in the form of FY-3 GNOS; attributes are text, as seen in the wild."""
    alt, dens, lat, lon = names
    data = {alt: ("dim_lev2a", ALT_KM, {"units": "km"})}
    data[dens] = ("dim_lev2a", NE_EL_CM3, {"units": units} if units else {})
    if along_ray:
        data[lat] = ("dim_lev2a", np.linspace(-12.0, -8.0, ALT_KM.size), {"units": "degrees_north"})
        data[lon] = ("dim_lev2a", np.linspace(358.0, 361.0, ALT_KM.size) % 360, {"units": "degrees_east"})
    given = {"Year": "2020", "Doy": "8", "Hour": "04", "Minute": "17", "Lat": "-10.5", "Lon": "200.25"} | attrs
    ds = xr.Dataset(data, attrs={name: value for name, value in given.items() if value is not None})
    ds.to_netcdf(path, engine=engine)
    return path


def text(folder, name="20200108_0417_2.txt", head="lon lat alt Ne\n", separator=" "):
    rows = [separator.join(map(str, (200.5, -10.0, alt, ne * 1e6))) for alt, ne in zip(ALT_KM, NE_EL_CM3, strict=True)]
    path = folder / name
    path.write_text(head + "\n".join(rows) + "\n")
    return path


def test_genuine_ionprf_is_read_as_an_independent_reader_sees_it(real_file):
    path = real_file(IONPRF)
    profile = read_netcdf_profile(path)
    raw = netcdf_file(str(path), "r", mmap=False)
    dens = raw.variables["ELEC_dens"][:].astype(float)
    assert profile.kind == "CDAAC ionPrf" and not profile.single_position
    np.testing.assert_array_equal(profile.ne_m3, dens * 1e6)
    np.testing.assert_array_equal(profile.alt_km, raw.variables["MSL_alt"][:])
    np.testing.assert_allclose(profile.lon, raw.variables["GEO_lon"][:], atol=1e-5)
    assert profile.ne_m3.size == 419 and (profile.ne_m3 <= 0).sum() == 22


def test_genuine_ionprf_holds_the_peak_and_the_epoch_its_header_states(real_file):
    path = real_file(IONPRF)
    profile = read_netcdf_profile(path)
    header = netcdf_file(str(path), "r", mmap=False)
    peak = profile.ne_m3.argmax()
    assert profile.ne_m3[peak] == pytest.approx(2.2207973e11, rel=1e-6) == header.edmax * 1e6
    assert profile.alt_km[peak] == pytest.approx(212.20076, abs=1e-4) == header.edmaxalt
    assert profile.lat[peak] == pytest.approx(header.edmaxlat, abs=1e-4)
    assert profile.time == np.datetime64("2008-11-14T07:41:13")
    assert profile.time == np.datetime64("1980-01-06") + np.timedelta64(int(header.edmaxtime), "s")


def test_genuine_ionprf_carries_slant_tec_of_both_sides_of_the_ray(real_file):
    """Its own density, integrated up to the receiver on both sides of the tangent point, gives its calibrated TEC."""
    profile = read_netcdf_profile(real_file(IONPRF))
    order = np.argsort(profile.alt_km)
    alt_km, ne_m3, slant = (x[order] for x in (profile.alt_km, profile.ne_m3, profile.slant_tecu))
    curtain = Curtain(alt_km, np.array([-40.0, 0.0, 40.0]))
    for at in (np.argmin(abs(alt_km - h)) for h in (150.0, 300.0, 500.0)):
        whole = curtain.rays_km(alt_km[at]).sum(axis=1)[0] @ ne_m3 * TECU_PER_M3_KM
        assert slant[at] == pytest.approx(whole, rel=0.02)
    assert np.isfinite(profile.azimuth_deg).all() and np.ptp(profile.azimuth_deg) < 30


@pytest.mark.parametrize("kept_bytes", [3, 40, 900, 4000, 9000])
def test_truncated_netcdf_names_the_file(real_file, tmp_path, kept_bytes):
    path = tmp_path / "ionPrf_cut.nc"
    path.write_bytes(real_file(IONPRF).read_bytes()[:kept_bytes])
    with pytest.raises(InputError, match=r"ionPrf_cut\.nc: cannot be read as netCDF, perhaps cut short"):
        read_netcdf_profile(path)


@pytest.mark.parametrize("engine", ["h5netcdf", "scipy"])
def test_gnos_is_read_from_netcdf4_and_netcdf3(tmp_path, engine):
    profile = read_netcdf_profile(gnos(tmp_path / GNOS_NAME, engine))
    assert profile.kind == "FY-3 GNOS"
    assert profile.time == np.datetime64("2020-01-08T04:17")
    np.testing.assert_array_equal(profile.ne_m3, NE_EL_CM3 * 1e6)
    assert profile.lon[0] == -2.0 and profile.lon[-1] == 1.0  # 0..360 becomes -180..180
    assert (tmp_path / GNOS_NAME).read_bytes()[:3] == (b"CDF" if engine == "scipy" else b"\x89HD")


def test_gnos_without_positions_along_the_ray_uses_its_single_position(tmp_path):
    profile = read_netcdf_profile(gnos(tmp_path / GNOS_NAME, "h5netcdf", along_ray=False))
    assert profile.single_position
    assert set(profile.lat) == {-10.5} and set(profile.lon) == {-159.75}
    with pytest.raises(InputError, match="no latitude"):
        read_netcdf_profile(gnos(tmp_path / "bare.nc", "scipy", along_ray=False, Lat=None))


def test_names_are_matched_without_regard_to_case(tmp_path):
    names = ("msl_ALT", "ELEC_DENS", "Latitude", "LONGITUDE")
    profile = read_netcdf_profile(gnos(tmp_path / GNOS_NAME, "h5netcdf", names=names))
    assert profile.ne_m3.max() == pytest.approx(NE_EL_CM3.max() * 1e6) and not profile.single_position


def test_epoch_from_month_and_day_from_doy_and_from_the_name(tmp_path):
    leap = gnos(tmp_path / "doy.nc", "scipy", Doy=np.int32(366), Hour=23, Minute=59, Second=30.5)
    assert read_netcdf_profile(leap).time == np.datetime64("2020-12-31T23:59:30.500")
    dated = gnos(tmp_path / "dated.nc", "scipy", Month="2", Day="29")
    assert read_netcdf_profile(dated).time == np.datetime64("2020-02-29T04:17")
    named = gnos(tmp_path / GNOS_NAME, "scipy", Year=None)
    assert read_netcdf_profile(named).time == np.datetime64("2020-01-08T04:17")
    with pytest.raises(InputError, match="no epoch; accepted are Year"):
        read_netcdf_profile(gnos(tmp_path / "undated.nc", "scipy", Year=None))
    with pytest.raises(InputError, match="no date and time of the calendar"):
        read_netcdf_profile(gnos(tmp_path / "odd.nc", "scipy", Doy="-999"))


@pytest.mark.parametrize("unit", ["el/cm3", "cm-3", "cm^-3", "1/cm3", "el/cm**3", "electrons cm^-3", "#/cm3", "El/CM3"])
def test_a_density_per_cubic_centimetre_is_a_million_per_cubic_metre(unit):
    assert ne_factor(unit) == 1e6


@pytest.mark.parametrize("unit", ["m-3", "el/m3", "m^-3", "1/m^3", "electrons/m3", "m⁻³"])
def test_a_density_per_cubic_metre_stays(unit):
    assert ne_factor(unit) == 1.0


@pytest.mark.parametrize("unit", ["TECU", "mm-3", "1e5/cm3", "log10(m-3)", "km"])
def test_other_units_are_refused(unit):
    with pytest.raises(InputError, match="accepted units of electron density are el/cm3"):
        ne_factor(unit)


def test_a_density_without_unit_is_refused_with_the_remedy(tmp_path):
    path = gnos(tmp_path / GNOS_NAME, "h5netcdf", units=None)
    with pytest.raises(
        InputError, match=r"MS\.NC: the electron density has no attribute 'units'; name the unit with ne_"
    ):
        read_netcdf_profile(path)
    np.testing.assert_array_equal(read_netcdf_profile(path, "el/cm3").ne_m3, NE_EL_CM3 * 1e6)
    with pytest.raises(InputError, match=r"the attribute 'units' of the electron density is 'TECU'"):
        read_netcdf_profile(gnos(tmp_path / "tec.nc", "scipy", units="TECU"))


def test_undeclared_fill_is_missing_and_missing_variables_are_listed(tmp_path):
    path = gnos(tmp_path / GNOS_NAME, "h5netcdf")
    with h5py.File(path, "r+") as file:
        file["elec_Dens"][3] = -999.0
        del file["elec_Dens"].attrs["_FillValue"]
    assert np.isnan(read_netcdf_profile(path).ne_m3[3])
    names = ("MSL_alt", "foF2", "GEO_lat", "GEO_lon")
    with pytest.raises(InputError, match=r"no variable of electron density; found .*fof2"):
        read_netcdf_profile(gnos(tmp_path / "other.nc", "scipy", names=names))


@pytest.mark.parametrize(
    ("head", "separator"), [("", " "), ("lon,lat,alt,Ne\n", ","), ("# of FY-3D\n", ", "), ("", "\t")]
)
def test_text_takes_its_time_from_the_name(tmp_path, head, separator):
    profile = read_text_profile(text(tmp_path, head=head, separator=separator))
    assert profile.time == np.datetime64("2020-01-08T04:17")
    assert set(profile.lon) == {-159.5} and set(profile.lat) == {-10.0}
    np.testing.assert_allclose(profile.ne_m3, NE_EL_CM3 * 1e6, rtol=1e-12)
    np.testing.assert_array_equal(profile.alt_km, ALT_KM)


def test_text_is_in_cubic_metres_unless_told_otherwise(tmp_path):
    path = text(tmp_path)
    np.testing.assert_array_equal(read_text_profile(path, "el/cm3").ne_m3, read_text_profile(path).ne_m3 * 1e6)


def test_damaged_text_names_file_and_line(tmp_path):
    path = text(tmp_path, head="")
    path.write_text(path.read_text() + "200.5 -10.0 80\n")
    with pytest.raises(InputError, match=r"20200108_0417_2\.txt: line 72 is '200.5 -10.0 80'; expected four numbers"):
        read_text_profile(path)
    with pytest.raises(InputError, match="the name holds no time"):
        read_text_profile(text(tmp_path, name="readme.txt"))
    with pytest.raises(InputError, match="no date and time of the calendar"):
        read_text_profile(text(tmp_path, name="20201308_0417.txt"))


def test_a_latitude_beyond_the_pole_is_refused(tmp_path):
    path = tmp_path / "20200108_0417.txt"
    path.write_text("10 95.5 300 1e12\n")
    with pytest.raises(InputError, match=r"latitude 95\.5 at point 0 is out of range; accepted is -90 to 90 degrees"):
        read_text_profile(path)
