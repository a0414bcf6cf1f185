"""netCDF files of unknown make: looked through before anything of them is read into memory."""

import io
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import h5py
import numpy as np
import xarray as xr

from rstmrf.files import MB, refusing_damage, regular_file
from rstmrf.readers.hdf5 import check_heaps

#: of all variables together; of a list of one dimension, which is read when the file is opened; of a packed chunk
MOST_VALUES, LONGEST_LIST, LARGEST_CHUNK_MB = 1 << 26, 1 << 20, 256
LARGEST_FILE_MB, MOST_VARIABLES, LARGEST_ITEM_BYTES = 512, 1000, 1024


@contextmanager
def open_netcdf(
    path, wanted: str, most_values: int = MOST_VALUES, *, content: bytes | None = None, **options
) -> Iterator[xr.Dataset]:
    """Open netCDF-3 or netCDF-4, told apart by content; what goes wrong within the block is InputError, too.

    `content` is that of a member of an archive, which `path` names. Refused: what is no regular file, more than
    `most_values` (a file may claim any number and hold none), links to other files, virtual and external data.
    """
    if content is None:
        path = regular_file(path, wanted, LARGEST_FILE_MB)
    with refusing_damage(f"{path}: cannot be read as netCDF, perhaps cut short ({{}}); fetch it again."):
        with path.open("rb") if content is None else io.BytesIO(content) as file:
            engine = "scipy" if file.read(3) == b"CDF" else "h5netcdf"
        if engine == "h5netcdf":
            _look_through(path if content is None else io.BytesIO(content), most_values)
        with xr.open_dataset(path if content is None else io.BytesIO(content), engine=engine, **options) as ds:
            check_sizes({name: variable.shape for name, variable in ds.variables.items()}, most_values)
            yield ds


def numbers(values) -> np.ndarray:
    """Values of a variable as float64; TypeError where they are no real numbers."""
    values = np.asarray(values)
    if values.dtype.kind not in "fiu":
        raise TypeError(f"a variable of type {values.dtype} was found where numbers are expected")
    return values.astype(np.float64)


def _look_through(path: Path | io.BytesIO, most_values: int) -> None:
    check_heaps(path)
    with h5py.File(path, "r") as file:
        if len(file) > MOST_VARIABLES:
            raise ValueError(f"{len(file)} variables, accepted are up to {MOST_VARIABLES}")
        variables = {}
        for name in file:
            if not isinstance(file.get(name, getlink=True), h5py.HardLink):
                raise ValueError(f"'{name}' is a link to elsewhere")
            if isinstance(variable := file[name], h5py.Dataset):
                variables[name] = variable
        check_sizes({name: variable.shape or () for name, variable in variables.items()}, most_values)
        for name, variable in variables.items():
            if variable.is_virtual or variable.external:
                raise ValueError(f"the data of '{name}' lie in another file")
            chunk_mb = np.prod(variable.chunks or (1,), dtype=float) * variable.dtype.itemsize / MB
            if chunk_mb > LARGEST_CHUNK_MB or variable.dtype.itemsize > LARGEST_ITEM_BYTES:
                raise ValueError(f"'{name}' has chunks of {chunk_mb:,.0f} MB, accepted are {LARGEST_CHUNK_MB} MB")


def check_sizes(shapes: dict, most_values: int) -> None:
    """Raise ValueError where variables of these shapes hold more than `most_values`, or a list is too long."""
    for name, shape in shapes.items():
        if len(shape) == 1 and shape[0] > LONGEST_LIST:
            raise ValueError(f"'{name}' has {shape[0]:,} values, accepted are {LONGEST_LIST:,} of a list")
    if (total := sum(np.prod(shape, dtype=float) for shape in shapes.values())) > most_values:
        raise ValueError(f"it claims {total:,.0f} values, accepted are {most_values:,}")
