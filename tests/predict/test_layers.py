"""Peaks and TEC of a layer that is known: Chapman's, whose peak and column have closed forms."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.integrate import quad

from rstmrf.errors import InputError
from rstmrf.predict import layers
from rstmrf.predict.field import DensityField, Values
from rstmrf.predict.rays import slant_values
from rstmrf.units import EARTH_RADIUS_KM, NE_PER_MHZ2


class ChapmanField(DensityField):
    """A spherically symmetric α-Chapman layer in the place of a model's field."""

    def __init__(self, nm_m3=1e12, hm_km=312.3, scale_km=55.0):
        self.nm, self.hm, self.scale = nm_m3, hm_km, scale_km

    def log10(self, alt_km):
        z = (alt_km - self.hm) / self.scale
        return np.log10(self.nm) + 0.5 * (1 - z - torch.exp(-z)) / np.log(10)

    def columns(self, lat, lon, alt_km, hour):
        column = self.log10(torch.as_tensor(alt_km).float())
        return Values(column.expand(len(lat), -1), column.expand(len(lat), -1))

    def vertical(self, lat, lon, hour):
        def at(alt_km):
            z = (alt_km - self.hm) / self.scale
            slope = 0.5 * (torch.exp(-z) - 1) / self.scale / np.log(10)
            return torch.stack([self.log10(alt_km), slope, -0.5 * torch.exp(-z) / self.scale**2 / np.log(10)])

        return at

    def at(self, lat, lon, alt_km, hours, sigma=True):
        value = self.log10(torch.as_tensor(alt_km))
        return Values(value, value)

    def m3000(self, lat, lon, hour):
        return torch.full((len(lat),), 3.0)

    def density(self, alt_km):
        return 10 ** float(self.log10(torch.tensor(alt_km, dtype=torch.float64)))


@given(st.floats(1e10, 5e12), st.floats(200.0, 480.0), st.floats(20.0, 90.0))
def test_the_peak_of_a_chapman_layer_is_found(nm, hm, scale):
    found = layers.layer_values(ChapmanField(nm, hm, scale), np.zeros(2), np.zeros(2), 0.0, m3000="shimazaki")
    assert np.allclose(found["hm_f2_km"], hm, atol=0.1)
    assert np.allclose(found["nm_f2_m3"], nm, rtol=1e-3)
    assert np.allclose(found["fo_f2_mhz"], np.sqrt(nm / NE_PER_MHZ2), rtol=1e-3)
    assert np.allclose(found["muf3000_f2_mhz"], found["fo_f2_mhz"] * 1490 / (hm + 176), rtol=2e-3)


@pytest.mark.parametrize("hm_km", [140.0, 640.0])
def test_a_layer_that_peaks_outside_has_no_peak(hm_km):
    found = layers.layer_values(ChapmanField(hm_km=hm_km), np.zeros(1), np.zeros(1), 0.0)
    assert all(np.isnan(found[name]).all() for name in ("hm_f2_km", "nm_f2_m3", "fo_f2_mhz", "muf3000_f2_mhz"))
    assert found["vtec_tecu"] > 0


def test_a_curvature_that_jumps_does_not_lead_newton_astray():
    """As IRI's does: gentle below the peak, sharp above it, where Newton from the gentle side leaves the interval."""

    def profile(at):
        x = at - 300.02
        curvature = torch.where(x < 0, -1e-6, -1e-3)
        return torch.stack([curvature * x**2 / 2, curvature * x, curvature])

    low, high, at = (torch.tensor([x]) for x in (290.0, 310.0, 309.9))
    assert layers.root_of_slope(profile, low, high, at).item() == pytest.approx(300.02, abs=1e-2)


@pytest.mark.parametrize("limits", [(120.0, 500.0), (80.0, 1000.0), (300.0, 310.0)])
def test_tec_of_a_chapman_layer_is_its_integral(limits):
    field = ChapmanField()
    exact = quad(
        field.density, *limits, epsabs=0, epsrel=1e-9, points=[312.3] if limits[0] < 312.3 < limits[1] else None
    )[0]
    found = layers.vertical_tec(field, np.zeros(1), np.zeros(1), 0.0, *limits)
    assert found == pytest.approx(exact * 1e3 / 1e16, rel=1e-3)


@pytest.mark.parametrize("limits", [(500.0, 120.0), (60.0, 500.0), (120.0, 1200.0), (np.nan, 500.0)])
def test_altitudes_that_cannot_be_summed_are_refused(limits):
    with pytest.raises(InputError, match="vtec_km is"):
        layers.vertical_tec(ChapmanField(), np.zeros(1), np.zeros(1), 0.0, *limits)


def ray(elevation_deg):
    """A satellite at 20,200 km seen from 0° N, 0° E towards the east."""
    radius, top = EARTH_RADIUS_KM, EARTH_RADIUS_KM + 20200.0
    zenith = np.deg2rad(90 - elevation_deg)
    angle = zenith - np.arcsin(radius * np.sin(zenith) / top)
    return np.array([[0.0], [0.0], [0.0]]), np.array([[0.0], [np.rad2deg(angle)], [20200.0]])


def test_a_vertical_ray_has_vertical_tec():
    field = ChapmanField()
    found = slant_values(field, *ray(90.0), np.zeros(1))
    assert found["stec_tecu"] == pytest.approx(layers.vertical_tec(field, [0.0], [0.0], 0.0, 80.0, 1000.0), rel=1e-3)
    trained = layers.vertical_tec(field, [0.0], [0.0], 0.0, *layers.TRAINED_KM) / found["stec_tecu"]
    assert found["tec_share_not_trained"] == pytest.approx(1 - trained, abs=1e-3)
    assert found["length_share_not_trained"] == pytest.approx(1 - 380 / 20200, abs=1e-6)


@pytest.mark.parametrize("elevation_deg", [2.0, 15.0, 60.0])
def test_a_slant_ray_is_the_integral_along_it(elevation_deg):
    field = ChapmanField()
    sine = np.cos(np.deg2rad(elevation_deg)) * EARTH_RADIUS_KM  # distance of the ray from the Earth's centre

    def along(alt_km):
        r = EARTH_RADIUS_KM + alt_km
        return field.density(alt_km) * r / np.sqrt(r**2 - sine**2)

    exact = quad(along, 80.0, 1000.0, points=[312.3], epsrel=1e-9)[0] * 1e3 / 1e16
    assert slant_values(field, *ray(elevation_deg), np.zeros(1))["stec_tecu"] == pytest.approx(exact, rel=1e-3)


def test_an_occultation_counts_both_sides_of_its_tangent_point():
    """From a receiver at 820 km to a navigation satellite, 250 km above the ground where it is lowest."""
    lowest, field = EARTH_RADIUS_KM + 250.0, ChapmanField()
    angles = [np.rad2deg(np.arccos(lowest / (EARTH_RADIUS_KM + top))) for top in (820.0, 20200.0)]
    receiver, satellite = (np.array([[0.0], [lon], [top]]) for lon, top in ((-angles[0], 820.0), (angles[1], 20200.0)))

    def along(alt_km):
        r = EARTH_RADIUS_KM + alt_km
        return field.density(alt_km) * r / np.sqrt(r**2 - lowest**2)

    exact = sum(quad(along, 250.0 + 1e-9, top, points=[312.3], limit=200)[0] for top in (820.0, 1000.0)) * 1e3 / 1e16
    assert slant_values(field, receiver, satellite, np.zeros(1))["stec_tecu"] == pytest.approx(exact, rel=2e-3)


def test_a_ray_through_the_earth_or_of_no_length_is_refused():
    below = np.array([[0.0], [180.0], [800.0]])
    with pytest.raises(InputError, match="ray 0 goes through the Earth"):
        slant_values(ChapmanField(), ray(90.0)[0], below, np.zeros(1))
    with pytest.raises(InputError, match="ray 0 has no length"):
        slant_values(ChapmanField(), below, below, np.zeros(1))
