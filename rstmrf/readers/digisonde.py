"""Vertical sounding: profiles of digisondes, in the plain text form and in SAO 4.3.

A sounder's echoes come from below the peak of the F2 layer. What a profile says above hmF2, and within a valley, is the
analysing program's own model; here all above hmF2 has the flag `measured` False. The valley cannot be told apart.
"""

import gzip
import re
import zlib
from pathlib import Path
from typing import NamedTuple

import numpy as np
import xarray as xr

from rstmrf.errors import InputError
from rstmrf.readers.station_points import station_place, station_points
from rstmrf.units import NE_PER_MHZ2

TIME_LINE = re.compile(r"(\d{4})[.-](\d{2})[.-](\d{2})(?:\s*\(\d{3}\))?[\sT]+(\d{2}):(\d{2}):(\d{2})")
NO_PROFILE = "NO FULL PROFILE DATA"
#: numbers on a line of each of SAO's groups 1 to 60, which are told apart by nothing but their count of lines
SAO_PER_LINE = [16, 1, 120, 15, 60, 16, 15, 15, 40, 120, 15, 15, 15, 40, 120, 15, 15, 15, 40, 120]
SAO_PER_LINE += [15, 15, 40, 120, 15, 15, 40, 120, 15, 15, 40, 120, 15, 40, 40, 40, 10, 10, 10, 6]
SAO_PER_LINE += [120, 10, 15, 40, 120, 15, 15, 40, 120, 15, 15, 15, 15, 120, 120, 120, 10, 15, 15, 15]
SAO_GROUPS, INDEX_LINE, INDEX_WIDTH = 80, 40, 3
CONSTANTS, STAMP, HEIGHTS, FREQUENCIES, DENSITIES = 1, 3, 51, 52, 53
WIDTHS = {CONSTANTS: 7, HEIGHTS: 8, FREQUENCIES: 8, DENSITIES: 8}
#: an E layer seen alone is no F2 peak
LOWEST_PEAK_KM = 150.0


class Sounding(NamedTuple):
    """One profile: time, latitude and longitude [deg], heights [km] and densities [m⁻³], each `[Z]`."""

    time: np.datetime64
    lat: float
    lon: float
    alt_km: np.ndarray
    ne_m3: np.ndarray


def read_digisonde_text(path: str | Path, lat=None, lon=None, credit="") -> xr.Dataset:
    """Read whole profiles in the text form of GIRO's profile service, plain or gzipped.

    A line of time, `2018.02.01 (032) 00:00:05` (UT), is followed by a line of heights [km], one of plasma frequencies
    [MHz] and an empty one; Ne [m⁻³] = 1.24e10 f². Where no profile was found the file says so, and it is passed over.
    `lat` and `lon` [deg] are the station's, which the form does not hold; `credit` is kept in the attributes.

    Raises InputError without a place, for a file that cannot be read, or lines that do not fit together.
    """
    path = Path(path)
    place = station_place(lat, lon, path)
    lines, soundings = _lines(path), []
    for number, line in enumerate(lines):
        match = TIME_LINE.match(line)
        if not match:
            continue
        heights, frequencies = (lines[number + i].strip() if number + i < len(lines) else "" for i in (1, 2))
        if heights == NO_PROFILE:
            continue
        alt_km, mhz = _numbers(heights), _numbers(frequencies)
        if alt_km is None or mhz is None or len(alt_km) != len(mhz) or not len(alt_km):
            raise InputError(
                f"{path}: after line {number + 1}, {line.strip()!r}, come no two lines of as many heights (km) as "
                "plasma frequencies (MHz)."
            )
        year, month, day, *clock = match.groups()
        time = _moment(path, f"{year}-{month}-{day}T{':'.join(clock)}")
        soundings.append(Sounding(time, *place, alt_km, NE_PER_MHZ2 * mhz**2))
    if not soundings:
        raise InputError(f"{path}: holds no profile; each begins with a line such as '2018.02.01 (032) 00:00:05'.")
    return _dataset(path, soundings, credit)


def read_sao(path: str | Path, lat=None, lon=None, credit="") -> xr.Dataset:
    """Read the profiles of an SAO 4 file, one record or many: groups 51 (true heights, km), 52 (plasma frequencies,
    MHz) and 53 (densities, cm⁻³).

    Two lines of 40 counts open a record, one count for each of 80 groups; every group that has one follows on lines of
    its own. Density is taken from group 52 where it is there, for 53 has four digits only. The place is that of group
    1 (latitude, longitude east) unless `lat` and `lon` [deg] are given, the time (UT) that of group 3.

    Raises InputError for a file that cannot be read, is cut short, or holds no profile.
    Source: Standard Archiving Output (SAO) Format 4.3, Univ. of Massachusetts Lowell, ulcar.uml.edu/~iag/SAO-4.3.htm.
    """
    path = Path(path)
    lines, soundings, at = _lines(path), [], 0
    while at < len(lines):
        if not lines[at].strip():  # between records; within one, a line of letters may be blank
            at += 1
            continue
        groups, at = _record(path, lines, at)
        if HEIGHTS in groups and (FREQUENCIES in groups or DENSITIES in groups):
            soundings.append(_sounding(path, groups, lat, lon))
    if not soundings:
        raise InputError(f"{path}: holds no profile; it needs groups 51 (heights) and 52 or 53 of SAO 4.")
    return _dataset(path, soundings, credit)


def _record(path, lines, at) -> tuple[dict[int, list[str]], int]:
    """Lines of each group of the record that begins at a line, and the line after it."""
    counts = [_slices(line, INDEX_LINE, INDEX_WIDTH) for line in lines[at : at + 2]]
    try:
        counts = [int(text) if text.strip() else 0 for line in counts for text in line]
    except ValueError:
        counts = []
    if len(counts) != SAO_GROUPS or min(counts) < 0:
        raise InputError(f"{path}: line {at + 1} opens no SAO record; two lines of 40 counts, 3 wide, are expected.")
    at, groups = at + 2, {}
    # the last count tells the version; groups beyond those of 4.3 have no known form
    for number, (n, per_line) in enumerate(zip(counts, SAO_PER_LINE, strict=False), start=1):
        n_lines = -(-n // per_line)
        if at + n_lines > len(lines):
            raise InputError(f"{path}: ends within group {number} of SAO, perhaps cut short; fetch it again.")
        if n:
            groups[number] = lines[at : at + n_lines]
            if number in WIDTHS:
                groups[number] = _values(path, number, groups[number], n, per_line)
        at += n_lines
    return groups, at


def _values(path, number, lines, n, per_line):
    texts = [text for line in lines for text in _slices(line, per_line, WIDTHS[number])][:n]
    try:
        return np.array([float(text) for text in texts])
    except ValueError as error:
        raise InputError(f"{path}: group {number} of SAO holds {error}, where numbers are expected.") from error


def _sounding(path, groups, lat, lon) -> Sounding:
    alt_km = groups[HEIGHTS]
    ne_m3 = NE_PER_MHZ2 * groups[FREQUENCIES] ** 2 if FREQUENCIES in groups else 1e6 * groups[DENSITIES]
    if len(ne_m3) != len(alt_km):
        raise InputError(f"{path}: {len(alt_km)} heights and {len(ne_m3)} densities; they must be as many.")
    stamp = "".join(groups.get(STAMP, [""]))
    match = re.match(r"[A-Z]{2}(\d{4})(\d{3})(\d{2})(\d{2})(\d{2})(\d{2})(\d{2})", stamp)
    if not match:
        raise InputError(f"{path}: group 3 is {stamp[:20]!r}; expected is a time such as FE2018032020100000000 (UT).")
    year, _, month, day, *clock = match.groups()
    if lat is None and lon is None and len(groups.get(CONSTANTS, [])) >= 4:
        lat, lon = groups[CONSTANTS][2:4]
    return Sounding(
        _moment(path, f"{year}-{month}-{day}T{':'.join(clock)}"), *station_place(lat, lon, path), alt_km, ne_m3
    )


def _dataset(path, soundings: list[Sounding], credit) -> xr.Dataset:
    sizes = [len(one.alt_km) for one in soundings]
    alt_km, ne_m3 = (np.concatenate([getattr(one, name) for one in soundings]) for name in ("alt_km", "ne_m3"))
    columns = {name: np.repeat([getattr(one, name) for one in soundings], sizes) for name in ("lat", "lon", "time")}
    measured = np.concatenate([_below_peak(one) for one in soundings])
    good = np.isfinite(alt_km) & np.isfinite(ne_m3) & (ne_m3 > 0)
    columns |= {"alt_km": alt_km, "profile": np.repeat(np.arange(len(sizes)), sizes)}
    columns = {name: values[good] for name, values in columns.items()} | {"log10_ne_m3": np.log10(ne_m3[good])}
    return station_points(path, "digisonde", columns, measured[good], credit=credit)


def _below_peak(one: Sounding) -> np.ndarray:
    """Up to the highest density above 150 km, hmF2; nothing of a profile that ends lower."""
    high = np.where(one.alt_km >= LOWEST_PEAK_KM, one.ne_m3, -np.inf)
    return (one.alt_km <= one.alt_km[np.argmax(high)]) & np.isfinite(high).any()


def _lines(path: Path) -> list[str]:
    try:
        content = path.read_bytes()
        if content.startswith(b"\x1f\x8b"):
            content = gzip.decompress(content)
        return content.decode("ascii").splitlines()
    except (OSError, EOFError, zlib.error, UnicodeDecodeError) as error:
        raise InputError(f"{path}: cannot be read as text, plain or gzipped ({error}).") from error


def _slices(line: str, n: int, width: int) -> list[str]:
    return [line[first : first + width] for first in range(0, min(n * width, len(line.rstrip())), width)]


def _numbers(line: str) -> np.ndarray | None:
    try:
        return np.array([float(word) for word in line.split()])
    except ValueError:
        return None


def _moment(path, text) -> np.datetime64:
    try:
        return np.datetime64(text, "ns")
    except ValueError as error:
        raise InputError(f"{path}: {text} is no date and time of the calendar.") from error
