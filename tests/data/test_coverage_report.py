"""Each observation is counted once, under what its window lacks; the counts are those of the windows themselves."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rstmrf.data.coverage_report import coverage, missing_hours
from rstmrf.data.run_data import RunData
from rstmrf.data.windows import SlidingWindowBatchProcessor
from rstmrf.errors import InputError


def hours_from(first, n, without=()):
    return np.setdiff1d(np.datetime64(first, "h") + np.arange(n), np.array(without, "M8[h]")).astype("M8[ns]")


def test_gaps_and_ends_are_counted_with_their_dates(thin_observations, sample_tec, sample_indices, tiny_config):
    hours = np.arange("2019-04-25T00", "2019-04-27T00", dtype="M8[h]")
    one_an_hour = thin_observations.isel(point=np.arange(hours.size)).assign_coords(
        time=("point", hours.astype("M8[ns]"))
    )
    tec = sample_tec.isel(time=np.r_[0:20, 22:40])
    indices = sample_indices.sel(time=sample_indices.time != np.datetime64("2019-04-26T08"))
    table = coverage(one_an_hour, tec, indices, tiny_config.changed(driver_hours=5))
    assert table["points"].tolist() == [2, 8, 4, 0, 0, 5, 29] and table["points"].sum() == 48
    assert [str(x)[:13] for x in table.loc["after the maps end", ["first", "last"]]] == [
        "2019-04-26 16",
        "2019-04-26 23",
    ]
    gap = table.loc["in or after a gap of the maps"]
    assert (str(gap["first"])[:13], str(gap["last"])[:13], gap["hours"]) == ("2019-04-25 20", "2019-04-25 23", 4)
    assert missing_hours(tec["time"]).astype(str).tolist() == ["2019-04-25T20", "2019-04-25T21"]


@settings(max_examples=15)
@given(st.sets(st.integers(0, 48)), st.integers(1, 6), st.integers(0, 4), st.integers(1, 9))
def test_whole_windows_are_those_that_batches_are_cut_from(
    thin_observations, sample_tec, sample_indices, tiny_config, gone, seq_len, lead_hours, driver_hours
):
    import torch

    config = tiny_config.changed(seq_len=seq_len, lead_hours=lead_hours, driver_hours=driver_hours)
    kept = [i for i in range(49) if i not in gone] or [0]
    tec, start = sample_tec.isel(time=kept), np.datetime64("2019-04-25", "ns")
    processor = SlidingWindowBatchProcessor(
        tec,
        sample_indices,
        start=start,
        seq_len=seq_len,
        lead_hours=lead_hours,
        driver_hours=driver_hours,
        missing_hours="mask",
        tec_downsample_factor=90,
    )
    hours = (thin_observations["time"].values - start) / np.timedelta64(1, "h")
    usable = int(processor.usable(torch.from_numpy(hours)).sum())
    assert coverage(thin_observations, tec, sample_indices, config).loc["whole window", "points"] == usable


def test_nothing_at_all_is_refused(thin_observations, sample_tec, sample_indices, tiny_config):
    with pytest.raises(InputError, match="TEC maps: there are none"):
        coverage(thin_observations, sample_tec.isel(time=[]), sample_indices, tiny_config)


def test_a_run_says_which_points_it_leaves_out(thin_observations, sample_tec, sample_indices, tiny_config):
    late = sample_tec.isel(time=slice(9, None))
    run = RunData(thin_observations, late, sample_indices, tiny_config.changed(missing_hours="mask"))
    (sentence,) = run.lacking
    assert sentence.startswith(f"{run.left_out} of {thin_observations.sizes['point']} points lie before the maps begin")
    assert "2019-04-25 00 to 2019-04-25 10 UT, 11 h" in sentence
    whole = RunData(thin_observations, None, sample_indices, tiny_config.changed(w_tec_direction=0.0))
    assert not whole.left_out and whole.lacking == []
    table = coverage(thin_observations, None, sample_indices, tiny_config)
    assert table.loc["whole window", "points"] == thin_observations.sizes["point"] and "maps" not in str(table.index)
