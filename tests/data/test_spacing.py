"""How far apart observations are, on places whose distances are known."""

import numpy as np
import pytest
import xarray as xr

from rstmrf.data import spacing


def observations(lat, lon, hours, alt_km=(200.0, 205.0, 215.0)):
    """Profiles that stand at one place each."""
    n, levels = len(lat), len(alt_km)
    time = np.datetime64("2019-04-25", "ns") + (np.repeat(hours, levels) * 3.6e12).astype("m8[ns]")
    return xr.Dataset(
        {
            "lat": ("point", np.repeat(lat, levels)),
            "lon": ("point", np.repeat(lon, levels)),
            "alt_km": ("point", np.tile(alt_km, n)),
            "profile": ("point", np.repeat(np.arange(n), levels)),
            "time": ("point", time),
        }
    )


def test_a_degree_along_the_equator_and_across_the_date_line():
    degree_km = np.deg2rad(1.0) * (6371.0 + spacing.PEAK_KM)
    found = spacing.nearest_profile_km(observations([0.0, 0.0], [179.5, -179.5], np.zeros(2)))
    assert found == pytest.approx(degree_km, rel=1e-6)


def test_profiles_of_other_hours_are_no_neighbours():
    lat, lon, hours = [0.0, 1.0, 3.0], [10.0, 10.0, 10.0], np.array([0.0, 2.0, 0.5])
    ds = observations(lat, lon, hours)
    degrees = [spacing.nearest_profile_km(ds, h) / (np.deg2rad(1.0) * (6371.0 + spacing.PEAK_KM)) for h in (1.0, 3.0)]
    assert degrees == pytest.approx([3.0, 1.0], rel=1e-6)
    with pytest.raises(ValueError, match=r"within 0\.1 h"):
        spacing.nearest_profile_km(ds, 0.1)


def test_steps_are_taken_within_a_profile_alone():
    ds = observations([0.0, 5.0], [0.0, 5.0], np.zeros(2), alt_km=(300.0, 120.0, 124.0, 128.0))
    assert spacing.altitude_step_km(ds.isel(point=[0, 4, 1, 5, 2, 6, 3, 7])) == 4.0
