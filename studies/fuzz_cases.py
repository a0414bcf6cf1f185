"""Ways to damage a good file of any form, drawn from one random generator: arrays, variables, folders, settings."""

import gzip
import io
import json
import shutil
import warnings
from pathlib import Path

import numpy as np
import xarray as xr

from rstmrf.files import unpacked
from rstmrf.readers.point_store import CHUNK_POINTS, DIGEST
from studies.fuzz_bytes import damaged_bytes
from studies.fuzz_texts import compress

NAMES = "a.npy a.nc a.txt 20190425_0310.txt a_nc a.19i a.INX.gz a.19i.Z a.zarr a a.json a.csv a.ckpt a.h5 a.npz".split()
ODD_VALUES = [
    None,
    True,
    "",
    "x" * 3000,
    "\x1b[0m\n",
    -1,
    0,
    10**30,
    1e308,
    [],
    {},
    [1, 2],
    {"a": 1},
    1.5,
    "nan",
    "hours",
]
HEADERS = [(b"'shape': (", b"'shape': (9"), (b"False", b"[[[[["), (b"descr", b"d\x00scr"), (b"}", b" ")]
DTYPES = ["<f2", ">f4", ">f8", "<i8", "<u1", "<c8", "S4", "<M8[s]", "?", "<f4", "U3"]


def case(reader: str, good: Path, folder: Path, rng: np.random.Generator) -> tuple[str, Path]:
    """Write a damaged copy of a good file into a folder; returns what was done and its path."""
    special = {"zarr": zarr_case, "weights": weights_case}
    if reader in special:
        return special[reader](good, folder, rng)
    content, path, done = good.read_bytes(), folder / good.name, []
    packed = reader.endswith((".gz", ".Z", ".zst"))
    if packed and rng.random() < 0.6:  # damage what is within, and pack it again
        done, inner = damaged_bytes(unpacked(content, good.name, 64), rng)
        content, done = packed_again(reader, inner), ["within", *done]
    elif reader.endswith(".npy") and rng.random() < 0.6:
        return damaged_array(content, path, rng)
    elif reader in ("tec.nc", "ionPrf", "gnos") and rng.random() < 0.6:
        return damaged_variables(good, path, rng)
    elif reader == "settings" and rng.random() < 0.7:
        content = json.dumps(damaged_settings(json.loads(content), rng)).encode()
        done = ["setting"]
    else:
        done, content = damaged_bytes(content, rng)
    if rng.random() < 0.03:
        path, done = folder / str(rng.choice(NAMES)), [*done, "renamed"]
    path.write_bytes(content)
    return " and ".join(done), path


def packed_again(reader: str, content: bytes) -> bytes:
    if reader.endswith(".Z"):
        return compress(content)
    if reader.endswith(".zst"):
        from numcodecs.zstd import Zstd

        return bytes(Zstd(1).encode(content))
    return gzip.compress(content, 1)


# --- arrays and variables


def odd_values(values: np.ndarray, rng) -> np.ndarray:
    """Numbers with some of them, all, or their type made odd."""
    way = rng.integers(6)
    if way == 0:
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            dtype = str(rng.choice(DTYPES))
            return (values.astype(float) if values.dtype.kind == "M" and dtype[0] in "SU" else values).astype(dtype)
    values = np.array(values, float) if values.dtype.kind in "fiu" else np.array(values)
    if values.dtype.kind != "f" or not values.size:
        return values
    factors = [1e-30, 1e-6, -1.0, 0.0, 10.0, 1e6, 1e300]
    if way == 1:
        return values * rng.choice(factors)
    if way == 2:
        return values + rng.choice([-1e3, 400.0, 1e9])
    if way == 3:
        return rng.permutation(values)
    flat = values.reshape(-1)
    flat[rng.integers(0, flat.size, rng.integers(1, 1 + max(1, flat.size // 10)))] = rng.choice(
        [np.nan, np.inf, -np.inf, 1e300, -1e300, 0.0, -1.0, 1e5, 600.0, -999.0]
    )
    return values


def damaged_array(content: bytes, path: Path, rng) -> tuple[str, Path]:
    array = np.lib.format.read_array(io.BytesIO(content))
    way = int(rng.integers(5))
    if way == 0:
        array = array.reshape(-1)[: int(rng.integers(0, array.size))]
    elif way == 1:
        array = array.T if rng.random() < 0.5 else array[..., None]
    elif way == 2:
        array = np.array(array, order="F")
    elif way == 3 and rng.random() < 0.3:
        array = np.array([{"a": 1}, None], object) if rng.random() < 0.5 else np.zeros(3, "f8,i4")
    else:
        array = odd_values(array, rng)
    np.save(path, array, allow_pickle=True)
    if rng.random() < 0.2:  # a header that says something else
        changed = path.read_bytes()
        old, new = [(b"'shape': (", b"'shape': (9"), (b"False", b"[" * 5), (b"descr", b"d\x00scr"), (b"}", b" ")][
            rng.integers(4)
        ]
        path.write_bytes(changed.replace(old, new, 1))
    return f"array {way}", path


def damaged_dataset(ds: xr.Dataset, rng) -> tuple[str, xr.Dataset]:
    """A Dataset with one of its variables, dimensions or attributes made odd, or left out."""
    name = str(rng.choice(list(ds.variables)))
    way = int(rng.integers(6))
    variable = ds.variables[name]
    if way == 0:
        return f"without {name}", ds.drop_vars(name)
    if way == 1:
        attr = str(rng.choice(["units", "_FillValue", "scale_factor", "calendar", "valid_min", "missing_value"]))
        value = [np.nan, "furlong", "days since 1e9", 1e300, [1.0, 2.0], "\x1b\n", b"\xff"][rng.integers(7)]
        return f"{attr} of {name}", ds.assign({name: (variable.dims, variable.values, {**variable.attrs, attr: value})})
    if way == 2:
        dim = str(rng.choice(list(ds.sizes)))
        return f"less of {dim}", ds.isel({dim: slice(0, int(rng.integers(0, 4)))})
    if way == 3:
        key = str(rng.choice(["year", "month", "hour", "edmaxtime", "Lat", "institution"]))
        value = [np.nan, np.inf, 1e300, "x", [1, 2], -1, 1900, 2262, b"\xff\xfe"][rng.integers(9)]
        return f"attribute {key}", ds.assign_attrs({key: value})
    if way == 4 and ds.sizes:
        dim = str(rng.choice(list(ds.sizes)))
        return f"dimension {dim}", ds.rename({dim: dim[::-1]})
    return f"values of {name}", ds.assign({name: (variable.dims, odd_values(variable.values, rng), variable.attrs)})


def damaged_variables(good: Path, path: Path, rng) -> tuple[str, Path]:
    """A netCDF file with odd variables; what cannot be written is damaged in its bytes instead."""
    engine = "scipy" if good.read_bytes()[:3] == b"CDF" else "h5netcdf"
    with xr.open_dataset(good, engine=engine, decode_times=False) as opened:
        done, ds = damaged_dataset(opened.load(), rng)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            ds.to_netcdf(path, engine=engine, format="NETCDF3_64BIT" if engine == "scipy" else None)
        return done, path
    except (ValueError, TypeError, OSError, AttributeError, RuntimeError, NotImplementedError, KeyError, OverflowError):
        names, content = damaged_bytes(good.read_bytes(), rng)
        path.write_bytes(content)
        return " and ".join(names), path


# --- folders and settings


def zarr_case(good: Path, folder: Path, rng) -> tuple[str, Path]:
    path = folder / good.name
    if rng.random() < 0.5:
        with xr.open_zarr(good, consolidated=False, chunks=None) as opened:
            done, ds = damaged_dataset(opened.load(), rng)
        ds.attrs.pop(DIGEST, None)  # without it the store is judged by what it holds
        for variable in ds.variables.values():
            variable.encoding = {}
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                chunks = {name: {"chunks": (CHUNK_POINTS,)} for name in ds.data_vars}
                ds.to_zarr(path, mode="w", consolidated=False, zarr_format=3, encoding=chunks)
            return done, path
        except (ValueError, TypeError, OSError, AttributeError, RuntimeError, KeyError, OverflowError, IndexError):
            shutil.rmtree(path, ignore_errors=True)
    done, path = damaged_folder(good, path, rng)
    root = path / "zarr.json"
    if rng.random() < 0.5 and root.exists():
        root.write_bytes(root.read_bytes().replace(DIGEST.encode(), b"x" * len(DIGEST)))
        done += " without digest"
    return done, path


def weights_case(good: Path, folder: Path, rng) -> tuple[str, Path]:
    if rng.random() < 0.5:
        return damaged_folder(good, folder / good.name, rng)
    shutil.copytree(good, folder / good.name)
    path = folder / good.name / "model.json"
    path.write_text(json.dumps(damaged_settings(json.loads(path.read_text()), rng)))
    return "setting", folder / good.name


def damaged_folder(good: Path, path: Path, rng) -> tuple[str, Path]:
    """A copy of a folder with one of its files damaged or gone."""
    shutil.copytree(good, path)
    files = sorted(file for file in path.rglob("*") if file.is_file())
    file = files[rng.integers(len(files))]
    names, content = damaged_bytes(file.read_bytes(), rng)
    if rng.random() < 0.05:
        file.unlink()
        return f"without {file.name}", path
    file.write_bytes(content)
    return f"{' and '.join(names)} in {file.name}", path


def damaged_settings(settings: dict, rng) -> dict:
    """Settings, and those within them, with an odd value, a key gone or another one."""
    inner = settings.get("config", settings) if rng.random() < 0.7 else settings
    key, way = str(rng.choice(list(inner))), rng.integers(4)
    if way == 0:
        del inner[key]
    elif way == 1:
        inner[key + "x"] = inner[key]
    else:
        value = ODD_VALUES[rng.integers(len(ODD_VALUES))]
        inner[key] = inner[key] * 1000 if way == 2 and type(inner[key]) in (int, float) else value
    return settings
