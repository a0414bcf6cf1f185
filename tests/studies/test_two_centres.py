"""What two maps that differ in a known way are said to differ by."""

import numpy as np
import pytest
import xarray as xr

from studies.two_centres import compare


@pytest.fixture
def maps():
    lat, lon, time = np.arange(-90, 91, 5.0), np.arange(-180, 181, 5.0), np.datetime64("2020-01-08", "ns")
    hours = time + np.arange(4) * np.timedelta64(6, "h")
    day = 1 + np.cos(np.deg2rad(lon[None, :] + 15 * np.arange(0, 24, 6)[:, None]))[:, None, :]
    tec = 5 + 10 * day * np.cos(np.deg2rad(lat))[None, :, None]
    return xr.DataArray(tec, {"time": hours, "lat": lat, "lon": lon}, ("time", "lat", "lon"))


def test_a_constant_changes_no_direction(maps):
    found = compare(maps, maps + 2.0)
    assert found["mean_difference_tecu"] == found["rms_difference_tecu"] == 2.0
    assert found["cosine_of_directions"] == 1.0
    assert {cell["rms_tecu"] for cell in found["cells"]} == {2.0} and len(found["cells"]) == 12 * 8


def test_maps_of_another_hour_point_elsewhere(maps):
    turned = maps.copy(data=np.roll(maps.values[..., :-1], 18, axis=-1)[..., [*range(72), 0]])
    assert compare(maps, turned)["cosine_of_directions"] < 0.9
