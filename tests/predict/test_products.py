"""Products at points, along tracks, on profiles and rays: in the form given, with units and flags."""

import numpy as np
import pandas as pd
import pytest
import torch
import xarray as xr

from rstmrf.errors import InputError
from rstmrf.model import jets
from rstmrf.predict.cf import COVERAGE
from rstmrf.units import NE_PER_MHZ2, ne_from_log10

NOON = np.datetime64("2019-04-25T12:30", "ns")


def track(n=60):
    """Over the pole and across the date line: a circle of 87° inclination, longitudes as they come."""
    way = np.linspace(0, 2 * np.pi, n)
    lat = np.rad2deg(np.arcsin(np.sin(np.deg2rad(87)) * np.sin(way)))
    lon = 178.0 + np.rad2deg(np.unwrap(np.arctan2(np.cos(np.deg2rad(87)) * np.sin(way), np.cos(way))))
    time = NOON + (way / (2 * np.pi) * 5400 * 1e9).astype("timedelta64[ns]")
    return {"time": time, "lat": lat, "lon": lon, "alt_km": np.full(n, 460.0)}


def test_a_track_across_the_date_line_and_a_pole_is_smooth(predictor):
    given = track(400)
    found = predictor.at(pd.DataFrame(given))
    assert np.array_equal(found["lon"], given["lon"]) and found["lon"].max() > 180 and np.abs(found["lat"]).max() > 86.9
    steps = np.abs(np.diff(found["residual_dex"]))
    assert steps.max() < 0.02 < np.ptp(found["residual_dex"].values)  # no step at the seam or over the pole


@pytest.mark.parametrize("turn", [lambda lon: lon % 360, lambda lon: (lon + 180) % 360 - 180, lambda lon: lon - 720])
def test_any_longitude_convention_comes_back_as_given(predictor, turn):
    given = track()
    found, turned = (predictor.at(**{**given, "lon": lon}) for lon in (given["lon"], turn(given["lon"])))
    assert np.array_equal(turned["lon"], turn(given["lon"]))
    assert np.allclose(found["log10_ne_m3"], turned["log10_ne_m3"], atol=1e-4)
    grids = [predictor.grid(NOON, [10.0], lon, [300.0])["ne_m3"] for lon in ([-170.0, -10.0], [190.0, 350.0])]
    assert np.allclose(*grids, rtol=1e-4) and grids[1]["lon"].values.tolist() == [190.0, 350.0]


def test_a_dataset_keeps_its_dimensions_and_what_it_holds(predictor):
    ds = xr.Dataset(
        {"alt_km": ("level", [200.0, 300.0, 400.0])},
        {
            "lat": ("site", [0.0, 40.0], {"comment": "geodetic"}),
            "lon": ("site", [0.0, 250.0]),
            "time": NOON,
            "site": ["a", "b"],
        },
    )
    found = predictor.at(ds)
    assert found["ne_m3"].sizes == {"level": 3, "site": 2} or found["ne_m3"].sizes == {"site": 2, "level": 3}
    assert found["site"].values.tolist() == ["a", "b"] and found["lat"].attrs["comment"] == "geodetic"
    one = predictor.at(lat=40.0, lon=250.0, alt_km=400.0, time=NOON)
    assert float(found["ne_m3"].sel(site="b").isel(level=2)) == pytest.approx(one["ne_m3"].item(), rel=1e-5)


def test_density_residual_and_interval_agree(predictor):
    found = predictor.at(track())
    assert np.allclose(found["ne_m3"], ne_from_log10(found["log10_ne_m3"].astype(float)), rtol=1e-4)
    assert np.allclose(np.log10(found["ne_m3"] / found["ne_iri_m3"]), found["residual_dex"], atol=1e-5)
    half = np.log10(found["ne_high_m3"] / found["ne_m3"]), np.log10(found["ne_m3"] / found["ne_low_m3"])
    assert np.allclose(half[0], 1.6449 * found["sigma_dex"], atol=1e-4) and np.allclose(*half, atol=1e-4)


def test_gradients_are_those_of_the_field(predictor):
    """Against differences of the product itself, over a hundred kilometres and five."""
    place = {"lat": 35.0, "lon": 20.0, "alt_km": 330.0, "time": NOON}
    found = predictor.at(**place, gradients=True).isel(point=0)
    radius = 6371.0 + 330.0
    ways = {"alt": ("alt_km", 2.5, 5.0), "north": ("lat", 0.5, np.deg2rad(1.0) * radius)}
    ways["east"] = ("lon", 0.5, np.deg2rad(1.0) * radius * np.cos(np.deg2rad(35.0)))
    for way, (name, step, km) in ways.items():
        ends = [predictor.at(**{**place, name: place[name] + sign * step})["log10_ne_m3"].item() for sign in (-1, 1)]
        assert found[f"d_log10ne_d{way}_per_km"].item() == pytest.approx((ends[1] - ends[0]) / km, rel=0.1, abs=2e-5)


def test_a_profile_has_its_peak_where_its_slope_changes_sign(predictor):
    """IRI's own slope jumps at its peak, so the sign is what can be asked for, 20 m below and above."""
    profile = predictor.profile(-10.0, 300.0, NOON, gradients=True)
    assert profile["ne_m3"].dims == ("alt_km",) and profile["hm_f2_km"].ndim == 0
    around = profile["hm_f2_km"].item() + np.array([-0.02, 0.0, 0.02])
    peak = predictor.at(lat=-10.0, lon=300.0, alt_km=around, time=NOON, gradients=True)
    slopes = peak["d_log10ne_dalt_per_km"].values
    assert slopes[0] > 0 > slopes[2]
    assert profile["nm_f2_m3"].item() == pytest.approx(peak["ne_m3"].values[1], rel=1e-4)
    assert (profile["ne_m3"] <= profile["nm_f2_m3"] * (1 + 1e-5)).all()
    assert NE_PER_MHZ2 * profile["fo_f2_mhz"].item() ** 2 == pytest.approx(profile["nm_f2_m3"].item(), rel=1e-5)
    fine = predictor.profile(-10.0, 300.0, NOON, np.arange(120.0, 500.1, 0.5))["ne_m3"]
    assert profile["vtec_tecu"].item() == pytest.approx(float(fine.integrate("alt_km")) * 1e3 / 1e16, rel=2e-3)


def test_many_profiles_are_each_their_own(predictor):
    time = NOON + np.array([0, 7, 0]) * np.timedelta64(1, "h")
    many = predictor.profile([0.0, 50.0, -50.0], [0.0, 100.0, 200.0], time)
    one = predictor.profile(50.0, 100.0, time[1])
    for name in ("ne_m3", "hm_f2_km", "vtec_tecu", "muf3000_f2_mhz", "sigma_dex"):
        assert np.allclose(many[name].isel(profile=1), one[name], rtol=1e-5), name


def test_the_muf_says_where_its_factor_comes_from(predictor):
    by_iri, by_height = (predictor.profile(20.0, 0.0, NOON, m3000=source) for source in ("iri", "shimazaki"))
    assert "IRI" in by_iri["muf3000_f2_mhz"].attrs["comment"]
    assert "Shimazaki" in by_height["muf3000_f2_mhz"].attrs["comment"]
    factor = float(by_height["muf3000_f2_mhz"] / by_height["fo_f2_mhz"])
    assert factor == pytest.approx(1490 / (by_height["hm_f2_km"].item() + 176), rel=1e-5)
    assert 2 < float(by_iri["muf3000_f2_mhz"] / by_iri["fo_f2_mhz"]) < 4.5
    with pytest.raises(InputError, match="m3000='irl' is not known"):
        predictor.profile(20.0, 0.0, NOON, m3000="irl")


def test_slant_tec_from_overhead_is_vertical_tec(predictor):
    found = predictor.slant_tec((45.0, 10.0, 0.0), (45.0, 10.0, 20200.0), NOON)
    above = predictor.profile(45.0, 10.0, NOON, vtec_km=(80.0, 1000.0))
    assert found["stec_tecu"].item() == pytest.approx(above["vtec_tecu"].item(), rel=2e-3)
    low = predictor.slant_tec((45.0, 10.0, 0.0), (45.0, [10.0, 60.0], 20200.0), NOON)
    assert low.sizes == {"ray": 2} and low["stec_tecu"][1] > 1.2 * low["stec_tecu"][0]
    assert ((low["tec_share_not_trained"] > 0) & (low["tec_share_not_trained"] < 1)).all()


def test_what_cannot_be_answered_is_flagged_where_that_is_asked(predictor):
    given = {
        "time": [NOON, NOON, NOON, np.datetime64("2019-04-25T01:30"), np.datetime64("2019-05-20T12"), NOON],
        "lat": [0.0, 0.0, 0.0, 0.0, 0.0, 95.0],
        "lon": np.zeros(6),
        "alt_km": [300.0, 700.0, 1500.0, 300.0, 300.0, 300.0],
    }
    found = predictor.at(given, outside="flag")
    meanings = [[name for bit, name in COVERAGE.items() if flags & bit] for flags in found["coverage_flag"].values]
    assert meanings == [
        [],
        ["altitude_beyond_training"],
        ["altitude_beyond_training", "altitude_beyond_background"],
        ["hour_without_maps_or_indices"],
        ["hour_without_maps_or_indices", "day_without_background"],
        ["place_or_time_not_valid"],
    ]
    assert found["ne_m3"].notnull().values.tolist() == [True, True, False, False, False, False]
    assert found["ne_m3"].attrs["ancillary_variables"] == "sigma_dex coverage_flag"
    with pytest.raises(InputError, match=r"alt_km\[2\] is 1500: altitudes from 80 to 1000 km"):
        predictor.at(given)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"lat": [np.nan]}, "point 0 has .* lat nan"),
        ({"lat": [91.0]}, "latitudes of -90 to 90"),
        ({"time": ["2019-04-25T01:30"]}, "2019-04-25T01:30: there is no whole window"),
        ({"time": ["2031-04-25T01:30"]}, "2031-04-25T01:30: the background is given for 2019-04-25 to 2019-04-26"),
        ({"time": ["noon"]}, "time of the points cannot be read as datetime64"),
        ({"alt_km": ["high"]}, "alt_km of the points cannot be read as numbers"),
        ({"alt_km": None}, "alt_km of the points is missing"),
        ({"lon": [1.0, 2.0], "lat": [1.0, 2.0, 3.0]}, "points do not fit together"),
    ],
)
def test_points_that_cannot_be_used_are_named(predictor, change, sentence):
    place = {"lat": [0.0], "lon": [0.0], "alt_km": [300.0], "time": [NOON]}
    with pytest.raises(InputError, match=sentence):
        predictor.at(**{**place, **change})


def test_a_field_and_its_jets_are_one(predictor):
    """The profile whose root is sought is the one that is given at points."""
    lat, lon = np.array([10.0, -40.0]), np.array([20.0, 160.0])
    jet = predictor.field.vertical(lat, lon, 12.5)(torch.full((2,), 280.0))
    at = predictor.at(lat=lat, lon=lon, alt_km=280.0, time=NOON, gradients=True)
    assert np.allclose(jet[jets.VALUE], at["log10_ne_m3"], atol=1e-5)
    assert np.allclose(jet[1], at["d_log10ne_dalt_per_km"], atol=1e-7)
