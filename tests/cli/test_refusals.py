"""What cannot be used ends with exit code 2 and one sentence on the error channel, never with a traceback."""

import pytest


def sentence(done):
    """The one line that was said; nothing on standard output."""
    assert done.exit_code == 2 and not done.stdout, (done.exit_code, done.stdout)
    (line,) = done.stderr.strip().splitlines()
    assert line.startswith("rstmrf: ")
    return line


@pytest.mark.parametrize(
    ("words", "part"),
    [
        (["train", "--batch-size", "0"], "batch_size=0 is not accepted"),
        (["train", "--set", "batchsize=512"], "there is no setting 'batchsize'"),
        (["train", "--set", "batch_size"], "NAME=VALUE is needed"),
        (["train", "--set", "use_amp=perhaps"], "use_amp='perhaps' is not accepted"),
        (["train", "--set", "tec_downsample_factor=7"], "does not divide 180"),
        (["train", "--preset", "huge"], "preset='huge' is unknown"),
        (["train", "--config", "nowhere.toml"], "nowhere.toml: there is no such file"),
        (["train", "--obs", "nowhere", "--tec", "nowhere/*.Z"], "nothing matches nowhere/*.Z"),
        (["train", "--tec", "nowhere"], "obs_path is empty; give observations with the TEC maps"),
        (["predict", "nowhere", "-o", "ne.nc"], "give either --grid with --time, or --track"),
        (["predict", "nowhere", "--grid", "2x2x20", "-o", "ne.nc"], "--grid needs --time"),
        (["predict", "nowhere", "--grid", "2x2", "--time", "2019-04-26", "-o", "ne.nc"], "three steps above 0"),
        (["predict", "nowhere", "--grid", "2x2x20", "--time", "noon", "-o", "ne.nc"], "--time noon: a time (UT)"),
        (["predict", "nowhere", "--grid", "2x2x20", "--time", "2019-04-26/2019-04-25/1", "-o", "ne.nc"], "that ascend"),
        (["predict", "nowhere", "--grid", "2x2x20", "--time", "2019-04-26", "-o", "ne.txt"], "ends in .nc is needed"),
        (["predict", "nowhere", "--grid", "2x2x20", "--time", "2019-04-26", "-o", "no/ne.nc"], "there is no folder no"),
        (["predict", "nowhere", "--grid", "2x2x20", "--time", "2019-04-26", "-o", "ne.nc"], "nowhere: no whole model"),
        (["predict", "nowhere", "--track", "none.csv", "-o", "t.nc"], "none.csv: cannot be read as CSV"),
        (["evaluate", "nowhere"], "nowhere: no whole model is there"),
        (["info", "nowhere"], "cannot be read"),
        (["show", "none.nc"], "none.nc: cannot be opened"),
        (["memory", "--budget-mb", "0.001"], "budget_mb=0.001 is too small"),
        (["check", "nowhere"], "nowhere: there is nothing"),
        (["fetch", "tec", "--from", "2024-02-04", "--to", "soon"], "two dates are needed"),
        (
            ["fetch", "tec", "--from", "2024-02-04", "--to", "2024-02-04", "--centre", "mine"],
            "centre='mine' is unknown",
        ),
        (["fetch", "indices", "--offline"], "is not there, and nothing may be fetched offline"),
    ],
)
def test_one_sentence_and_exit_code_2(rstmrf, tmp_path, monkeypatch, words, part):
    monkeypatch.chdir(tmp_path)
    assert part in sentence(rstmrf(*words))


def test_an_unknown_option_is_named(rstmrf):
    done = rstmrf("train", "--batchsize", "512")
    assert done.exit_code == 2 and "--batch-size" in done.stderr


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("epoch = 3", "there is no setting 'epoch'"),
        ("epochs = ", "cannot be read as TOML"),
        ("epochs = 3\n[a]\nepochs = 4", "epochs stands there twice"),
        ("epochs = 3.5", "epochs=3.5 is not accepted"),
        ("obs = 3", "obs_path=3 is not accepted"),
    ],
)
def test_a_strangers_file_of_settings_is_judged(rstmrf, tmp_path, text, part):
    path = tmp_path / "run.toml"
    path.write_text(text)
    assert part in sentence(rstmrf("train", "--config", path))


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("time,lat,lon\n2019-04-26,1,2", "has no column alt_km; it has time, lat, lon"),
        ("time,lat,lon,alt_km\n2019-04-26,91,2,300", "lat of row 1 is 91; accepted is -90 to 90"),
        ("time,lat,lon,alt_km\nnoon,1,2,300", "the column time cannot be read"),
        ("time,lat,lon,alt_km\n", "holds no line below its header"),
        ("", "cannot be read as CSV"),
    ],
)
def test_a_track_that_is_none_is_named(rstmrf, run_dir, tmp_path, text, part):
    path = tmp_path / "track.csv"
    path.write_text(text)
    assert part in sentence(rstmrf("predict", run_dir, "--track", path, "-o", tmp_path / "t.nc"))


def test_terms_that_are_declined_fetch_nothing(rstmrf, tmp_path):
    days = ["--from", "2024-02-04", "--to", "2024-02-04", "--folder", tmp_path / "c2"]
    done = rstmrf("fetch", "cosmic2", *days)  # no answer is no
    assert done.exit_code != 0 and "10.5065/T353-C093" in done.stderr and not (tmp_path / "c2").exists()


def test_a_time_without_maps_is_named_and_no_file_is_left(rstmrf, run_dir, tmp_path):
    out = tmp_path / "ne.nc"
    done = rstmrf("predict", run_dir, "--grid", "30x60x100", "--time", "2019-05-26", "-o", out)
    assert "2019-05-26" in sentence(done) and not list(tmp_path.iterdir())
