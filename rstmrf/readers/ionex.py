"""IONEX 1.0 and 1.1, the text form of global TEC maps (Schaer, Gurtner and Feltens 1998, with the 2015 revision).

No light, maintained parser exists: `spinifex` has one, but brings a radio-astronomy stack, so the format is read here.
"""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

import numpy as np
import xarray as xr

from rstmrf.errors import InputError, quoted
from rstmrf.files import read_bytes, text_lines, unpacked
from rstmrf.readers.plausible import check_time, plausible_tec
from rstmrf.readers.tec_maps import tec_dataset

MISSING = 9999
VALUES_PER_LINE, VALUE_WIDTH = 16, 5
#: a day of 15 minutes with RMS maps is 6 MB; a month of hours 50
LARGEST_MB, MOST_NODES, LARGEST_EXPONENT = 64, 3601, 10


@dataclass(frozen=True)
class Header:
    """What the header tells of the maps; `lat` and `lon` [deg] stand in the order of the file."""

    n_maps: int | None
    lat: np.ndarray
    lon: np.ndarray
    exponent: int
    n_lines: int
    attrs: dict


def read_ionex(path) -> xr.Dataset:
    """Read one IONEX file, plain, gzip (`.gz`) or compress (`.Z`), told apart by content.

    Returns `vtec_tecu` and, where the file has RMS maps, `rms_tecu`, both float32 [TECU] over (time, lat, lon), on the
    file's own grid: latitude ascending, longitude ascending in [-180, 180) with the two columns of the seam averaged
    (`seam_difference_tecu` in the attributes tells by how much they differed). A missing value, 9999, is NaN. Epochs
    are those of the maps: some headers (UQRG: 23:59:24) name another last one. Height maps are passed over.

    An EXPONENT record inside a map holds for the rest of that map, the header's for all others.

    Values beyond −5 to 500 TECU are missing, with a warning and their number in the attribute `implausible_cells`.

    Raises InputError: absent or damaged file, not IONEX, three-dimensional maps, a map cut off or incomplete, a
    number that cannot be read, more or fewer TEC maps than the header announces, implausible times or values
    throughout, more than 64 MB when unpacked.
    """
    path = Path(path)
    content = read_bytes(path, "an IONEX file", LARGEST_MB)
    lines = text_lines(unpacked(content, path.name, LARGEST_MB), path.name, "latin-1")
    del content
    header = _read_header(lines, path.name)
    tec, rms = _read_maps(lines, header, path.name)
    epochs = [epoch for epoch, _ in tec]
    check_time(epochs, path.name)
    values, implausible = plausible_tec(np.stack([values for _, values in tec]), path.name)
    maps = {"vtec_tecu": values}
    if rms:
        nothing = np.full(maps["vtec_tecu"].shape[1:], np.nan, np.float32)
        by_epoch = dict(rms)
        maps["rms_tecu"] = np.stack([by_epoch.get(epoch, nothing) for epoch in epochs])
    attrs = header.attrs | ({"implausible_cells": implausible} if implausible else {})
    return tec_dataset(epochs, header.lat, header.lon, maps, attrs)


def _fail(name, index, sentence) -> NoReturn:
    raise InputError(f"{name}, line {index + 1}: {sentence}")


def _label(line: str) -> str:
    return line[60:80].strip()


def _numbers(lines, index, name, first_column, width, count, kind=float):
    """The fixed-width numbers of one labelled record."""
    line = lines[index]
    starts = range(first_column, first_column + width * count, width)
    try:
        found = [kind(line[start : start + width]) for start in starts]
        if np.isfinite(found).all():
            return found
        raise ValueError
    except ValueError:
        found = quoted(line[first_column : first_column + width * count])
        _fail(name, index, f"{_label(line)} holds '{found}'; {count} number(s) of {width} columns each are needed.")


def _read_header(lines, name) -> Header:
    if not lines or _label(lines[0]) != "IONEX VERSION / TYPE" or lines[0][20:21] != "I":
        raise InputError(f"{name} is not an IONEX file: its first line must be 'IONEX VERSION / TYPE' of type I.")
    records = {}
    for index, line in enumerate(lines):
        if _label(line) == "END OF HEADER":
            break
        records.setdefault(_label(line), index)
    else:
        _fail(name, len(lines) - 1, "the file ends within its header; a line END OF HEADER is needed.")

    def read(label, layout, default=None):
        if label in records:
            return _numbers(lines, records[label], name, *layout)
        if default is None:
            raise InputError(f"{name} has no header line '{label}', which IONEX requires.")
        return default

    (version,) = read("IONEX VERSION / TYPE", (0, 8, 1))
    if not 1 <= version < 2:
        raise InputError(f"{name} is IONEX version {version:g}; versions 1.0 and 1.1 are read.")
    height = read("HGT1 / HGT2 / DHGT", (2, 6, 3), (450.0, 450.0, 0.0))
    (dimension,) = read("MAP DIMENSION", (0, 6, 1, int), (2,))
    if dimension != 2 or height[2] != 0 or height[0] != height[1]:
        found = f"MAP DIMENSION {dimension}, HGT1 / HGT2 / DHGT {height[0]:g} / {height[1]:g} / {height[2]:g}"
        raise InputError(f"{name} holds three-dimensional maps ({found}); only two-dimensional TEC maps are read.")

    def text(label, columns):
        return lines[records[label]][columns].strip() if label in records else ""

    attrs = {
        "source_centre": text("PGM / RUN BY / DATE", slice(20, 40)) or "unnamed",
        "source_program": text("PGM / RUN BY / DATE", slice(0, 20)),
        "file_name": name,
        "ionex_version": version,
        "mapping_function": text("MAPPING FUNCTION", slice(2, 6)) or "unnamed",
        "shell_height_km": height[0],
        "base_radius_km": read("BASE RADIUS", (0, 8, 1), (6371.0,))[0],
    }
    lat, lon = (_axis(read(label, (2, 6, 3)), label, name) for label in ("LAT1 / LAT2 / DLAT", "LON1 / LON2 / DLON"))
    (n_maps,) = read("# OF MAPS IN FILE", (0, 6, 1, int), (None,))
    (exponent,) = read("EXPONENT", (0, 6, 1, int), (-1,))
    _check_exponent(exponent, name)
    return Header(n_maps, lat, lon, exponent, index + 1, attrs)


def _check_exponent(exponent, where):
    if abs(exponent) > LARGEST_EXPONENT:
        raise InputError(f"{where}: EXPONENT is {exponent}; accepted are -{LARGEST_EXPONENT} to {LARGEST_EXPONENT}.")


def _axis(limits, label, name):
    first, last, step = limits
    count = round((last - first) / step) + 1 if abs(step) > 1e-3 else 0
    limit = 90.0 if label.startswith("LAT") else 360.0
    if max(abs(first), abs(last)) > limit or count > MOST_NODES:
        raise InputError(
            f"{name}: {label} is {first:g} / {last:g} / {step:g}; accepted are -{limit:g} to {limit:g} degrees "
            f"in up to {MOST_NODES} nodes."
        )
    if count < 2 or abs(first + (count - 1) * step - last) > 1e-3:
        raise InputError(f"{name}: {label} is {first:g} / {last:g} / {step:g}; the step must lead from first to last.")
    return first + step * np.arange(count)


def _read_maps(lines, header, name):
    """All (epoch, values) of the TEC maps and of the RMS maps, in the order of the file."""
    maps = {"TEC": [], "RMS": [], "HEIGHT": []}
    index = header.n_lines
    while index < len(lines) and _label(lines[index]) != "END OF FILE":
        start = re.fullmatch("START OF (TEC|RMS|HEIGHT) MAP", _label(lines[index]))
        if start:
            index, epoch, values = _read_map(lines, index, header, start[1], name)
            maps[start[1]].append((epoch, values))
        index += 1
    found = len(maps["TEC"])
    if found == 0 or header.n_maps not in (None, found):
        announced = "no number of" if header.n_maps is None else header.n_maps
        raise InputError(f"{name} announces {announced} maps in its header and holds {found} TEC maps; fetch it again.")
    return maps["TEC"], maps["RMS"]


def _read_map(lines, index, header, kind, name):
    """One map from its START line on: the index of its END line, its epoch, its values [lat, lon, TECU or km]."""
    title = f"{kind} map {quoted(lines[index][:6])}"
    values = np.full((header.lat.size, header.lon.size), np.nan, np.float32)
    rows, epoch, exponent = set(), None, header.exponent
    while (index := index + 1) < len(lines):
        label = _label(lines[index])
        if label == "EPOCH OF CURRENT MAP":
            epoch = _epoch(lines, index, name)
        elif label == "EXPONENT":
            (exponent,) = _numbers(lines, index, name, 0, 6, 1, int)
            _check_exponent(exponent, f"{name}, line {index + 1}")
        elif label == "LAT/LON1/LON2/DLON/H":
            row = _row_number(lines, index, header, title, name)
            rows.add(row)
            index, numbers = _read_row(lines, index, header.lon.size, title, name)
            values[row] = np.where(numbers == MISSING, np.nan, numbers * 10.0**exponent)
        elif label == f"END OF {kind} MAP":
            if epoch is None or len(rows) != header.lat.size:
                found = f"{len(rows)} latitude rows and {'no' if epoch is None else 'an'} epoch"
                _fail(name, index, f"{title} holds {found}; {header.lat.size} rows and an epoch are needed.")
            return index, epoch, values
        elif label != "COMMENT" and lines[index].strip():
            found = quoted(lines[index])[:20]
            _fail(name, index, f"{title}: '{found}' stands where a latitude row of {header.lon.size} values has ended.")
    _fail(name, len(lines) - 1, f"the file is cut off within {title}; fetch it again.")


def _epoch(lines, index, name):
    """Epoch of a map; hour 24, with which some files close a day, is hour 0 of the next."""
    year, month, day, hour, minute, second = _numbers(lines, index, name, 0, 6, 6, int)
    try:
        if not (1957 <= year <= 2100 and 0 <= hour <= 24 and 0 <= minute < 60 and 0 <= second <= 60):
            raise ValueError
        date = np.datetime64(f"{year:04d}-{month:02d}-{day:02d}", "ns")
    except ValueError:
        _fail(name, index, f"{year}-{month}-{day} is not a date, with {hour}:{minute}:{second}, of 1957 to 2100.")
    return date + np.timedelta64(3600 * hour + 60 * minute + second, "s")


def _row_number(lines, index, header, title, name):
    lat, first, last, step, _ = _numbers(lines, index, name, 2, 6, 5)
    row = int(np.argmin(np.abs(header.lat - lat)))
    expected = (header.lat[row], header.lon[0], header.lon[-1], header.lon[1] - header.lon[0])
    if not np.allclose((lat, first, last, step), expected, atol=1e-3):
        found = f"latitude {lat:g}, longitudes {first:g} to {last:g} by {step:g}"
        _fail(name, index, f"{title} has a row at {found}, which is not on the grid of the header.")
    return row


def _read_row(lines, index, n_values, title, name):
    """The values of a latitude row whose label stands at `index`; returns the index of its last line too."""
    n_lines = -(-n_values // VALUES_PER_LINE)
    numbers = []
    for at in range(index + 1, index + 1 + n_lines):
        if at == len(lines):
            _fail(name, at - 1, f"the file is cut off within {title}; fetch it again.")
        line = lines[at].rstrip()
        if _label(line).isupper():
            break
        try:
            numbers += [int(line[i : i + VALUE_WIDTH]) for i in range(0, len(line), VALUE_WIDTH)]
        except ValueError:
            _fail(name, at, f"{title}: '{quoted(line)}' is not a line of whole numbers of {VALUE_WIDTH} columns each.")
    if len(numbers) != n_values:
        _fail(name, index, f"{title}: a latitude row holds {len(numbers)} values, the header's grid {n_values}.")
    return index + n_lines, np.array(numbers)
