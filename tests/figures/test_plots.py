"""Figures: colour bars and axes carry their units, signed maps are centred on zero, and no network is needed."""

import re
import socket

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
import xarray as xr
from matplotlib.collections import QuadMesh

from rstmrf.figures import curves, plots

UNIT = re.compile(r"\(.+\)")


@pytest.fixture(autouse=True)
def offline_and_closed(monkeypatch):
    def refuse(*_):
        raise AssertionError("a figure asked the network")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    yield
    plt.close("all")


def tec_map():
    lat, lon = np.arange(-90.0, 91, 15), np.arange(-180.0, 181, 15)
    return xr.DataArray(np.random.default_rng(0).uniform(0, 40, (13, 25)), {"lat": lat, "lon": lon}, ("lat", "lon"))


def observed():
    rng, n = np.random.default_rng(0), 60
    time = np.datetime64("2019-04-25", "ns") + rng.integers(0, 86400, n) * np.timedelta64(1, "s")
    coords = {
        "lat": rng.uniform(-80, 80, n),
        "lon": rng.uniform(-180, 180, n),
        "alt_km": rng.uniform(120, 500, n),
        "time": time,
        "profile": np.repeat(np.arange(6), 10),
    }
    return xr.Dataset(coords={name: ("point", values) for name, values in coords.items()})


def score_table():
    index = ["120–200 km", "200–300 km", "300–500 km", "all"]
    return pd.DataFrame({"points": 9, "IRI": 0.2, "mean residuals": 0.15, "R-STMRF": 0.1}, index=index)


def log():
    return pd.DataFrame(
        {"train_data": [1.0, 0.5], "train_chapman": [0.1, 0.2], "train_total": [2.0, 1.0], "dev_rmse_dex": [0.3, 0.2]}
    )


FIGURES = {
    "profile_places": lambda: plots.profile_places(observed()),
    "tec_maps": lambda: plots.tec_maps(tec_map(), tec_map()[::2, ::2]),
    "residual_map": lambda: plots.residual_map(tec_map() - 25),
    "profiles": lambda: plots.profiles(np.arange(120, 500, 20.0), {"observed": np.ones(19), "IRI": np.ones(19)}),
    "rmse_bars": lambda: plots.rmse_bars(score_table()),
    "loss_history": lambda: plots.loss_history(log()),
    "windows": lambda: plots.windows(np.arange(4)[:, None] + np.arange(3), np.array([0, 0, 1, 3]), 8),
}


def colour_bars(figure):
    return [ax for ax in figure.axes if ax.get_label() == "<colorbar>"]


@pytest.mark.parametrize("name", ["profile_places", "tec_maps", "residual_map"])
def test_colour_bars_carry_a_unit(name):
    bars = colour_bars(FIGURES[name]())
    assert len(bars) == 1
    assert all(UNIT.search(ax.get_ylabel() + ax.get_xlabel()) for ax in bars)


@pytest.mark.parametrize(
    ("name", "labels"),
    [
        ("profiles", ["(km)", "(m$^{-3}$)"]),
        ("rmse_bars", ["(dex)"]),
        ("loss_history", ["(dex)"]),
        ("profile_places", ["local time (h)", "altitude (km)"]),
    ],
)
def test_axes_carry_their_units(name, labels):
    shown = " ".join(ax.get_xlabel() + " " + ax.get_ylabel() for ax in FIGURES[name]().axes)
    assert all(label in shown for label in labels), shown


@pytest.mark.parametrize("name", FIGURES)
def test_every_figure_is_drawn_with_something_on_every_axes(name):
    figure = FIGURES[name]()
    figure.canvas.draw()
    assert np.asarray(figure.canvas.buffer_rgba())[..., :3].std() > 5
    assert all(ax.has_data() for ax in figure.axes if ax not in colour_bars(figure))


def test_indices_are_shown_with_their_units(sample_indices):
    figure = plots.indices(sample_indices)
    assert [ax.get_ylabel() for ax in figure.axes] == ["Kp", "F10.7 (sfu)"]
    assert figure.axes[-1].get_xlabel() == "time (UT)"


def test_signed_maps_are_centred_on_zero():
    (mesh,) = (c for c in FIGURES["residual_map"]().axes[0].collections if isinstance(c, QuadMesh))
    low, high = mesh.get_clim()
    assert low == -high < 0 and mesh.cmap.name.endswith("vik")


def test_maps_share_one_scale():
    low, high = tec_map(), 2 * tec_map()
    meshes = [c for ax in plots.tec_maps(low, high).axes for c in ax.collections if isinstance(c, QuadMesh)]
    assert {m.get_clim() for m in meshes[:2]} == {(0.0, float(high.max()))}


def test_residuals_of_nan_and_of_zero_can_be_drawn():
    figure = plots.residual_map(0 * tec_map())
    figure.canvas.draw()
    assert colour_bars(figure)[0].get_ylabel().endswith("(dex)")


def test_world_axes_draw_the_coasts_offline(tmp_path, monkeypatch):
    import cartopy

    monkeypatch.setitem(cartopy.config, "data_dir", str(tmp_path))  # nothing downloaded before may help
    figure = plt.figure()
    bare = figure.add_subplot(121, projection=plots.world_axes(figure, 122).projection)
    bare.set_global()
    figure.canvas.draw()
    coasts = [artist for artist in figure.axes[0].get_children() if type(artist).__name__ == "FeatureArtist"]
    assert len(coasts) == 1 and not list(tmp_path.rglob("*.shp"))


def test_memory_figures_have_units_and_all_parts():
    rng = np.random.default_rng(0)
    log = pd.DataFrame({"process_mb": [400.0, 500.0]}, index=[1, 11])
    assert "MB" in plots.memory_history(log).axes[0].get_ylabel()
    sums = pd.DataFrame({"parameter": [1.0, 2.0, 3.0], "gradient": [4.0, 5.0, 9.0]}, index=["a", "b", "total"])
    sums["total"] = sums.sum(axis=1)
    bars = plots.memory_bars({"one": sums, "two": sums})
    assert "MB" in bars.axes[0].get_xlabel() and len(bars.legends[0].get_texts()) == 4
    disk = plots.disk_bars(pd.DataFrame({"x": [1.0, 2.0]}, index=["log", "weights"]))
    assert disk.axes[0].get_xlim()[1] >= 3 and "MB" in disk.axes[0].get_xlabel()
    runs = pd.DataFrame({"configuration": ["a", "a", "b"], "measured_mb": [1, 1, 2], "skill": rng.random(3)})
    figure = plots.pareto(runs.assign(minutes=[1.0, 2.0, 3.0]))
    assert "MB" in figure.axes[0].get_xlabel() and [text.get_text() for text in figure.axes[0].texts] == ["a", "b"]
    angles = curves.direction_error(pd.DataFrame({"500 km": [1.0, 2.0]}, index=[1, 2]))
    assert "degrees" in angles.axes[0].get_ylabel()
