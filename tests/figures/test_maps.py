"""Maps of directions: arrows point where the field climbs, have one length, and are left out where TEC is flat."""

import matplotlib.pyplot as plt
import numpy as np
import pytest
import xarray as xr
from matplotlib.collections import QuadMesh
from matplotlib.quiver import Quiver

from rstmrf.figures import maps


@pytest.fixture(autouse=True)
def closed():
    yield
    plt.close("all")


@pytest.fixture
def ds():
    """TEC climbs east, IRI north, the model west; TEC is flat in the southern half."""
    lat, lon = np.arange(-90.0, 91, 6), np.arange(-180.0, 181, 6)
    shape = (lat.size, lon.size)
    one, zero = np.ones(shape), np.zeros(shape)
    plane = {"vtec_tecu": 20 * one, "tec_east": 0.003 * one, "tec_north": zero, "weight": one * (lat > 0)[:, None]}
    of_source = {
        "log10_ne_m3": np.stack([11 * one, 11.5 * one]),
        "ne_east": np.stack([zero, -2e-4 * one]),
        "ne_north": np.stack([1e-4 * one, zero]),
        "angle_deg": np.stack([90 * one, 180 * one]),
    }
    return xr.Dataset(
        {k: (("lat", "lon"), v) for k, v in plane.items()}
        | {k: (("source", "lat", "lon"), v) for k, v in of_source.items()},
        {"lat": lat, "lon": lon, "source": ["IRI", "model"], "time": np.datetime64("2019-04-25T20", "ns")},
        {"alt_km": 350.0},
    )


def quivers(figure):
    return [artist for artist in figure.axes[0].get_children() if isinstance(artist, Quiver)]


def colour_bar(figure):
    (bar,) = (ax for ax in figure.axes if ax.get_label() == "<colorbar>")
    return bar.get_ylabel()


def test_arrows_are_unit_vectors_where_tec_is_not_flat(ds):
    (tec,) = quivers(maps.tec_directions(ds))
    assert len(tec.X) > 50 and (tec.Y > 0).all()
    assert np.allclose(tec.U, 1) and np.allclose(tec.V, 0)


def test_both_densities_are_drawn_with_arrows_of_their_own(ds):
    iri, model = quivers(maps.density_directions(ds, "model"))
    assert np.allclose(iri.V, 1) and np.allclose(model.U, -1)
    assert not np.array_equal(iri.get_facecolor(), model.get_facecolor())


def test_arrows_can_be_thinned(ds):
    few, many = (quivers(maps.tec_directions(ds, every_deg))[0] for every_deg in (24.0, 6.0))
    assert len(many.X) > 10 * len(few.X)


def test_angles_are_drawn_where_tec_is_not_flat(ds):
    figure = maps.angle_maps(ds, ["IRI", "model"])
    for ax, angle in zip(figure.axes, (90, 180), strict=False):
        (mesh,) = (c for c in ax.collections if isinstance(c, QuadMesh))
        drawn = np.ma.masked_invalid(mesh.get_array())
        assert mesh.get_clim() == (0, 180) and set(drawn.compressed()) == {angle}
        assert 0.4 < drawn.mask.mean() < 0.6
    assert "(degrees)" in colour_bar(figure)


def test_every_map_is_drawn_with_a_unit_and_the_terminator(ds):
    for figure, unit in ((maps.tec_directions(ds), "(TECU)"), (maps.density_directions(ds, "model"), "(m$^{-3}$)")):
        figure.canvas.draw()
        assert unit in colour_bar(figure) and "2019-04-25 20:00 UT" in figure.axes[0].get_title()
        assert sum(type(artist).__name__ == "FeatureArtist" for artist in figure.axes[0].get_children()) == 2
