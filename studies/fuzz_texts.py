"""Texts in the forms that are read: IONEX, the tables of GFZ and CelesTrak, and packing as `compress` does."""

import numpy as np
import xarray as xr

from rstmrf.readers.index_tables import CELESTRAK_FORMAT

GFZ_TAIL = "    2" * 8


def ionex_text(tec: xr.Dataset) -> bytes:
    """An IONEX file of TEC and RMS maps, in units of 0.1 TECU."""

    def record(text, label):
        return f"{text:<60}{label:<20}"

    def axis(values):
        return f"  {values[0]:6.1f}{values[-1]:6.1f}{values[1] - values[0]:6.1f}"

    n, lat, lon = tec.sizes["time"], tec.lat.values, tec.lon.values
    lines = [
        record("     1.0            IONOSPHERE MAPS     GPS", "IONEX VERSION / TYPE"),
        record(f"{'writer 1':<20}{'SAMPLE':<20}", "PGM / RUN BY / DATE"),
        record(f"{n:6d}", "# OF MAPS IN FILE"),
        record("  COSZ", "MAPPING FUNCTION"),
        record(f"{6371.0:8.1f}", "BASE RADIUS"),
        record("     2", "MAP DIMENSION"),
        record("   450.0 450.0   0.0", "HGT1 / HGT2 / DHGT"),
        record(axis(lat), "LAT1 / LAT2 / DLAT"),
        record(axis(lon), "LON1 / LON2 / DLON"),
        record("    -1", "EXPONENT"),
        record("", "END OF HEADER"),
    ]
    for kind, values in (("TEC", tec.vtec_tecu.values * 10), ("RMS", np.full(tec.vtec_tecu.shape, 12))):
        for k, time in enumerate(tec.time.values.astype("M8[s]").tolist(), start=1):
            lines.append(record(f"{k:6d}", f"START OF {kind} MAP"))
            lines.append(record("".join(f"{x:6d}" for x in time.timetuple()[:6]), "EPOCH OF CURRENT MAP"))
            for y, row in zip(lat, np.rint(values[k - 1]).astype(int), strict=True):
                lines.append(record(f"  {y:6.1f}{axis(lon)[2:]}{450.0:6.1f}", "LAT/LON1/LON2/DLON/H"))
                lines += ["".join(f"{x:5d}" for x in row[i : i + 16]) for i in range(0, len(row), 16)]
            lines.append(record(f"{k:6d}", f"END OF {kind} MAP"))
    return "\n".join([*lines, record("", "END OF FILE"), ""]).encode()


def compress(content: bytes, most_bits: int = 16) -> bytes:
    """Bytes packed as `compress` packs them (`.Z`): LZW without a table begun anew, at most 65,000 entries long."""
    table = {bytes([byte]): byte for byte in range(256)}
    codes, word = [], b""
    for byte in content:
        longer = word + bytes([byte])
        if longer in table:
            word = longer
            continue
        codes.append(table[word])
        if len(table) + 1 < 1 << most_bits:
            table[longer] = len(table) + 1  # code 256 is not a letter's
        word = bytes([byte])
    codes += [table[word]] if word else []
    packed, bits, at = bytearray(b"\x1f\x9d" + bytes([128 | most_bits])), 9, 0
    while at < len(codes):
        # a decoder's table has one entry less than the codes it has read, and 257 to begin with
        group = codes[at : at + 8]
        packed += sum(code << (bits * place) for place, code in enumerate(group)).to_bytes(
            -(-len(group) * bits // 8), "little"
        )
        at += len(group)
        bits += bits < most_bits and 256 + at >= 1 << bits
    return bytes(packed)


def gfz_row(day, kp=(1.0,) * 8, f107=70.0):
    """One line in GFZ's columns; adjusted F10.7 is far from the observed one."""
    year, month, number = day.split("-")
    head = f"{year} {month} {number} 32142 32142.5 2542 22 "
    return head + " ".join(f"{value:6.3f}" for value in kp) + GFZ_TAIL + f"    2   6 {f107:8.1f} {f107 + 99:8.1f} 2"


def celestrak_row(day, codes=(10,) * 8, f107=70.0):
    """One line in CelesTrak's columns; adjusted F10.7 is far from the observed one."""
    kp = "".join(f"{code:3d}" for code in codes)
    tail = f"{f107 + 99:6.1f} 0" + "".join(f"{value:6.1f}" for value in (99.9, 99.9, f107, 99.9, 99.9))
    return day.replace("-", " ") + " 2542 22" + kp + f"{sum(codes):4d}" + "   2" * 9 + " 0.1 0   6" + tail


def celestrak_text(observed, predicted=(), layout=CELESTRAK_FORMAT, groups="Adj Adj Adj Obs Obs Obs"):
    """A CelesTrak table of rows."""
    head = ["DATATYPE CssiSpaceWeather", "VERSION 1.2", f"# {layout}", f"#     {groups} "]
    sections = ["BEGIN OBSERVED", *observed, "END OBSERVED", ""]
    sections += ["BEGIN DAILY_PREDICTED", *predicted, "END DAILY_PREDICTED"]
    return "\n".join(head + sections) + "\n"
