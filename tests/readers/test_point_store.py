"""Stores of points: what was written piece by piece is read as one."""

import numpy as np
import pytest
import xarray as xr

from rstmrf.errors import InputError
from rstmrf.readers import sample
from rstmrf.readers.observations import read_observations
from rstmrf.readers.point_store import read_point_store, write_point_store


def test_pieces_are_read_as_the_whole(tmp_path):
    whole = sample.observations().isel(point=slice(0, 3000)).assign_attrs(counted=2)
    pieces = (whole.isel(point=slice(first, first + 700)) for first in range(0, 3000, 700))
    read = read_observations(write_point_store(tmp_path / "points.zarr", pieces))
    assert read.attrs["counted"] == 2 * 5 and read.attrs["source"] == whole.attrs["source"]
    assert set(read.coords) == set(whole.coords)
    for name in whole.variables:
        assert read[name].dtype == whole[name].dtype
        if name == "time":
            assert np.abs(read[name] - whole[name]).max() <= np.timedelta64(1, "ms")
        else:
            assert np.array_equal(read[name], whole[name])


def test_what_is_no_store_is_named(tmp_path):
    with pytest.raises(InputError, match=r"must end in \.zarr"):
        write_point_store(tmp_path / "points", [])
    with pytest.raises(InputError, match="no piece to write"):
        write_point_store(tmp_path / "points.zarr", [])
    xr.Dataset({"lat": ("point", [1.0])}).to_zarr(tmp_path / "other.zarr", consolidated=False)
    with pytest.raises(InputError, match="lacks lon, alt_km, time, log10_ne_m3, profile"):
        read_point_store(tmp_path / "other.zarr")
