"""The study of genuine profiles: what exploring may see, what is stored, and what the tables make of it."""

import json

import numpy as np
import pytest
import torch
import xarray as xr

from rstmrf.data.splits import DEVELOPMENT, GAP, TEST_PROFILES, TEST_TIMES, TRAIN
from studies import RESULTS, real_inputs, real_tables


class FourDays:
    """Of a run's data, the points alone: 400 profiles of five points, a hundred a day."""

    def __init__(self, days=4):
        profile = torch.arange(400).repeat_interleave(5)
        hours = profile // 100 * 24 + 0.24 * (profile % 100)
        kept = hours < 24 * days
        coords = torch.stack([torch.zeros_like(hours)] * 3 + [hours], dim=1)[kept]
        self.points = type("Points", (), {"profile": profile[kept], "coords": coords})


def test_day_4_is_locked_and_whole_profiles_are_held_out():
    data = FourDays()
    part = real_inputs.split(data, explore=False).part
    day, profile = data.points.coords[:, 3].numpy() // 24, data.points.profile.numpy()
    assert ((part == TEST_TIMES) == (day == 3)).all() and GAP not in part
    assert all(len(np.unique(part[profile == number])) == 1 for number in range(400))
    shares = [np.mean(part[day < 3] == number) for number in (TRAIN, DEVELOPMENT, TEST_PROFILES)]
    np.testing.assert_allclose(shares, [0.7, 0.1, 0.2], atol=0.06)


def test_exploring_sees_neither_day_4_nor_a_held_out_profile():
    whole, days_1_to_3 = FourDays(), FourDays(days=3)
    final = real_inputs.split(whole, explore=False).part
    part = real_inputs.split(days_1_to_3, explore=True).part
    held_out = final[: len(part)] == TEST_PROFILES
    assert (part[held_out] == GAP).all() and (part[~held_out] != GAP).all()
    day = days_1_to_3.points.coords[:, 3].numpy() // 24
    assert ((part == TEST_TIMES) == ((day == 2) & ~held_out)).all()  # day 3 takes the place of day 4


def test_exploring_reads_no_point_of_day_4(tmp_path, monkeypatch):
    time = np.datetime64("2015-01-01", "ns") + np.arange(96) * np.timedelta64(1, "h")
    alt_km = np.tile([130.0, 200.0, 300.0, 400.0, 480.0, 499.0], 96)
    ne = np.tile([10.0, 11.0, 11.5, 11.2, 10.9, 10.8], 96)
    ne[-1] = 12.0  # a profile whose highest density lies at its end has no plausible peak
    points = {"log10_ne_m3": ("point", ne), "alt_km": ("point", alt_km), "time": ("point", time.repeat(6))}
    points["profile"] = ("point", np.arange(96).repeat(6))
    monkeypatch.setattr(real_inputs, "read_observations", lambda *_, **__: xr.Dataset(points))
    assert real_inputs.observations(tmp_path, locked=False)["time"].values.max() < np.datetime64("2015-01-04")
    found = real_inputs.observations(tmp_path, locked=True)
    assert found.sizes["point"] == 95 * 3 and 95 not in found["profile"]


@pytest.fixture(scope="module")
def found():
    if not (RESULTS / "real_profiles.json").exists():
        pytest.skip("studies/results/real_profiles.json is not stored")
    return real_tables.results()  # of a study that is done


def test_stored_results_are_aggregates_with_credit(found):
    credits = " ".join(found["facts"]["credits"])
    assert all(name in credits for name in ("CDAAC", "GIRO", "EISCAT", "SW-All.txt"))
    assert found["facts"]["quality"]["profiles read"] == 2320
    fewest = [
        one["profiles"]
        for row in found["rows"]
        for where in ("held-out profiles", "day 4")
        for one in row[where]["scores"]
        if "rmse" in one
    ]
    assert min(fewest) >= 30  # no score from which a profile could be had back
    assert len(json.dumps(found)) < 2_000_000


def test_the_table_of_targets_is_plain_arithmetic(found):
    table = real_tables.below_table(found)
    cell = real_tables.errors(found, "day 4", ["all"]).iloc[0]
    line = table[(table["scored on"] == "day 4") & (table["altitudes"] == "120–500 km")].iloc[0]
    assert line["R-STMRF [%]"] == pytest.approx(100 * (1 - cell["R-STMRF"] / cell[real_tables.TABLE]))
    assert line["reached"] == (line["three models together [%]"] >= 10)
