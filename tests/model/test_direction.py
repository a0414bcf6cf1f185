"""The direction field is round the globe, cheap to sample, and taught by true gradients of TEC."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from rstmrf.config import RunConfig
from rstmrf.globe import cosine, pad_globe, sample_maps, tec_gradient, turned_with_sun
from rstmrf.model.convlstm import convolve_globe
from rstmrf.model.direction import DirectionField
from rstmrf.units import EARTH_RADIUS_KM

CONFIG = RunConfig(tec_feat_dim=4, seq_len=3)


def globe(windows=2, hours=3, height=19, width=36):
    """Random maps whose first and last column are the same meridian."""
    maps = 20 + 8 * torch.randn(windows, hours, 1, height, width, dtype=torch.float64)
    return torch.cat([maps, maps[..., :1]], dim=-1)


def turn(maps, columns):
    """Maps turned eastwards."""
    turned = maps[..., :-1].roll(columns, dims=-1)
    return torch.cat([turned, turned[..., :1]], dim=-1)


@pytest.fixture(params=[1, 2], ids=["one layer", "two layers"])
def field(request):
    torch.manual_seed(0)
    return DirectionField(CONFIG.changed(convlstm_layers=request.param)).double()


@pytest.mark.parametrize("columns", [1, 7, 18, 35])
def test_turning_the_maps_turns_the_field(field, columns):
    maps = globe()
    assert torch.allclose(field(turn(maps, columns)), turn(field(maps), columns), rtol=0, atol=1e-13)


def test_both_sides_of_the_seam_agree(field):
    out = field(globe())
    assert torch.allclose(out[..., 0], out[..., -1], rtol=0, atol=1e-13)


def test_a_window_does_not_depend_on_the_others(field):
    maps = globe(windows=3)
    assert torch.allclose(field(maps)[1:2], field(maps[1:2]), rtol=0, atol=1e-13)


def test_the_last_hours_count_all(field):
    maps = globe(windows=1)
    for hour in range(maps.shape[1]):
        changed = maps.clone()
        changed[:, hour] += 1.0
        assert not torch.allclose(field(changed), field(maps))


def test_convolution_goes_on_round_the_globe():
    row = torch.tensor([0.0, 1.0, 2.0, 3.0])
    west_plus_east = torch.tensor([[0.0, 0, 0], [1, 0, 1], [0, 0, 0]])[None, None]
    assert convolve_globe(row.expand(1, 1, 3, 4), west_plus_east)[0, 0, 1].tolist() == [4, 2, 4, 2]


def test_padding_goes_on_round_the_globe():
    row = torch.tensor([[0.0, 1.0, 2.0, 3.0, 0.0]])
    padded = pad_globe(row[None, None].expand(1, 1, 3, 5))
    assert padded.shape == (1, 1, 5, 7) and padded[0, 0, 0].tolist() == [3, 0, 1, 2, 3, 0, 1]


@given(seed=st.integers(0, 2**16))
def test_sampling_equals_grid_sample_on_the_copied_field(seed):
    draw = torch.Generator().manual_seed(seed)
    maps = torch.randn(3, 2, 7, 13, generator=draw, dtype=torch.float64)
    window = torch.randint(0, 3, (16,), generator=draw)
    lat, lon = (torch.rand(2, 16, generator=draw, dtype=torch.float64) * 2 - 1) * torch.tensor([[90.0], [180.0]])
    grid = torch.stack([lon / 180, lat / 90], dim=-1)[:, None, None]
    copied = torch.nn.functional.grid_sample(maps[window], grid, align_corners=True)[:, :, 0, 0]
    assert torch.allclose(sample_maps(maps, window, lat, lon), copied, rtol=0, atol=1e-12)


def test_sampling_at_nodes_gives_the_nodes():
    maps = globe(1, 2, 7, 12)[:, :, 0]
    lat, lon = (x.ravel() for x in np.meshgrid(np.linspace(-90, 90, 7), np.linspace(-180, 180, 13), indexing="ij"))
    lat, lon = torch.from_numpy(lat), torch.from_numpy(lon)
    found = sample_maps(maps, torch.zeros(len(lat), dtype=torch.long), lat, lon)
    assert torch.allclose(found.T.reshape(2, 7, 13), maps[0], rtol=0, atol=1e-12)


@given(lat=st.floats(-90, 90), lon=st.floats(-180, 180), turns=st.integers(-2, 2))
def test_sampling_is_periodic_in_longitude(lat, lon, turns):
    maps = globe(1, 2, 7, 12)[:, :, 0]
    lats, lons = torch.tensor([[lat, lat], [lon, lon + 360 * turns]], dtype=torch.float64)
    here, there = sample_maps(maps, torch.zeros(2, dtype=torch.long), lats, lons)
    assert torch.allclose(here, there, rtol=0, atol=1e-9)


def test_gradient_of_a_known_map_in_both_forms():
    """TEC = a sin φ + b cos φ cos λ: north (a cos φ − b sin φ cos λ)/R, east −b sin λ/R."""
    a, b = 12.0, 7.0
    lat, lon = (torch.linspace(-x, x, n, dtype=torch.float64).deg2rad() for x, n in ((90, 181), (180, 361)))
    lat = lat[:, None]
    tec = a * lat.sin() + b * lat.cos() * lon.cos()
    north = a * lat.cos() - b * lat.sin() * lon.cos()
    east = (-b * lon.sin()).expand_as(north)
    metric = tec_gradient(tec[None, None])[0]
    assert (metric - torch.stack([east, north]) / EARTH_RADIUS_KM)[:, 5:-5].abs().max() < 1e-3 * a / EARTH_RADIUS_KM
    degrees = tec_gradient(tec[None, None], "document")[0]
    expected = torch.stack([north, east * lat.cos()]).deg2rad()
    assert (degrees - expected)[:, 1:-1].abs().max() < 1e-3 * np.deg2rad(a)


@settings(max_examples=25)
@given(scale=st.floats(1e-3, 1e3), seed=st.integers(0, 2**16))
def test_direction_does_not_know_how_much_tec_there_is(scale, seed):
    torch.manual_seed(seed)
    maps = globe()[:, 0]
    assert torch.allclose(cosine(tec_gradient(scale * maps), tec_gradient(maps)), torch.ones(()).double(), atol=1e-9)


@given(hours=st.integers(0, 24))
def test_what_turns_with_the_sun_is_met_in_its_frame(hours):
    """On a grid of 15° a pattern fixed to the Sun is the same map, whatever the age of the map that shows it."""
    lon = torch.linspace(-180, 180, 25, dtype=torch.float64)

    def at(hour):
        return torch.cos(torch.deg2rad(lon + 15 * hour)).expand(1, 1, 13, 25)

    assert torch.allclose(turned_with_sun(at(3), hours), at(3 + hours), atol=1e-12)


def test_a_head_in_the_suns_frame_sees_one_map_where_all_turns_with_the_sun():
    torch.manual_seed(0)
    config = RunConfig(seq_len=3, lead_hours=2, tec_frame="sun", tec_feat_dim=4)
    field = DirectionField(config)
    lon = torch.linspace(-180, 180, 25)
    maps = torch.stack([20 + 10 * torch.cos(torch.deg2rad(lon + 15 * h)).expand(1, 13, 25) for h in range(5)])
    earth = DirectionField(config.changed(tec_frame="earth"))
    earth.load_state_dict(field.state_dict())
    assert torch.allclose(field(maps[None, :3]), earth(maps[None, [4, 4, 4]]), atol=1e-5)
