"""One occultation, one profile: the text form, CDAAC ionPrf and FY-3 GNOS netCDF, brought to the same units."""

import io
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import xarray as xr
from jaxtyping import Float
from scipy.io import netcdf_file

from rstmrf.errors import InputError, quoted
from rstmrf.files import read_bytes, read_start, refusing_damage, text_lines
from rstmrf.readers.netcdf import check_sizes, numbers, open_netcdf
from rstmrf.readers.profile_epoch import attribute_number, epoch_of, time_from_name
from rstmrf.units import wrap_longitude

#: numbers that stand for "missing" in files that forget to declare a _FillValue
FILL_VALUES = (-999.0, -9999.0, -99999.0)
#: a profile has some hundred to some ten thousand points
MOST_VALUES, LARGEST_TEXT_MB, LARGEST_NETCDF3_MB = 1 << 21, 8, 64

NE_NAMES = ("elec_dens", "elecdens", "electron_density", "edens", "ne")
ALT_NAMES = ("msl_alt", "alt", "altitude", "height")
LAT_NAMES = ("geo_lat", "lat", "latitude")
LON_NAMES = ("geo_lon", "lon", "longitude")
#: what a file may give beside them; CDAAC's azimuth is that from receiver to transmitter, its TEC is of both sides of
#: the tangent point, up to the receiver's height
OPTIONAL_NAMES = {"sigma_log10_ne": "sigma_log10_ne", "azimuth_deg": "occ_azi", "slant_tecu": "tec_cal"}

_COUNTED = ("", "1", "#", "e", "el", "electron", "electrons")
NE_UNITS = {f"{who}{form}": factor for who in _COUNTED for form, factor in (("/cm3", 1e6), ("/m3", 1.0))}
NE_UNITS |= {f"{who}{form}": factor for who in _COUNTED if who != "1" for form, factor in (("cm-3", 1e6), ("m-3", 1.0))}
NE_UNITS |= {f"{who}/cc": 1e6 for who in _COUNTED}
KM_UNITS = dict.fromkeys(("km", "kilometer", "kilometers", "kilometre", "kilometres"), 1.0)
KM_UNITS |= dict.fromkeys(("m", "meter", "meters", "metre", "metres"), 1e-3)


@dataclass(frozen=True)
class Profile:
    """One occultation as read, in common units; NaN where the file has nothing.

    `lat` [deg north], `lon` [deg east, -180 to 180), `alt_km` [km], `ne_m3` [m⁻³, may be negative in CDAAC files],
    `sigma_log10_ne` [1], `azimuth_deg` of the ray [deg east of north] and its `slant_tecu` [TECU] share a shape; `time`
    [datetime64[ns]] is one epoch for all its points.
    """

    path: Path
    kind: str
    time: np.datetime64
    lat: Float[np.ndarray, " point"]
    lon: Float[np.ndarray, " point"]
    alt_km: Float[np.ndarray, " point"]
    ne_m3: Float[np.ndarray, " point"]
    sigma_log10_ne: Float[np.ndarray, " point"] | None = None
    azimuth_deg: Float[np.ndarray, " point"] | None = None
    slant_tecu: Float[np.ndarray, " point"] | None = None
    single_position: bool = False


def ne_factor(unit: str, where: str = "ne_unit") -> float:
    """Factor to m⁻³ of a density unit as written in files: el/cm3, cm-3, cm^-3, m**-3, electrons/m3.

    Raises InputError for a unit that is not known; `where` is how its sentence begins.
    """
    plain = str(unit).lower().replace("⁻³", "-3").replace("³", "3").replace("per", "/")
    factor = NE_UNITS.get(re.sub(r"[\s^*()._]", "", plain))
    if factor is None:
        raise InputError(
            f"{where} is '{quoted(unit)}'; accepted units of electron density are el/cm3, cm-3, el/m3 and m-3."
        )
    return factor


def read_text_profile(path: Path, ne_unit: str | None = None) -> Profile:
    """Read `YYYYMMDD_HHMM[_n].txt`: columns lon [deg], lat [deg], alt [km], Ne [m⁻³ unless `ne_unit` says otherwise].

    Columns are parted by blanks or commas; a header and lines that begin with # % ! are passed over.
    Raises InputError if the name holds no time, a line is not four numbers, or a coordinate is out of range.
    """
    time = time_from_name(path)
    if time is None:
        raise InputError(f"{path}: the name holds no time; a text profile is named YYYYMMDD_HHMM.txt.")
    table = np.array(_text_rows(path), dtype=np.float64)
    if not len(table):
        raise InputError(f"{path}: no line of numbers found; expected the columns lon, lat, alt (km), Ne (m-3).")
    lon, lat, alt_km, ne = (_fill_to_nan(column) for column in table.T)
    return _profile(path, "text", time, lat, lon, alt_km, ne * ne_factor(ne_unit or "m-3"))


def read_netcdf_profile(path: Path, ne_unit: str | None = None, content: bytes | None = None) -> Profile:
    """Read one CDAAC ionPrf or FY-3 GNOS file, netCDF-3 or netCDF-4; names are matched without regard to case.

    `content` is what the file holds, where it is in memory already, as a member of an archive; `path` then names it.

    The density's unit is `ne_unit` if given, else its `units` attribute. The epoch comes from the global attributes
    (year, month, day or doy, hour, minute, second), else `edmaxtime`, else the file's name: it is the time of the
    density maximum in CDAAC files, as written there (GPS seconds, some 15 s ahead of UTC). Positions run along the
    tangent points where the file has them, else the single position of the attributes serves for all. Of ionPrf,
    `OCC_azi` and `TEC_cal` are read too: the azimuth and the calibrated TEC of each ray.

    Raises InputError if the file is not readable, or lacks density, unit, altitude, position or epoch.
    """
    variables, attrs = _load_netcdf(path, content)
    dens = _variable(variables, NE_NAMES, path, "electron density")
    alt = _variable(variables, ALT_NAMES, path, "altitude")
    ne_m3 = _values(dens, path) * _netcdf_ne_factor(dens, path, ne_unit)
    alt_km = _values(alt, path) * _km_factor(alt, path)
    along_ray = all(any(name in variables for name in names) for names in (LAT_NAMES, LON_NAMES))
    if along_ray:
        lat, lon = (_values(_variable(variables, names, path, "position"), path) for names in (LAT_NAMES, LON_NAMES))
        along_ray = lat.size > 1
    if not along_ray:
        lat, lon = (np.full(ne_m3.shape, _position(variables, attrs, names, path)) for names in (LAT_NAMES, LON_NAMES))
    optional = {ours: _values(variables[name], path) for ours, name in OPTIONAL_NAMES.items() if name in variables}
    kind = "CDAAC ionPrf" if "edmaxtime" in attrs or path.name.lower().startswith("ionprf") else "FY-3 GNOS"
    return _profile(path, kind, epoch_of(path, attrs), lat, lon, alt_km, ne_m3, not along_ray, **optional)


def _profile(path, kind, time, lat, lon, alt_km, ne_m3, single_position=False, **optional) -> Profile:
    sizes = {np.size(v) for v in (lat, lon, alt_km, ne_m3, *optional.values())}
    if len(sizes) > 1:
        raise InputError(f"{path}: its columns differ in length ({sorted(sizes)} points); they must all be the same.")
    for name, values, low, high in (("latitude", lat, -90.0, 90.0), ("longitude", lon, -360.0, 360.0)):
        outside = np.flatnonzero((values < low) | (values > high))
        if outside.size:
            found = f"{name} {values[outside[0]]:g} at point {outside[0]}"
            raise InputError(f"{path}: {found} is out of range; accepted is {low:g} to {high:g} degrees.")
    lon = wrap_longitude(lon)
    return Profile(path, kind, time, lat, lon, alt_km, ne_m3, single_position=single_position, **optional)


def _text_rows(path: Path) -> list[list[float]]:
    rows = []
    content = read_bytes(path, "a text profile YYYYMMDD_HHMM.txt", LARGEST_TEXT_MB)
    lines = text_lines(content, path, errors="strict")
    for number, line in enumerate(lines, start=1):
        words = line.replace(",", " ").split()
        if not words or words[0][0] in "#%!":
            continue
        try:
            row = [float(word) for word in words]
        except ValueError:
            row = []
        if len(row) == 4:
            rows.append(row)
        elif rows or row:  # words before the first numbers are a header; anything later is damage
            raise InputError(
                f"{path}: line {number} is '{quoted(line)}'; expected four numbers: lon lat alt(km) Ne(m-3)."
            )
    return rows


def _load_netcdf(path: Path, content: bytes | None = None) -> tuple[Mapping[str, xr.Variable], dict]:
    """Variables and global attributes, all in memory, by lower-case names."""
    wanted = "ionPrf or GNOS netCDF"
    start = read_start(path, wanted) if content is None else content[:8]
    if start.startswith(b"CDF"):
        with refusing_damage(f"{path}: cannot be read as netCDF, perhaps cut short ({{}}); fetch it again."):
            found = _load_netcdf3(read_bytes(path, wanted, LARGEST_NETCDF3_MB) if content is None else content)
    else:
        with open_netcdf(path, wanted, MOST_VALUES, content=content, decode_times=False) as ds:
            found = {name: variable.load() for name, variable in ds.variables.items()}, ds.attrs
    variables, attrs = ({str(name).lower(): value for name, value in part.items()} for part in found)
    return variables, attrs


def _load_netcdf3(content: bytes) -> tuple[dict, dict]:
    """Opened without xarray, whose opening takes most of the time where thousands of small files are read."""
    variables = {}
    with netcdf_file(io.BytesIO(content), mmap=False, maskandscale=True) as file:
        check_sizes({name: found.shape for name, found in file.variables.items()}, MOST_VALUES)
        for name, found in file.variables.items():
            values = found[...]
            if np.ma.isMaskedArray(values):
                values = values.astype(np.float64).filled(np.nan)
            variables[name] = xr.Variable(found.dimensions, values, _decoded(found._attributes), fastpath=True)
        return variables, _decoded(file._attributes)


def _decoded(attrs: Mapping) -> dict:
    return {k: v.decode("latin-1") if isinstance(v, bytes) else v for k, v in attrs.items()}


def _variable(variables: Mapping[str, xr.Variable], names, path: Path, what: str) -> xr.Variable:
    for name in names:
        if name in variables:
            return variables[name]
    found = quoted(", ".join(variables) or "none")
    raise InputError(f"{path}: no variable of {what}; found {found}, accepted names are {', '.join(names)}.")


def _values(variable: xr.Variable, path: Path) -> Float[np.ndarray, " point"]:
    try:
        return _fill_to_nan(numbers(variable.values).ravel())
    except TypeError as error:
        raise InputError(f"{path}: {error}.") from None


def _fill_to_nan(values: Float[np.ndarray, " point"]) -> Float[np.ndarray, " point"]:
    return np.where(np.isin(values, FILL_VALUES), np.nan, values)


def _units(variable: xr.Variable) -> str:
    return str(variable.attrs.get("units", variable.attrs.get("Units", ""))).strip()


def _netcdf_ne_factor(dens: xr.Variable, path: Path, ne_unit: str | None) -> float:
    if ne_unit:
        return ne_factor(ne_unit)
    if not _units(dens):
        remedy = "name the unit with ne_unit='el/cm3' or ne_unit='m-3'"
        raise InputError(f"{path}: the electron density has no attribute 'units'; {remedy}.")
    return ne_factor(_units(dens), f"{path}: the attribute 'units' of the electron density")


def _km_factor(alt: xr.Variable, path: Path) -> float:
    unit = _units(alt) or "km"  # both formats define MSL_alt in km
    if unit.lower() not in KM_UNITS:
        raise InputError(f"{path}: the attribute 'units' of the altitude is '{quoted(unit)}'; accepted are km and m.")
    return KM_UNITS[unit.lower()]


def _position(variables, attrs: Mapping, names, path: Path) -> float:
    """One coordinate [deg] for the whole profile: the attribute, or a variable that holds a single number."""
    single = {name: variables[name].values for name in names if name in variables and variables[name].size == 1}
    value = attribute_number({**attrs, **single}, *names)
    if value is None:
        raise InputError(
            f"{path}: no {names[-1]}; a variable as long as the density, or an attribute Lat/Lon is needed."
        )
    return value
