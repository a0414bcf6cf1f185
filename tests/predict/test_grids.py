"""Grids as tasks of Dask: equal on every scheduler, and one that was stopped goes on where it was."""

import os
import pickle
import signal
import subprocess
import sys
import time

import dask
import numpy as np
import pytest
import xarray as xr

from rstmrf.errors import InputError
from rstmrf.predict import grids, stores
from rstmrf.predict.field import Shipped

NOON = np.datetime64("2019-04-25T12", "ns")
TIMES = NOON + np.arange(3) * np.timedelta64(1, "h")
AXES = (TIMES, np.arange(-60, 61, 20.0), np.arange(-180, 180, 60.0), np.arange(150, 500, 50.0))


@pytest.fixture(scope="module")
def whole(predictor):
    return predictor.grid(*AXES)


def opened(path):
    return xr.open_zarr(path, consolidated=False)


def test_a_lazy_grid_is_the_grid(predictor, whole):
    lazy = predictor.lazy_grid(*AXES, chunks={"lat": 3})
    assert lazy["ne_m3"].chunks == ((1, 1, 1), (7,), (3, 3, 1), (6,))
    xr.testing.assert_allclose(lazy.compute(scheduler="synchronous"), whole, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("scheduler", ["threads", "processes"])
def test_schedulers_agree(predictor, whole, scheduler):
    lazy = predictor.lazy_grid(*AXES, chunks={"lat": 4})
    xr.testing.assert_allclose(lazy.compute(scheduler=scheduler, num_workers=2), whole, rtol=1e-5, atol=1e-5)


def test_a_cluster_of_two_workers_agrees(predictor, whole, tmp_path):
    distributed = pytest.importorskip("distributed", reason="distributed is not installed")
    cluster = distributed.LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None)
    with cluster, distributed.Client(cluster):
        lazy = predictor.lazy_grid(*AXES, chunks={"lat": 4})
        xr.testing.assert_allclose(lazy.compute(), whole, rtol=1e-5, atol=1e-5)
        path = predictor.write_grid(tmp_path / "ne.zarr", *AXES, chunks={"lat": 4})
    with opened(path) as stored:
        xr.testing.assert_allclose(stored.load(), whole, rtol=1e-5, atol=1e-5)


def test_only_what_is_asked_for_is_computed(predictor, whole):
    some = predictor.grid(*AXES, variables=["ne_m3", "hm_f2_km", "d_log10ne_dalt_per_km"])
    assert list(some.data_vars) == ["ne_m3", "hm_f2_km", "d_log10ne_dalt_per_km"]
    xr.testing.assert_allclose(some["hm_f2_km"], whole["hm_f2_km"], atol=2e-3)
    assert np.allclose(some["ne_m3"], whole["ne_m3"], rtol=1e-4)
    maps = predictor.grid(*AXES[:3])
    assert set(maps.data_vars) == {"nm_f2_m3", "hm_f2_km", "fo_f2_mhz", "muf3000_f2_mhz", "vtec_tecu"}
    assert "alt_km" not in maps.coords


def test_axes_may_descend_and_are_given_back(predictor, whole):
    turned = predictor.grid(TIMES, AXES[1][::-1], AXES[2], AXES[3][::-1])
    xr.testing.assert_allclose(turned.sortby(["lat", "alt_km"]), whole, rtol=1e-5, atol=1e-5)
    assert turned["lat"].values[0] == 60 and turned["alt_km"].values[0] > turned["alt_km"].values[-1]


def test_what_travels_to_workers_is_small(predictor):
    """The model and the drivers; neither maps of TEC nor those of IRI."""
    packed = pickle.dumps(Shipped(predictor.field))
    weights = sum(p.numel() * 4 for p in predictor.model.parameters())
    assert len(packed) < weights + 50_000
    assert len(pickle.dumps(predictor.iri)) < 2_000


def test_a_store_that_was_stopped_goes_on(predictor, whole, tmp_path, monkeypatch):
    """Blocks that were written are not computed again; what was half done is."""
    computed, real = [], grids.grid_block

    def counted(shipped, hour, lat, *rest):
        computed.append((hour, lat[0]))
        if len(computed) == 5 and not resumed:
            raise KeyboardInterrupt
        return real(shipped, hour, lat, *rest)

    monkeypatch.setattr(grids, "grid_block", counted)
    resumed, path = False, tmp_path / "ne.zarr"
    with dask.config.set(scheduler="synchronous"):
        with pytest.raises(KeyboardInterrupt):
            predictor.write_grid(path, *AXES, chunks={"lat": 4})
        notes = path.with_suffix(".zarr.unfinished")
        before, resumed = len(computed), True
        written = len({line.split()[1] for line in notes.read_text().splitlines()[1:]})
        assert written >= 1
        predictor.write_grid(path, *AXES, chunks={"lat": 4})
    assert len(computed) - before <= 6 - written + 1 and not notes.exists()
    with opened(path) as stored:
        xr.testing.assert_allclose(stored.load(), whole, rtol=1e-5, atol=1e-5)


def test_another_grid_is_not_taken_for_the_stopped_one(predictor, tmp_path):
    path = tmp_path / "ne.zarr"
    predictor.write_grid(path, TIMES[:1], [0.0, 10.0], [0.0], [300.0])
    path.with_suffix(".zarr.unfinished").write_text('{"request": "other"}\nne_m3 0\n')
    predictor.write_grid(path, *AXES[:1], [0.0], [0.0], [300.0])
    with opened(path) as stored:
        assert stored.sizes == {"time": 3, "lat": 1, "lon": 1, "alt_km": 1} and stored["ne_m3"].notnull().all()


KILLED = """
import sys, time, numpy, dask, rstmrf
from rstmrf.predict import grids
real = grids.grid_block
def slow(*given):
    time.sleep(0.3)
    return real(*given)
grids.grid_block = slow
times = numpy.datetime64("2019-04-25T12", "ns") + numpy.arange(3) * numpy.timedelta64(1, "h")
with dask.config.set(scheduler="synchronous"):
    rstmrf.load(sys.argv[1]).write_grid(
        sys.argv[2], times, numpy.arange(-60, 61, 20.0), numpy.arange(-180, 180, 60.0), numpy.arange(150, 500, 50.0),
        chunks={"lat": 1},
    )
"""


def test_a_killed_process_leaves_what_another_goes_on_from(predictor, stating_run, whole, tmp_path, monkeypatch):
    path = tmp_path / "ne.zarr"
    notes = path.with_suffix(".zarr.unfinished")
    process = subprocess.Popen([sys.executable, "-c", KILLED, str(stating_run[2]), str(path)])
    while process.poll() is None and not (notes.exists() and len(notes.read_text().splitlines()) > 20):
        time.sleep(0.05)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    kept = {line.split()[1] for line in notes.read_text().splitlines()[1:]}
    assert 0 < len(kept) < 21
    computed, real = [], grids.grid_block
    monkeypatch.setattr(grids, "grid_block", lambda *given: computed.append(given[1]) or real(*given))
    with dask.config.set(scheduler="synchronous"):
        predictor.write_grid(path, *AXES, chunks={"lat": 1})
    assert len(computed) <= 21 - len(kept) + 1  # one block may have been written in part
    with opened(path) as stored:
        xr.testing.assert_allclose(stored.load(), whole, rtol=1e-5, atol=1e-5)
    assert not notes.exists()


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"lat": []}, "lat of the grid has shape"),
        ({"lat": [0.0, 5.0, 2.0]}, "goes to and fro"),
        ({"lat": [0.0, 95.0]}, "lat of the grid reaches 95"),
        ({"lon": [np.nan]}, "lon of the grid holds what is no finite number"),
        ({"alt_km": [50.0, 300.0]}, r"alt_km\[0\] is 50"),
        ({"time": [NOON, NOON]}, "time of the grid has 2 values, 1 of them different"),
        ({"variables": ["ne"]}, r"\['ne'\] cannot be given"),
        ({"alt_km": None, "variables": ["ne_m3"]}, "alt_km of the grid is empty"),
        ({"vtec_km": (500.0, 120.0)}, "vtec_km is 500 to 120"),
        ({"gradient": True}, "gradient: a grid has no such option"),
    ],
)
def test_a_grid_that_cannot_be_is_refused(predictor, change, sentence):
    given = {"time": NOON, "lat": [0.0], "lon": [0.0], "alt_km": [300.0], **change}
    with pytest.raises(InputError, match=sentence):
        predictor.lazy_grid(**given)


def test_a_block_is_written_whole_or_noted_not_at_all(predictor, tmp_path, monkeypatch):
    """A write that fails leaves no note of its block."""
    import zarr

    def refuse(*_, **__):
        raise OSError("no space left on device")

    monkeypatch.setattr(zarr, "open_array", refuse)
    with pytest.raises(OSError, match="no space"):
        predictor.write_grid(tmp_path / "ne.zarr", *AXES)
    assert stores._finished(tmp_path / "ne.zarr.unfinished", "") is None
    assert len((tmp_path / "ne.zarr.unfinished").read_text().splitlines()) == 1
