"""Own files by their paths give what they hold; half an input is refused."""

import numpy as np
import pytest
import torch

from rstmrf.config import RunConfig
from rstmrf.data.run_data import RunData
from rstmrf.data.saved_run import save_run
from rstmrf.errors import InputError
from rstmrf.model.whole import RSTMRF
from rstmrf.predict import Predictor, load
from rstmrf.readers.inputs import load_inputs, read_trained
from rstmrf.readers.observations import read_observations
from rstmrf.readers.point_store import write_point_store
from rstmrf.readers.point_tables import write_npy
from rstmrf.training.loop import train
from rstmrf.training.losses import loss_terms

START = "2019-04-25"


@pytest.fixture(scope="module")
def whole_profiles(thin_observations):
    """Without profiles that have a gap, where points were too faint: plain arrays would show two profiles there."""
    number, alt_km = (thin_observations[name].values for name in ("profile", "alt_km"))
    broken = number[1:][(np.diff(number) == 0) & (np.abs(np.diff(alt_km)) > 50)]
    return thin_observations.isel(point=~np.isin(number, broken))


@pytest.fixture(scope="module")
def own_files(tmp_path_factory, whole_profiles, sample_tec, sample_indices):
    folder = tmp_path_factory.mktemp("own")
    observations = write_npy(whole_profiles, folder / "profiles.npy", START)
    maps = sample_tec.isel(time=slice(0, 48))
    maps.to_netcdf(folder / "maps.nc", engine="h5netcdf", encoding={"vtec_tecu": {"zlib": True, "complevel": 1}})
    table = sample_indices[["kp", "f107_sfu"]].to_dataframe()
    table = table[:"2019-04-26T23:00"]  # ends with the last day of the observations
    rows = [f"{time:%Y-%m-%dT%H:%M},{row.kp:.3f},{row.f107_sfu:.1f}" for time, row in table.iterrows()]
    (folder / "drivers.csv").write_text("\n".join(["time,kp,f107", *rows]) + "\n")
    paths = {"obs_path": observations, "tec_path": folder / "maps.nc", "drivers_path": folder / "drivers.csv"}
    return {name: str(path) for name, path in paths.items()}


@pytest.fixture(scope="module")
def loaded(own_files):
    return load_inputs(RunConfig(), **own_files, start=START)


@pytest.mark.parametrize("suffix", ["npy", "zarr"])
def test_only_altitudes_that_a_model_learns_are_trained_on(whole_profiles, tmp_path, suffix):
    some = whole_profiles.isel(point=whole_profiles["profile"].values < 160).reset_coords("alt_km")
    below = some.assign(alt_km=some["alt_km"] - 40).set_coords("alt_km")  # 80 to 460 km
    path = tmp_path / f"below.{suffix}"
    write_npy(below, path, START) if suffix == "npy" else write_point_store(path, [below])
    outside = int((below["alt_km"].values < 120).sum())
    found = read_trained(path, **({"start": START} if suffix == "npy" else {}))
    assert outside > 0 and float(found["alt_km"].min()) >= 120
    assert found.attrs["qc_points_outside_altitude"] == outside
    assert found.sizes["point"] == below.sizes["point"] - outside


def test_without_paths_it_is_the_sample():
    inputs = load_inputs(RunConfig())
    assert inputs.observations.attrs["title"].startswith("Simulated")
    assert inputs.tec.sizes["time"] == 49 and "kp" in inputs.indices


def test_own_observations_are_read(loaded, whole_profiles):
    ours = loaded.observations
    assert ours.sizes["point"] == whole_profiles.sizes["point"]
    for name, tolerance in (("lat", 1e-4), ("lon", 1e-4), ("alt_km", 1e-3), ("log10_ne_m3", 1e-5)):
        assert np.allclose(ours[name], whole_profiles[name], atol=tolerance), name
    assert np.abs(ours["time"].values - whole_profiles["time"].values).max() <= np.timedelta64(1, "ms")


def test_own_maps_are_read(loaded, sample_tec):
    assert np.array_equal(loaded.tec["time"], sample_tec["time"][:48])
    assert np.allclose(loaded.tec["vtec_tecu"], sample_tec["vtec_tecu"][:48], atol=1e-4)


def test_own_indices_are_read_for_the_days_of_the_run(loaded, sample_indices):
    ours = loaded.indices
    assert str(ours["time"].values[0])[:13] == "2019-04-24T18"  # six hours of history, a window's length
    assert str(ours["time"].values[-1])[:13] == "2019-04-26T23"
    same = sample_indices.sel(time=ours["time"])
    assert np.allclose(ours["kp"], same["kp"], atol=0.01) and np.allclose(ours["f107_sfu"], same["f107_sfu"])


def test_own_files_make_the_same_run(loaded, whole_profiles, sample_tec, sample_indices, tiny_config):
    from rstmrf.data.run_data import RunData

    ours, sample = RunData(*loaded, tiny_config), RunData(whole_profiles, sample_tec, sample_indices, tiny_config)
    assert len(ours.points) == len(sample.points) and ours.left_out == sample.left_out
    assert np.allclose(ours.points.log10_ne_m3, sample.points.log10_ne_m3, atol=1e-5)
    a, b = (data.processor(data.points.select([0])) for data in (ours, sample))
    assert torch.allclose(a.unique_tec_map_seq, b.unique_tec_map_seq, atol=1e-4)
    assert torch.allclose(a.unique_sw_seq, b.unique_sw_seq, atol=0.01)


@pytest.fixture(scope="module")
def one_day(own_files, tmp_path_factory, whole_profiles, sample_tec):
    """Observations of the second day, and maps of both."""
    second = whole_profiles.isel(point=whole_profiles["time"].values >= np.datetime64("2019-04-26"))
    folder = tmp_path_factory.mktemp("day")
    maps = str(folder / "maps.nc")
    sample_tec.to_netcdf(maps, engine="h5netcdf", encoding={"vtec_tecu": {"zlib": True, "complevel": 1}})
    return {**own_files, "obs_path": str(write_npy(second, folder / "day.npy", START)), "tec_path": maps}


@pytest.mark.parametrize("settings", [{"driver_hours": 72}, {"lead_hours": 18}, {"lead_hours": 12, "driver_hours": 30}])
def test_no_hour_of_a_single_day_is_lost_for_want_of_history(one_day, tiny_config, settings):
    from rstmrf.data.run_data import RunData

    config = tiny_config.changed(**settings)
    data = RunData(*load_inputs(config, **one_day, start=START), config)
    assert data.left_out == 0 and data.points.coords[:, 3].floor().unique().numel() == 24


def test_history_ends_where_the_table_does(one_day, tmp_path):
    short = tmp_path / "short.csv"
    rows = [row for row in open(one_day["drivers_path"]) if row[:10] not in ("2019-04-22", "2019-04-23")]
    short.write_text("".join(rows))
    indices = load_inputs(RunConfig(driver_hours=72), **{**one_day, "drivers_path": str(short)}, start=START).indices
    assert indices["time"].values[0] == np.datetime64("2019-04-24T00")


def test_hours_without_kp_are_refused_or_left_out_as_set(own_files, tmp_path):
    gap, lines = tmp_path / "gap.csv", open(own_files["drivers_path"]).read().splitlines()
    lines = [f"{line[:16]},-1,{line.split(',')[2]}" if line.startswith("2019-04-25T1") else line for line in lines]
    gap.write_text("\n".join(lines) + "\n")
    files = {**own_files, "drivers_path": str(gap)}
    with pytest.raises(InputError, match=r"Kp is missing for 10 hours \(2019-04-25T10h"):
        load_inputs(RunConfig(), **files, start=START)
    indices = load_inputs(RunConfig(missing_hours="mask"), **files, start=START).indices
    held = indices["time"].values
    assert indices.attrs["left_out_hours"] == 10
    assert not np.isin(np.arange("2019-04-25T10", "2019-04-25T20", dtype="M8[h]"), held).any()
    assert held[-1] == np.datetime64("2019-04-26T23") and not np.isnan(indices["kp"]).any()


def test_start_is_needed_for_plain_arrays(own_files):
    with pytest.raises(InputError, match="start"):
        load_inputs(RunConfig(), **own_files)


def test_units_of_own_observations_are_not_guessed(own_files, tmp_path, thin_observations):
    linear = thin_observations.assign(log10_ne_m3=10 ** thin_observations["log10_ne_m3"].astype(float))
    path = write_npy(linear.isel(point=slice(0, 200)), tmp_path / "linear.npy", START)
    with pytest.raises(InputError):
        read_observations(str(path), start=START)


@pytest.mark.parametrize(
    ("paths", "sentence"),
    [
        ({"tec_path": "a.nc"}, "obs_path is empty"),
        ({"drivers_path": "a.csv"}, "without obs_path and tec_path"),
        ({"start": START}, "without obs_path and tec_path"),
    ],
)
def test_half_an_input_is_refused(paths, sentence):
    with pytest.raises(InputError, match=sentence):
        load_inputs(RunConfig(), **paths)


def test_files_that_are_not_there_are_named(own_files):
    for name in own_files:
        with pytest.raises(InputError, match="nowhere"):
            load_inputs(RunConfig(), **{**own_files, name: "nowhere/none.npy"}, start=START)


def test_observations_alone_make_a_run_without_a_direction_loss(own_files, tiny_config, tmp_path):
    """Nothing is known of TEC, so nothing is asked of directions; the run says so, trains, predicts and is kept."""
    paths = {name: path for name, path in own_files.items() if name != "tec_path"}
    inputs = load_inputs(tiny_config, **paths, start=START)
    assert inputs.tec is None
    with pytest.warns(UserWarning, match="there is no direction loss"):
        data = RunData(*inputs, tiny_config)
    assert data.processor.tec is None and data.config.w_tec_direction == 0
    batch = next(iter(data.train_dataloader()))
    assert batch.target_tec_map is None and list(loss_terms(batch, RSTMRF(data.config, 48.0), data.config)) == [
        "data",
        "chapman",
    ]
    model = train(data, tmp_path / "run")
    save_run(tmp_path / "run", model, data)
    again = load(tmp_path / "run")
    points = data.points.select(torch.arange(0, len(data.points), 50))
    expected = Predictor(model, data.iri, data.processor).residual(points)
    assert torch.allclose(again.residual(points), expected, atol=1e-6)
