"""Windows end with the last whole hour, few are unique, and gaps are named or left out."""

import numpy as np
import pytest
import torch
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st

from rstmrf.data.batch import PointSet
from rstmrf.data.dataset import BatchDataset
from rstmrf.data.windows import SlidingWindowBatchProcessor
from rstmrf.errors import InputError

START = np.datetime64("2019-04-25T00", "ns")
HOURS, SEQ = 48, 6


def hourly_maps(hours=range(HOURS)):
    """Maps whose value is the hour since `START`."""
    time = START + np.array(list(hours)) * np.timedelta64(1, "h")
    values = np.broadcast_to(np.array(list(hours), np.float32)[:, None, None], (len(time), 181, 361))
    coords = {"time": time, "lat": np.arange(-90.0, 91.0), "lon": np.arange(-180.0, 181.0)}
    return xr.Dataset({"vtec_tecu": (("time", "lat", "lon"), values)}, coords)


def hourly_indices(hours=range(-24, HOURS)):
    hours = np.array(list(hours))
    time = START + hours * np.timedelta64(1, "h")
    return xr.Dataset({"kp": ("time", hours % 9.0), "f107_sfu": ("time", 70.0 + hours)}, {"time": time})


def processor(tec=None, indices=None, **changes):
    settings = {"start": START, "seq_len": SEQ, "tec_downsample_factor": 4, **changes}
    return SlidingWindowBatchProcessor(
        hourly_maps() if tec is None else tec, hourly_indices() if indices is None else indices, **settings
    )


def points_at(hours):
    n = len(hours)
    coords = torch.rand(n, 4)
    coords[:, 3] = torch.as_tensor(hours)
    return PointSet(coords, torch.rand(n), torch.rand(n, 5), torch.zeros(n, dtype=torch.long), START)


@pytest.fixture(scope="module")
def whole():
    return processor()


@given(hours=st.lists(st.floats(SEQ, HOURS - 0.125, width=32), min_size=1, max_size=60))
def test_a_window_ends_with_the_last_whole_hour(whole, hours):
    """The hour of each map is its value: the window's last is ⌊t⌋, the others are the hours before it."""
    batch = whole(points_at(hours))
    seen = batch.unique_tec_map_seq[batch.tec_indices][:, :, 0, 20, 50]
    expected = torch.floor(torch.tensor(hours))[:, None] + torch.arange(1 - SEQ, 1)
    assert torch.equal(seen, expected)
    assert torch.equal(batch.sw_seq[..., 1], 70 + expected) and torch.equal(batch.sw_seq[..., 0], expected % 9)
    assert torch.equal(batch.target_tec_map, batch.unique_tec_map_seq[:, -1])


@given(hours=st.lists(st.floats(SEQ, HOURS - 0.125, width=32), min_size=1, max_size=60))
def test_each_window_is_cut_once(whole, hours):
    rows, window = whole.unique_windows(torch.tensor(hours))
    assert len(rows) == len(set(np.floor(hours))) == len(set(rows.tolist()))
    assert set(window.tolist()) == set(range(len(rows)))


@pytest.mark.parametrize(("factor", "shape"), [(4, (46, 91)), (6, (31, 61)), (30, (7, 13))])
def test_shapes_follow_from_the_factor(factor, shape):
    batch = processor(tec_downsample_factor=factor)(points_at([10.2, 10.7, 33.0]))
    assert batch.unique_tec_map_seq.shape == (2, SEQ, 1, *shape)
    assert batch.target_tec_map.shape == (2, 1, *shape)
    assert batch.unique_sw_seq.shape == (2, SEQ, 2) and batch.sw_seq.shape == (3, SEQ, 2)


def test_members_keep_their_points(whole):
    points = points_at([40.0, 10.2, 40.9])
    batch = whole(points)
    assert torch.equal(batch.coords, points.coords) and torch.equal(batch.target_ne, points.log10_ne_m3)
    assert batch.tec_indices.tolist() == [1, 0, 1]


def test_indices_are_those_of_the_table(sample_tec, sample_indices):
    ready = SlidingWindowBatchProcessor(sample_tec, sample_indices, start=START, seq_len=3, tec_downsample_factor=30)
    batch = ready(points_at([12.5]))
    table = sample_indices.sel(time=slice("2019-04-25T10", "2019-04-25T12"))
    assert torch.allclose(batch.unique_sw_seq[0, :, 0], torch.from_numpy(table.kp.values).float())
    assert torch.allclose(batch.unique_sw_seq[0, :, 1], torch.from_numpy(table.f107_sfu.values).float())
    on_grid = sample_tec.vtec_tecu.sel(time="2019-04-25T12").values[::30, ::30]
    assert np.array_equal(batch.target_tec_map[0, 0].numpy(), on_grid)


def test_windows_that_reach_outside_the_data_are_not_usable(whole):
    hours = torch.tensor([-1.0, 0.0, SEQ - 1.01, SEQ - 1.0, 20.0, HOURS - 0.01, HOURS])
    assert whole.usable(hours).tolist() == [False, False, False, True, True, True, False]


def test_maps_of_the_day_before_make_the_first_hours_usable():
    earlier = processor(hourly_maps(range(-12, HOURS)))
    assert earlier.usable(torch.tensor([0.0, 0.5])).all()
    batch = earlier(points_at([0.5]))
    assert batch.unique_tec_map_seq[0, :, 0, 0, 0].tolist() == [-5, -4, -3, -2, -1, 0]


def test_missing_hours_are_named():
    some = [h for h in range(HOURS) if h not in (20, 21)]
    for gaps in ({"tec": hourly_maps(some)}, {"indices": hourly_indices([-2, -1, *some])}):
        with pytest.raises(
            InputError, match=r"lack 2 of 48 hours: 2019-04-25T20, 2019-04-25T21; .*missing_hours='mask'"
        ):
            processor(**gaps)


def test_masked_hours_leave_out_the_points_that_need_them():
    some = [h for h in range(HOURS) if h != 20]
    masked = processor(hourly_maps(some), missing_hours="mask")
    usable = masked.usable(torch.arange(HOURS) + 0.5)
    assert np.flatnonzero(~usable).tolist() == [*range(SEQ - 1), *range(20, 20 + SEQ)]


def test_no_hours_in_common_is_said():
    with pytest.raises(InputError, match="they need hours in common"):
        processor(indices=hourly_indices(range(100, 120)))


def test_data_set_gives_batches_by_numbers(whole):
    points = points_at(np.linspace(10, 40, 30, dtype=np.float32))
    data = BatchDataset(points, whole)
    assert len(data) == 30 and torch.equal(data[[3, 7]].coords, points.coords[[3, 7]])


def test_physics_may_be_asked_at_some_of_the_observations(whole):
    points = points_at(np.linspace(10, 40, 30, dtype=np.float32))
    batch = BatchDataset(points, whole, physics_points=8)[list(range(30))]
    assert len(batch.coords) == 30 and len(batch.physics.coords) == 8
    hours = batch.physics.coords[:, 3].contiguous()
    place = torch.searchsorted(batch.coords[:, 3].contiguous(), hours)
    assert torch.equal(batch.tec_indices[place], batch.physics.tec_indices) and len(hours.unique()) == 8


def test_indices_may_reach_back_further_than_maps():
    longer, plain = processor(hourly_maps(range(12, HOURS)), driver_hours=10), processor(hourly_maps(range(12, HOURS)))
    hours = torch.arange(HOURS) + 0.5
    assert torch.equal(longer.usable(hours), plain.usable(hours))  # indices begin before the maps do
    points = points_at(np.array([20.5, 30.2], np.float32))
    ten, few = longer(points), plain(points)
    assert ten.unique_sw_seq.shape[1] == 10 and torch.equal(ten.unique_sw_seq[:, -SEQ:], few.unique_sw_seq)
    assert torch.equal(ten.unique_tec_map_seq, few.unique_tec_map_seq)
