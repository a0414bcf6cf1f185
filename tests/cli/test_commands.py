"""Each command does what its help says, from a stranger's folder of files to a map and a track."""

import json
import shutil
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
import typer
import xarray as xr
from typer.testing import CliRunner

from rstmrf.cli.settings import settled, takes_settings
from rstmrf.config import RunConfig
from rstmrf.predict import load
from rstmrf.readers.observations import read_observations

MOMENT = np.datetime64("2019-04-26T12", "ns")


def test_options_go_before_the_file_and_the_file_before_the_preset(run_dir):
    config = RunConfig.load(run_dir / "config.json")
    assert (config.epochs, config.warmup_steps) == (1, 5)  # options; the file says 3
    assert (config.batch_size, config.basis_dim) == (256, 8)  # the file
    assert (config.patience, config.learning_rate) == (4, 2e-3)  # the preset it names


def test_training_leaves_weights_and_scores(run_dir):
    metrics = json.loads((run_dir / "metrics.json").read_text())
    assert {"held-out profiles", "held-out times", "held out"} <= set(metrics["rmse"])
    assert (run_dir / "model.safetensors").stat().st_size > 1000


def test_the_command_gives_the_model_that_the_steps_in_python_give(run_dir, own_folder, tmp_path):
    from rstmrf import RunData, load_inputs, load_model, train

    config = RunConfig.load(run_dir / "config.json")
    paths = {
        "obs_path": own_folder / "profiles",
        "tec_path": own_folder / "maps",
        "drivers_path": own_folder / "Kp.csv",
    }
    ours = train(RunData(*load_inputs(config, **{k: str(v) for k, v in paths.items()}), config), tmp_path / "again")
    theirs = load_model(run_dir)[0]
    for name, value in ours.state_dict().items():
        assert (value == theirs.state_dict()[name]).all(), name


def test_a_grid_opens_in_plain_xarray_with_units(rstmrf, run_dir, tmp_path):
    out = tmp_path / "ne.nc"
    done = rstmrf("predict", run_dir, "--grid", "30x60x100", "--time", "2019-04-26T12", "-o", out, "--json")
    assert done.exit_code == 0, done.stderr
    assert json.loads(done.stdout) == {"file": str(out), "time": 1, "lat": 7, "lon": 6, "alt_km": 6}
    with xr.open_dataset(out) as ds:
        assert ds["ne_m3"].attrs["units"] == "m-3" and ds["time"].values == [MOMENT]
        assert list(ds["lon"].values) == [-180, -120, -60, 0, 60, 120] and ds["lat"].values[[0, -1]].tolist() == [
            -90,
            90,
        ]
        assert (1e8 < ds["ne_m3"]).all() and (ds["ne_m3"] < 1e14).all()


def test_several_times_go_to_zarr(rstmrf, run_dir, tmp_path):
    out = tmp_path / "ne.zarr"
    times = ["--time", "2019-04-26T10/2019-04-26T12/1"]
    done = rstmrf("predict", run_dir, "--grid", "30x60x100", *times, "--lon", "0:360", "--alt", "200:400", "-o", out)
    assert done.exit_code == 0, done.stderr
    ds = xr.open_zarr(out, consolidated=False)
    assert ds.sizes["time"] == 3 and ds["lon"].values[-1] == 300 and ds["alt_km"].values.tolist() == [200, 300, 400]


def test_a_track_has_the_density_of_the_grid_at_its_places(rstmrf, run_dir, tmp_path):
    places = pd.DataFrame(
        {"Timestamp": "2019-04-26T12:00:00", "Latitude": [-30.0, 0, 60], "Longitude": [-60.0, 120, 0]}
    )
    places["altitude_m"] = [200e3, 300e3, 400e3]
    places.to_csv(tmp_path / "swarm.csv", index=False)
    for words in (["--track", tmp_path / "swarm.csv", "-o", tmp_path / "t.nc"],
                  ["--grid", "30x60x100", "--time", "2019-04-26T12", "-o", tmp_path / "g.nc"]):  # fmt: skip
        done = rstmrf("predict", run_dir, *words)
        assert done.exit_code == 0, done.stderr
    with xr.open_dataset(tmp_path / "t.nc") as track, xr.open_dataset(tmp_path / "g.nc") as grid:
        at = grid.sel(time=MOMENT, lat=track["lat"], lon=track["lon"], alt_km=track["alt_km"])
        for name in ("ne_m3", "ne_iri_m3"):
            assert np.allclose(np.log10(track[name]), np.log10(at[name]), atol=1e-4), name


@pytest.fixture(scope="module")
def grid_file(rstmrf, run_dir, tmp_path_factory):
    path = tmp_path_factory.mktemp("grid") / "ne.nc"
    rstmrf("predict", run_dir, "--grid", "30x60x100", "--time", "2019-04-26T12", "-o", path)
    return path


def test_what_was_predicted_is_drawn(rstmrf, grid_file, tmp_path):
    done = rstmrf("show", grid_file, "-o", tmp_path / "ne.png")
    assert done.exit_code == 0 and (tmp_path / "ne.png").read_bytes().startswith(b"\x89PNG")
    missing = rstmrf("show", grid_file, "-o", tmp_path / "ne.png", "--time", "2020-01-01")
    assert missing.exit_code == 2 and "2019-04-26T12:00 to 2019-04-26T12:00, 1 times" in missing.stderr
    odd = rstmrf("show", grid_file, "-o", tmp_path / "ne.xyz")
    assert odd.exit_code == 2 and "the picture cannot be written" in odd.stderr


def test_the_page_holds_every_altitude_and_asks_no_network(rstmrf, grid_file):
    pytest.importorskip("plotly")
    assert rstmrf("show", grid_file).exit_code == 0
    page = grid_file.with_suffix(".html").read_text()
    assert all(f'"label":"{level} km"' in page for level in (100, 200, 300, 400, 500, 600))
    assert '<script src="http' not in page and "<link" not in page
    assert '"label":"-180\\u00b0"' in page and '"label":"180\\u00b0"' in page  # the globe is closed


def test_scores_come_back_from_the_run_alone(rstmrf, run_dir):
    again = json.loads(rstmrf("evaluate", run_dir, "--json").stdout)
    kept = json.loads((run_dir / "metrics.json").read_text())
    assert again["skill_against_iri"] == pytest.approx(kept["skill_against_iri"], abs=1e-6)
    part = json.loads(rstmrf("evaluate", run_dir, "--part", "held-out times", "--json").stdout)
    assert part["part"] == "held-out times" and part["split"] == kept["split"]


def test_scores_are_refused_on_other_data_than_it_was_trained_on(rstmrf, run_dir, own_folder, tmp_path):
    maps = xr.load_dataset(own_folder / "maps" / "vtec_0425.nc")
    maps["vtec_tecu"].values[:] += 1.0
    maps.to_netcdf(tmp_path / "vtec_0425.nc", engine="h5netcdf")
    done = rstmrf("evaluate", run_dir, "--tec", tmp_path / "vtec_0425.nc")
    assert done.exit_code == 2 and "its inputs have changed since training" in done.stderr


def test_a_part_is_scored_by_every_table(rstmrf, run_dir):
    part = json.loads(rstmrf("evaluate", run_dir, "--part", "held-out times", "--json").stdout)
    assert "IRI scaled by TEC" in {row["prediction"] for row in part["tables"]["scores"]}


def refuse_nan(word):
    raise ValueError(f"{word} is no JSON")


@pytest.fixture(scope="module")
def others(own_folder, tmp_path_factory):
    """Profiles of one half of a day of the run itself, which stand for new ones."""
    folder = tmp_path_factory.mktemp("others")
    for file in sorted((own_folder / "profiles").glob("20190425_1*.txt")):
        shutil.copy(file, folder)
    return folder


def test_profiles_of_other_files_are_scored(rstmrf, run_dir, others):
    """What it says of them can be asked of the predictor."""
    said = rstmrf("evaluate", run_dir, "--unseen", "--obs", others, "--json", "--min-profiles", 10).stdout
    found = json.loads(said, parse_constant=refuse_nan)
    every = {row["prediction"]: row for row in found["scores"] if row["stratum"] == "all"}
    assert found["unanswered"] == 0 and every["R-STMRF"]["days"] == 1 and every["R-STMRF"]["rmse_low"] is None
    points = read_observations(others)
    asked = load(run_dir).at(points)
    squares = (asked["log10_ne_m3"] - points["log10_ne_m3"]) ** 2
    mean = squares.groupby(points["profile"]).mean().mean()
    assert every["R-STMRF"]["profiles"] == len(np.unique(points["profile"]))
    assert every["R-STMRF"]["rmse"] == pytest.approx(float(np.sqrt(mean)), rel=1e-4)
    few = rstmrf("evaluate", run_dir, "--unseen", "--obs", others).stdout
    assert "NaN: cells of fewer than 100 profiles (--min-profiles), or of one day among several, are not scored" in few
    done = rstmrf("evaluate", run_dir, "--unseen")
    assert done.exit_code == 2 and "--unseen needs the profiles" in done.stderr


def test_profiles_of_other_days_need_indices_alone(rstmrf, run_dir, others, tmp_path):
    """A month later, where the run's own maps and indices do not reach."""
    folder, later = tmp_path / "later", np.timedelta64(30, "D")
    folder.mkdir()
    for file in others.iterdir():
        shutil.copy(file, folder / file.name.replace("20190425", "20190525"))
    time = np.datetime64("2019-05-20T00") + np.arange(24 * 10)
    (tmp_path / "Kp.csv").write_text("\n".join(["time,kp,f107", *(f"{one}:00,2.0,70.0" for one in time)]) + "\n")
    words = ("evaluate", run_dir, "--unseen", "--obs", folder, "--min-profiles", 10, "--json")
    done = rstmrf(*words)
    assert done.exit_code == 2 and "give the maps and indices of their hours" in done.stderr
    found = json.loads(rstmrf(*words, "--drivers", tmp_path / "Kp.csv").stdout)
    assert found["unanswered"] == 0
    every = {row["prediction"]: row for row in found["scores"] if row["stratum"] == "all"}
    assert np.isfinite(every["R-STMRF"]["rmse"]) and every["IRI"]["profiles"] == len(list(others.iterdir()))
    start = np.datetime64("2019-04-25") + later
    maps = np.full((48, 37, 73), 10.0, np.float32)
    np.save(tmp_path / "tec.npy", maps)
    with_maps = ("--drivers", tmp_path / "Kp.csv", "--tec", tmp_path / "tec.npy", "--start", str(start))
    told = json.loads(rstmrf(*words, *with_maps).stdout)["scores"]
    both = [[row["rmse"] for row in rows if row["estimable"]] for rows in (told, found["scores"])]
    assert both[0] == pytest.approx(both[1], rel=1e-6)


def test_memory_counts_the_members_of_an_ensemble(rstmrf):
    words = ("memory", "--windows", 2, "--json", "--preset", "sample")
    one, five = (json.loads(rstmrf(*words, "--ensemble-size", n).stdout)["process_mb"] for n in (1, 5))
    assert five > one


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("--omega-alt", "null"), None),
        (("--set", "omega_alt=null"), None),
        (("--omega-alt", "7.5"), 7.5),
        (("--preset", "sample"), RunConfig.preset("sample").omega_alt),
    ],
)
def test_a_setting_that_may_be_none_is_given_as_null(rstmrf, words, expected):
    assert _settled(*words).omega_alt == expected


@pytest.mark.parametrize(("word", "expected"), [("all", "all"), ("3", 3)])
def test_windows_are_a_number_or_all(rstmrf, word, expected):
    assert _settled("--window-group-size", word).window_group_size == expected
    assert "typing" not in rstmrf("train", "--help").stdout


def _settled(*words):
    """The settings that a command makes of its options."""
    app, found = typer.Typer(), []

    @app.command()
    @takes_settings(listed=False)
    def command(given):
        found.append(settled(given)[0])

    done = CliRunner().invoke(app, list(words))
    assert done.exit_code == 0, done.output
    return found[0]


def test_memory_is_what_the_plan_says(rstmrf):
    from rstmrf.costs.planning import predict_tensors

    found = json.loads(rstmrf("memory", "--preset", "cpu-8gb", "--seq-len", 3, "--json").stdout)
    assert found["batch_size"] == 512
    assert found["tensors_mb"] == pytest.approx(predict_tensors(RunConfig.preset("cpu-8gb", seq_len=3)), abs=0.05)


def test_info_tells_settings_scores_and_sources(rstmrf, run_dir, own_folder):
    found = json.loads(rstmrf("info", run_dir, "--json").stdout)
    assert found["model"]["config"]["batch_size"] == 256 and found["paths"]["obs_path"] == str(own_folder / "profiles")
    assert json.loads(rstmrf("info", "--json").stdout)["device"] in ("cpu", "cuda")


def test_fy3d_says_what_to_order_and_where_it_goes(rstmrf):
    said = rstmrf("fetch", "fy3d").stdout
    assert "satellite.nsmc.org.cn" in said and "GNOS" in said and "rstmrf check FOLDER" in said


@pytest.mark.parametrize("command", ["train", "predict", "evaluate", "memory", "check", "info", "show", "fetch"])
def test_help_names_every_command_and_option(rstmrf, command):
    said = rstmrf(command, "--help")
    assert said.exit_code == 0 and command in rstmrf("--help").stdout
    if command == "train":
        missing = [name for name in RunConfig.model_fields if f"--{name.replace('_', '-')}"[:20] not in said.stdout]
        assert not missing


def test_help_loads_neither_torch_nor_xarray():
    heavy = ("torch", "xarray", "pandas", "matplotlib", "pooch", "lightning")
    code = f"import sys, rstmrf.cli; print([m for m in {heavy} if m in sys.modules])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout.strip() == "[]"


def test_a_finished_run_is_replaced_on_request_alone(rstmrf, run_dir, toml):
    before = (run_dir / "model.safetensors").read_bytes()
    done = rstmrf("train", "--config", toml, "--out", run_dir)
    assert done.exit_code == 2 and "holds a finished run; give another folder, --overwrite" in done.stderr
    assert (run_dir / "model.safetensors").read_bytes() == before
    done = rstmrf("train", "--config", toml, "--out", "")
    assert done.exit_code == 2 and "run_dir (--out) is empty" in done.stderr
    done = rstmrf("train", "--config", toml, "--out", toml)
    assert done.exit_code == 2 and "run.toml is a file; give a folder" in done.stderr


def test_another_day_is_predicted_by_indices_alone(rstmrf, run_dir, tmp_path):
    time = np.datetime64("2019-05-20T00") + np.arange(24 * 10)
    (tmp_path / "Kp.csv").write_text("\n".join(["time,kp,f107", *(f"{one}:00,2.0,70.0" for one in time)]) + "\n")
    words = ("predict", run_dir, "--grid", "30x60x100", "--time", "2019-05-25T12", "-o", tmp_path / "ne.nc")
    done = rstmrf(*words)
    assert done.exit_code == 2 and "--tec and --drivers" in done.stderr
    assert rstmrf(*words, "--drivers", tmp_path / "Kp.csv").exit_code == 0
    assert np.isfinite(xr.load_dataset(tmp_path / "ne.nc")["ne_m3"]).all()
    page = rstmrf("show", tmp_path / "ne.nc", "-o", tmp_path / "none" / "x.html")
    assert page.exit_code == 2 and "there is no folder" in page.stderr


def test_profiles_of_the_days_of_training_are_noted(rstmrf, run_dir, others):
    done = rstmrf("evaluate", run_dir, "--unseen", "--obs", others)
    assert "note: the run was trained on 2019-04-25T" in done.stderr


@pytest.mark.parametrize("start", ["05.04.2019", "5/4/2019", "2019", "25 April 2019"])
def test_dates_begin_with_the_year(rstmrf, tmp_path, start):
    """The others can be read in two ways, and one of them is another day."""
    np.save(tmp_path / "obs.npy", np.zeros((4, 5)))
    done = rstmrf("check", tmp_path / "obs.npy", "--start", start)
    assert "accepted is a date, year first" in done.stdout + done.stderr
