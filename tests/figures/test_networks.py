"""Figures of networks: each quantity has its unit, each line its name, and arrows stand where TEC says something."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
import xarray as xr
from cartopy.mpl.geoaxes import GeoAxes

from rstmrf.figures import networks

X = np.linspace(0.0, 1.0, 11)
LAT, LON = np.arange(-80.0, 81.0, 20.0), np.arange(-180.0, 180.0, 30.0)


@pytest.fixture(autouse=True)
def closed():
    yield
    plt.close("all")


def maps(**fields):
    return xr.Dataset({name: (("lat", "lon"), values) for name, values in fields.items()}, {"lat": LAT, "lon": LON})


def test_each_fit_has_a_panel_with_truth_points_and_name():
    fig = networks.fits(X, X, (X[:3], X[:3]), {"ω₀ = 1": X, "ω₀ = 4": X**2}, "latitude (degrees)", "Ne (m⁻³)")
    assert [ax.texts[0].get_text() for ax in fig.axes] == ["ω₀ = 1", "ω₀ = 4"]
    assert all(len(ax.lines) == 3 for ax in fig.axes)
    assert np.array_equal(fig.axes[1].lines[1].get_ydata(), X**2)


def test_derivatives_carry_units_and_the_legend_names_all():
    fig = networks.derivatives(X, {"truth": (X, X), "SIREN": (X, X), "ReLU": (X, 0 * X)}, ("dex/km", "dex/km²"))
    assert [ax.get_ylabel() for ax in fig.axes] == ["slope (dex/km)", "curvature (dex/km²)"]
    assert [text.get_text() for text in fig.axes[0].get_legend().get_texts()] == ["truth", "SIREN", "ReLU"]


def test_layers_are_named_at_the_end_of_their_line():
    table = pd.DataFrame({"SIREN": [0.7, 0.7], "usual": [0.3, 0.01]}, index=[1, 2])
    ax = networks.by_layer(table, "size (1)").axes[0]
    assert {t.get_text(): t.get_position()[1] for t in ax.texts} == {"SIREN": 0.7, "usual": 0.01}


def test_drives_begin_with_the_day_of_the_month():
    fig = networks.driven(24.0 * np.arange(11), X, {"prompt": X}, {"6 h": X[:, None]}, "September 2024")
    assert fig.axes[1].lines[0].get_xdata()[0] == 1.0
    assert fig.axes[-1].get_xlabel() == "day of September 2024, UT"


def test_hidden_maps_stand_beside_their_hours():
    hours = np.datetime64("2019-04-25T22", "ns") + np.arange(3) * np.timedelta64(1, "h")
    both = {
        name: (("time", "lat", "lon"), np.random.default_rng(0).random((3, 9, 12))) for name in ("vtec_tecu", "hidden")
    }
    fig = networks.hidden_hours(xr.Dataset(both, {"time": hours, "lat": LAT, "lon": LON}))
    titles = [ax.get_title() for ax in fig.axes if isinstance(ax, GeoAxes)]
    assert titles == 2 * ["22 UT", "23 UT", "00 UT"]
    assert {ax.get_xlabel() for ax in fig.axes} >= {"vertical TEC (TECU)", "hidden state (1)"}
    fig.canvas.draw()  # the coasts come from the package


def test_two_directions_are_drawn_where_the_weight_is():
    weight = np.zeros((9, 12))
    weight[4] = 1.0
    ones = np.ones((9, 12))
    ds = maps(vtec_tecu=ones, tec_east=ones, tec_north=ones, head_east=-ones, head_north=ones, weight=weight)
    ax = networks.two_directions(ds.assign_coords(time=np.datetime64("2019-04-25T20", "ns")), every_deg=20.0).axes[0]
    quivers = [c for c in ax.collections if hasattr(c, "U")]
    assert [q.U.size for q in quivers] == [12, 12] and np.all(quivers[0].U > 0) and np.all(quivers[1].U < 0)


def test_a_change_is_centred_on_zero():
    fig = networks.change_map(maps(change=np.linspace(-1, 3, 108).reshape(9, 12))["change"], "change (dex)")
    mesh = next(c for c in fig.axes[0].collections if c.get_array() is not None)
    low, high = mesh.get_clim()
    assert low == -high and fig.axes[1].get_xlabel() == "change (dex)"
