"""Figures of products: labels with units, longitudes in order whatever their convention, peaks drawn."""

import matplotlib.pyplot as plt
import numpy as np
import pytest
import xarray as xr
from matplotlib.collections import QuadMesh

from rstmrf.figures import layers


@pytest.fixture(autouse=True)
def closed():
    yield
    plt.close("all")


@pytest.fixture
def grid():
    """Density that falls with latitude and peaks at 300 km; TEC that climbs from 0° to 350° longitude."""
    lat, lon, alt_km = np.arange(-80.0, 81, 10), np.arange(0.0, 360, 10), np.arange(120.0, 501, 20)
    ne = 1e12 * np.cos(np.deg2rad(lat))[:, None] * np.exp(-(((alt_km - 300) / 100) ** 2))[:, None, None]
    coords = {"lat": lat, "lon": lon, "alt_km": alt_km, "time": np.datetime64("2019-04-25T12", "ns")}
    ne = np.broadcast_to(ne, (len(alt_km), len(lat), len(lon)))
    return xr.Dataset(
        {
            "ne_m3": (("alt_km", "lat", "lon"), ne),
            "residual_dex": (("alt_km", "lat", "lon"), np.broadcast_to(0.1 * (lat > 0)[:, None], ne.shape)),
            "hm_f2_km": (("lat", "lon"), np.full(ne.shape[1:], 300.0)),
            "vtec_tecu": (("lat", "lon"), np.broadcast_to(lon, ne.shape[1:])),
        },
        coords,
    )


def mesh_and_bar(figure):
    (mesh,) = (c for c in figure.axes[0].collections if isinstance(c, QuadMesh))
    (bar,) = (ax for ax in figure.axes if ax.get_label() == "<colorbar>")
    return mesh, bar.get_ylabel()


def test_a_map_is_drawn_from_the_date_line_on(grid):
    mesh, label = mesh_and_bar(layers.product_map(grid, "vtec_tecu"))
    drawn = np.asarray(mesh.get_array()).reshape(17, 36)
    assert label == "vertical TEC (TECU)" and drawn[0, 0] == 180 and drawn[0, 18] == 0 and drawn[0, -1] == 170


def test_residuals_are_centred_on_zero(grid):
    mesh, label = mesh_and_bar(layers.product_map(grid.sel(alt_km=300), "residual_dex"))
    assert mesh.norm.vmin == -mesh.norm.vmax and label.endswith("(dex)")


def test_a_section_is_along_the_nearest_meridian_with_its_peak(grid):
    figure = layers.meridian_section(grid.assign(hm_f2_km=grid["hm_f2_km"] + grid["lon"] / 10), -61.0)
    (peak,) = figure.axes[0].get_lines()
    assert np.allclose(peak.get_ydata(), 330.0) and "300° longitude" in figure.axes[0].get_title()
    assert figure.axes[0].get_xlabel() == "latitude (degrees)" and figure.axes[0].get_ylabel() == "altitude (km)"


def test_a_section_of_a_grid_of_one_hour_has_its_peak_too(grid):
    (peak,) = layers.meridian_section(grid.expand_dims("time"), 0.0).axes[0].get_lines()
    assert np.allclose(peak.get_ydata(), 300.0)


def test_a_profile_is_drawn_with_its_interval_and_peak(grid):
    one = grid.isel(lat=8, lon=0)
    one = one.assign(ne_low_m3=one["ne_m3"] / 2, ne_high_m3=one["ne_m3"] * 2, ne_iri_m3=one["ne_m3"] * 1.2)
    one = one.assign(nm_f2_m3=1e12, fo_f2_mhz=9.0)
    figure = layers.product_profile(one)
    labels = [text.get_text() for text in figure.axes[0].get_legend().get_texts()]
    assert labels == ["90 % interval", "IRI", "R-STMRF", "foF2 9.0 MHz,\nhmF2 300 km"]


@pytest.mark.parametrize("name", ["ne_m3", "foF2"])
def test_what_cannot_be_drawn_is_said(grid, name):
    with pytest.raises(ValueError, match=r"ne_m3 has dimensions|'foF2' cannot be drawn; the Dataset holds"):
        layers.product_map(grid, name)
