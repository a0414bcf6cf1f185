"""Products are CF files: others open them, units survive, and the conventions' own checker finds no error."""

import subprocess
import sys

import numpy as np
import pytest
import xarray as xr

NOON = np.datetime64("2019-04-25T12:30", "ns")


@pytest.fixture(scope="module")
def products(predictor):
    times = NOON + np.arange(2) * np.timedelta64(90, "m")
    time = NOON + np.array([0, 1_500_000_000, 7_200_000_000_000], "timedelta64[ns]")
    return {
        "points": predictor.at(lat=[0.0, 80.0, 0.0], lon=[0.0, 359.0, 9.0], alt_km=300.0, time=time, outside="flag"),
        "profile": predictor.profile(10.0, 20.0, NOON, gradients=True),
        "profiles": predictor.profile([10.0, 0.0], [20.0, 300.0], NOON),
        "grid": predictor.grid(times, [-45.0, 0.0, 45.0], [0.0, 90.0, 180.0, 270.0], [200.0, 350.0]),
        "maps": predictor.grid(NOON, [-45.0, 0.0, 45.0], [0.0, 90.0]),
        "rays": predictor.slant_tec((0.0, 0.0, 0.0), ([0.0, 9.0], 0.0, 20200.0), NOON),
    }


KINDS = ["points", "profile", "profiles", "grid", "maps", "rays"]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("form", ["nc", "zarr"])
def test_files_give_back_what_was_written(products, kind, form, tmp_path):
    ds, path = products[kind], tmp_path / f"product.{form}"
    if form == "nc":
        ds.to_netcdf(path, engine="h5netcdf")
        read = xr.open_dataset(path, engine="h5netcdf")
    else:
        ds.to_zarr(path, consolidated=False, zarr_format=3)
        read = xr.open_zarr(path, consolidated=False)
    with read:
        xr.testing.assert_equal(read.load(), ds)
        for name in ds.variables:
            if name != "time":
                assert read[name].attrs["units" if name != "coverage_flag" else "flag_meanings"]
                for key, value in ds[name].attrs.items():
                    assert np.all(read[name].attrs[key] == value), (name, key)


@pytest.mark.parametrize("kind", KINDS)
def test_the_conventions_checker_finds_no_error(products, kind, tmp_path):
    pytest.importorskip("compliance_checker", reason="compliance-checker is not installed")
    products[kind].to_netcdf(tmp_path / "product.nc", engine="h5netcdf")
    script = "from compliance_checker.runner import ComplianceChecker as C, CheckSuite as S; import sys; "
    script += "S.load_all_available_checkers(); passed, errors = C.run_checker(sys.argv[1], ['cf:1.11'], 0, 'strict', "
    script += "output_filename='-', output_format='text'); print('passed', passed, errors)"
    done = subprocess.run([sys.executable, "-c", script, str(tmp_path / "product.nc")], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "Errors" not in done.stdout and "passed" in done.stdout, done.stdout
