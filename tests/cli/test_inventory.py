"""A folder of mixed files is sorted into the three inputs, and the command it gives trains on them."""

import json
import shlex
import shutil

import numpy as np
import pytest
import xarray as xr

from rstmrf.config import RunConfig
from rstmrf.inventory import check
from rstmrf.readers.kinds import one_path

SMALL = RunConfig(seq_len=3, tec_downsample_factor=30)


@pytest.fixture(scope="module")
def report(own_folder):
    return check(own_folder, config=SMALL)


def test_every_file_is_counted_and_the_bad_one_named(report):
    profiles, maps, table = report.found
    assert profiles.n_files == 121 and profiles.count.startswith("120 profiles, ")
    assert len(profiles.rejected) == 1 and "20190425_0000_bad.txt" in profiles.rejected[0]
    assert maps.n_files == 2 and maps.count == "49 maps of 37 x 72"
    assert maps.period == ("2019-04-25T00:00", "2019-04-27T00:00") and table.count == "6 days"
    assert any("notes.md" in note for note in report.notes) and not report.problems


def test_points_before_the_first_whole_window_are_foretold(report, own_folder):
    from rstmrf.data.run_data import RunData
    from rstmrf.readers.inputs import load_inputs

    paths = {
        "obs_path": own_folder / "profiles",
        "tec_path": own_folder / "maps",
        "drivers_path": own_folder / "Kp.csv",
    }
    with pytest.warns(UserWarning, match="1 of 121 files"):
        data = RunData(*load_inputs(SMALL, **{k: str(v) for k, v in paths.items()}), SMALL)
    share = 100 * data.left_out / len(data.used)
    assert any(note.startswith(f"{share:.0f} % of the points lack a whole window of 3 h") for note in report.notes)


def test_the_command_it_gives_reads_exactly_those_files(report, own_folder, rstmrf, tmp_path):
    words = shlex.split(report.command)
    assert words[:2] == ["rstmrf", "train"] and words[-2:] == ["--out", "run/"]
    given = dict(zip(words[2::2], words[3::2], strict=True))
    assert given["--obs"] == str(own_folder / "profiles") and given["--tec"] == str(own_folder / "maps")
    small = ["--epochs", 1, "--seq-len", 3, "--tec-downsample-factor", 30, "--siren-hidden", 16, "--basis-dim", 8]
    done = rstmrf(*words[1:-1], tmp_path / "run", *small)
    assert done.exit_code == 0, done.stderr


def test_the_same_is_told_to_scripts(rstmrf, own_folder):
    done = rstmrf("check", own_folder, "--set", "seq_len=3", "--json")
    found = json.loads(done.stdout)
    assert done.exit_code == 0 and found["problems"] == [] and len(found["found"]) == 3
    assert "train on it with" in rstmrf("check", own_folder).stdout


def test_the_command_repeats_the_settings_that_were_checked(rstmrf, own_folder):
    words = ("--preset", "sample", "--set", "seq_len=3", "--set", "tec_downsample_factor=30")
    said = rstmrf("check", own_folder, *words).stdout
    assert "--preset sample" in said and said.index("--set seq_len=3") < said.index("--out run/")
    assert "--set tec_downsample_factor=30" in said and said.count("--set") == 2
    assert "--preset" not in rstmrf("check", own_folder).stdout


def test_what_is_missing_is_said_with_its_remedy(rstmrf, own_folder):
    done = rstmrf("check", own_folder / "maps", own_folder / "Kp.csv")
    assert done.exit_code == 2 and "missing: no usable observations; see `rstmrf fetch cosmic2`" in done.stdout


def test_maps_of_other_days_are_noticed(own_folder, tmp_path, sample_tec):
    later = sample_tec.assign_coords(time=sample_tec["time"] + np.timedelta64(365, "D"))
    later.isel(lat=slice(None, None, 5), lon=slice(None, None, 5)).to_netcdf(tmp_path / "later.nc", engine="h5netcdf")
    (problem,) = check(own_folder / "profiles", own_folder / "Kp.csv", tmp_path, config=SMALL).problems
    assert problem.startswith("the maps go from 2020-04-24T00:00") and "get maps of these days" in problem


def test_too_few_hours_to_hold_any_out_are_noticed(own_folder, tmp_path):
    for file in sorted((own_folder / "profiles").glob("20190425_1[0-2]*.txt")):
        shutil.copy(file, tmp_path)
    (problem,) = check(tmp_path, own_folder / "maps", own_folder / "Kp.csv", config=SMALL).problems
    assert "5 are needed to hold any out" in problem


def test_of_two_centres_the_one_that_covers_is_taken(real_file, own_folder):
    found = check(
        own_folder / "profiles", own_folder / "Kp.csv", real_file("ionex/uqrg1150.19i.Z").parent, config=SMALL
    )
    assert found.command is None or "uqrg11" in found.command
    assert any("uqrg11" in note and "serve best" in note for note in found.notes)
    assert {one.kind for one in found.found} >= {"TEC maps of AIUB", "TEC maps of UPC-IonSAT", "TEC maps of ESA/ESOC"}


@pytest.mark.parametrize(
    ("names", "others", "expected"),
    [
        (["codg0080.20i.Z", "codg0090.20i.Z"], [], "."),
        (["codg0080.20i.Z", "codg0090.20i.Z"], ["esag0080.20i.Z"], "codg00*0.20i.Z"),
        (["a.npy"], ["b.npy"], "a.npy"),
    ],
)
def test_the_shortest_path_that_means_exactly_these_files(tmp_path, names, others, expected):
    for name in names + others:
        (tmp_path / name).touch()
    from rstmrf.readers.tec import find_files

    assert one_path([tmp_path / name for name in names], find_files) == str(tmp_path / expected).removesuffix("/.")


def written(folder, days_of_profiles, days_of_maps, thin_observations, sample_tec, across_midnight=False):
    """A folder of `.npy` profiles, maps and a table of so many days."""
    day, two = (
        np.timedelta64(24, "h"),
        sample_tec.isel(time=slice(0, 48), lat=slice(None, None, 5), lon=slice(None, None, 5)),
    )
    first_day = thin_observations.isel(point=thin_observations["time"].values < np.datetime64("2019-04-26"))
    some = first_day.isel(point=first_day["profile"].values % 24 == 0)
    hours = (some["time"].values - np.datetime64("2019-04-25")) / np.timedelta64(1, "h")
    rows = [
        np.stack([some["lat"], some["lon"], some["alt_km"], hours + 24 * k, some["log10_ne_m3"]], axis=1)
        for k in range(days_of_profiles)
    ]
    if across_midnight:
        rows[-1][:, 3] += 24 * days_of_profiles + 0.03 - rows[-1][:, 3].max()
    np.save(folder / "obs.npy", np.concatenate(rows))
    maps = [two.assign_coords(time=two["time"] - day + k * 2 * day) for k in range(days_of_maps // 2 + 1)]
    xr.concat(maps, dim="time").isel(time=slice(0, 24 * (days_of_maps + 1))).to_netcdf(
        folder / "tec.nc", engine="h5netcdf"
    )
    time = np.datetime64("2019-04-20T00") + np.arange(24 * 15)
    (folder / "Kp.csv").write_text("\n".join(["time,kp,f107", *(f"{one}:00,2.0,70.0" for one in time)]) + "\n")
    return check(folder, start="2019-04-25")


@pytest.mark.parametrize(
    ("days", "of_maps", "midnight", "preset"),
    [(5, 6, False, "month"), (4, 6, False, "default"), (4, 6, True, "default"), (5, 4, False, "default")],
)
def test_days_of_profiles_decide_what_they_are_meant_for(
    tmp_path, thin_observations, sample_tec, days, of_maps, midnight, preset
):
    """Five days of usable profiles are meant for the preset month; a last profile beyond midnight is no fifth day."""
    report = written(tmp_path, days, of_maps, thin_observations, sample_tec, midnight)
    assert not report.problems, report.problems
    assert ("--preset month" in report.command) == (preset == "month")
    told = any("do not suit the preset month: split='days'" in note for note in report.notes)
    assert told == (preset == "default" and (midnight or days == 5))


def test_without_maps_a_run_is_offered_that_has_no_direction_loss(tmp_path, thin_observations, sample_tec):
    report = written(tmp_path, 5, 6, thin_observations, sample_tec)
    (tmp_path / "tec.nc").unlink()
    bare = check(tmp_path, start="2019-04-25")
    assert not bare.problems and "--tec" not in bare.command and "--preset month" in bare.command
    assert any("no direction loss" in note for note in bare.notes) and "--tec" in report.command


def test_a_centre_whose_maps_have_a_gap_is_passed_over(tmp_path, thin_observations, sample_tec):
    written(tmp_path, 4, 6, thin_observations, sample_tec)
    with xr.open_dataset(tmp_path / "tec.nc", engine="h5netcdf") as ds:
        whole = ds.load()
    for number, hours in enumerate((slice(None), slice(100, None))):
        part = whole.isel(time=hours).assign_attrs(source_centre="other")
        later = np.timedelta64(24 * 365 * number, "h")
        part.isel(lat=slice(None, None, 2)).assign_coords(time=part["time"] + later).to_netcdf(
            tmp_path / f"other{number}.nc", engine="h5netcdf"
        )
    report = check(tmp_path, start="2019-04-25")
    assert not report.problems and "tec.nc" in report.command
    (other,) = (one for one in report.found if one.kind == "TEC maps of other")
    assert "hour" in other.rejected[0]  # it covers as much and holds more maps, so it was tried first


def test_settings_of_a_file_hold_for_the_check_too(tmp_path, thin_observations, sample_tec, rstmrf):
    """A date without quotes is TOML's own kind of value."""
    written(tmp_path, 4, 6, thin_observations, sample_tec)
    (tmp_path / "run.toml").write_text("start = 2019-04-25\nepochs = 3\n")
    done = rstmrf("check", tmp_path, "--config", tmp_path / "run.toml")
    assert done.exit_code == 0 and "--start 2019-04-25" in done.stdout and "epochs=3" in done.stdout


def test_a_damaged_array_is_rejected_with_its_reason(own_folder, tmp_path):
    np.save(tmp_path / "obs.npy", np.zeros((50, 5)))
    (tmp_path / "obs.npy").write_bytes((tmp_path / "obs.npy").read_bytes()[:300])
    report = check(tmp_path, own_folder / "maps", own_folder / "Kp.csv", start="2019-04-25")
    assert report.problems == ["no usable observations; all that was found was rejected"]
    assert "perhaps cut short" in report.found[0].rejected[0]
