"""Own files in folders as a stranger has them: profiles as text, maps as netCDF, a table of indices."""

import numpy as np
import pytest
from typer.testing import CliRunner


@pytest.fixture(scope="session")
def rstmrf():
    """Call the command; exit code, standard output and error apart."""
    from rstmrf.cli import app

    def call(*words):
        return CliRunner().invoke(app, [str(word) for word in words], prog_name="rstmrf")

    return call


@pytest.fixture(scope="session")
def own_folder(tmp_path_factory, thin_observations, sample_tec, sample_indices):
    """A folder with subfolders of 120 text profiles, maps of a day each, and `Kp.csv`; a broken and a foreign file."""
    folder = tmp_path_factory.mktemp("stranger")
    for name in ("profiles", "maps"):
        (folder / name).mkdir()
    numbers = thin_observations["profile"].values
    for number in np.unique(numbers)[:120]:
        one = thin_observations.isel(point=numbers == number)
        time = one["time"].values[0].astype("datetime64[m]").item()
        rows = np.stack([one[name].values for name in ("lon", "lat", "alt_km", "log10_ne_m3")], axis=1).astype(float)
        rows[:, 3] = 10 ** rows[:, 3]
        np.savetxt(folder / "profiles" / f"{time:%Y%m%d_%H%M}_{number}.txt", rows, fmt="%.5f %.5f %.3f %.6e")
    (folder / "profiles" / "20190425_0000_bad.txt").write_text("1 2 three 4\n1 2 3\n")
    for day, hours in (("0425", slice(0, 24)), ("0426", slice(24, 49))):
        thin = sample_tec.isel(time=hours, lat=slice(None, None, 5), lon=slice(None, None, 5))
        thin.to_netcdf(folder / "maps" / f"vtec_{day}.nc", engine="h5netcdf")
    table = sample_indices[["kp", "f107_sfu"]].to_dataframe()
    rows = [f"{time:%Y-%m-%dT%H:%M},{row.kp:.3f},{row.f107_sfu:.1f}" for time, row in table.iterrows()]
    (folder / "Kp.csv").write_text("\n".join(["time,kp,f107", *rows]) + "\n")
    (folder / "notes.md").write_text("mine\n")
    return folder


TOML = """
preset = "sample"

[data]
obs = "{folder}/profiles"
tec = "{folder}/maps"
drivers = "{folder}/Kp.csv"

[small]
batch-size = 256
epochs = 3
basis_dim = 8
siren_hidden = 16
siren_layers = 1
lstm_layers = 1
seq_len = 3
tec_downsample_factor = 30
tec_feat_dim = 4
"""


@pytest.fixture(scope="session")
def toml(own_folder):
    """Settings of a small run on those files."""
    path = own_folder / "run.toml"
    path.write_text(TOML.format(folder=own_folder))
    return path


@pytest.fixture(scope="session")
def run_dir(rstmrf, toml, tmp_path_factory):
    """A run trained by the command alone."""
    folder = tmp_path_factory.mktemp("runs") / "mine"
    done = rstmrf("train", "--config", toml, "--epochs", 1, "--set", "warmup_steps=5", "--out", folder)
    assert done.exit_code == 0, done.stderr
    return folder
