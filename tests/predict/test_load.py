"""A run's folder is all that a fresh process needs; what it cannot answer it refuses in a sentence."""

import json
import subprocess
import sys

import numpy as np
import pytest
import torch
import xarray as xr

from rstmrf.data.run_data import RunData
from rstmrf.data.saved_run import INPUTS, save_run, sources_of, usable_hours
from rstmrf.errors import InputError
from rstmrf.model.weights import load_model, save_model
from rstmrf.model.whole import RSTMRF
from rstmrf.predict import Predictor, load
from rstmrf.predict.load import _background
from rstmrf.readers.indices import given_indices
from rstmrf.uncertainty import Ensemble

NOON = np.datetime64("2019-04-25T12:30", "ns")
PLACE = {"lat": [-60.0, 0.0, 45.0], "lon": [170.0, -20.0, 80.0], "alt_km": [200.0, 300.0, 400.0], "time": [NOON] * 3}
FRESH = """
import sys, numpy, rstmrf
p = rstmrf.load(sys.argv[1])
at = p.at(lat=[-60, 0, 45], lon=[170, -20, 80], alt_km=[200, 300, 400], time="2019-04-25T12:30")
numpy.save(sys.argv[2], numpy.stack([at.log10_ne_m3, at.sigma_dex]))
print("lightning" in sys.modules)
"""


def saved(model, data, folder):
    save_run(folder, model, data)
    return load(folder)


def test_a_fresh_process_gives_the_same_densities(stating_run, tmp_path):
    model, data, folder = stating_run
    command = [sys.executable, "-c", FRESH, str(folder), str(tmp_path / "at.npy")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "False"  # no training library is loaded to predict
    here = Predictor(model, data.iri, data.processor).at(**PLACE)
    log10_ne, sigma = np.load(tmp_path / "at.npy")
    assert np.allclose(log10_ne, here["log10_ne_m3"], atol=1e-6) and np.allclose(sigma, here["sigma_dex"], atol=1e-6)


def test_it_knows_what_it_is(predictor, stating_run):
    _, data, folder = stating_run
    said = predictor.description
    assert predictor.config == data.config and not said.unknown
    assert said.start == "2019-04-25" and [str(day) for day in said.days()] == ["2019-04-25", "2019-04-26"]
    assert said.split == data.split.digest and said.fingerprint == data.fingerprint()
    assert np.array_equal(predictor.hours, usable_hours(data.processor, data.iri))
    assert said.period == (str(predictor.hours[0]), str(predictor.hours[-1]))
    assert "2019-04-25" in repr(predictor) and said.split in repr(predictor)
    assert set(said.sources) == {"observations", "tec", "indices"}
    assert not [text for text in said.sources.values() if text.startswith("/")]
    assert (folder / INPUTS).stat().st_size < 1e6


def test_only_names_of_files_are_kept():
    ds = xr.Dataset(attrs={"file": "/elsewhere/SW-All.txt", "credit": "CelesTrak"})
    assert sources_of(indices=ds, tec=None) == {"indices": "SW-All.txt; CelesTrak"}


def test_hours_that_were_missing_stay_missing(thin_observations, sample_tec, sample_indices, tiny_config, tmp_path):
    tec = sample_tec.isel(time=np.r_[0:10, 13:49])
    data = RunData(thin_observations, tec, sample_indices, tiny_config.changed(missing_hours="mask"))
    model = RSTMRF(data.config, data.duration_hours)
    loaded = saved(model, data, tmp_path)
    assert np.array_equal(loaded.hours, usable_hours(data.processor, data.iri))
    with pytest.raises(InputError, match="2019-04-25T12:30: there is no whole window"):
        loaded.at(**PLACE)


@pytest.mark.parametrize("changes", [{"driver_hours": 9}, {"lead_hours": 2}, {"tec_input": True}])
def test_every_kind_of_window_comes_back(changes, thin_observations, sample_tec, sample_indices, tiny_config, tmp_path):
    data = RunData(thin_observations, sample_tec, sample_indices, tiny_config.changed(**changes))
    torch.manual_seed(0)
    model = RSTMRF(data.config, data.duration_hours).eval()
    with torch.no_grad():
        model.residual_field.decoder[1].weight.mul_(100.0)
    before, after = Predictor(model, data.iri, data.processor), saved(model, data, tmp_path)
    assert np.array_equal(before.hours, after.hours)
    for time in (before.hours[0], before.hours[-1]):
        one = {**PLACE, "time": time + np.timedelta64(20, "m")}
        assert np.allclose(before.at(**one)["log10_ne_m3"], after.at(**one)["log10_ne_m3"], atol=1e-5)


def test_an_ensemble_is_loaded_as_one_model_is(stating_run, tmp_path):
    _, data, _ = stating_run
    torch.manual_seed(5)
    models = [RSTMRF(data.config, data.duration_hours).eval() for _ in range(2)]
    ensemble = Ensemble(models, 1.3).saved(tmp_path, data, ["seed-0", "seed-1"])
    here, there = (p.at(**PLACE) for p in (Predictor(ensemble, data.iri, data.processor), load(tmp_path)))
    single = [Predictor(model, data.iri, data.processor).at(**PLACE) for model in models]
    xr.testing.assert_allclose(here["log10_ne_m3"], sum(one["log10_ne_m3"] for one in single) / 2)
    spread = xr.concat([one["residual_dex"] for one in single], "model").var("model")
    stated = (single[0]["sigma_dex"] ** 2 + single[1]["sigma_dex"] ** 2) / 2
    xr.testing.assert_allclose(here["sigma_dex"], 1.3 * np.sqrt(spread + stated), rtol=1e-4)
    for name in ("log10_ne_m3", "sigma_dex", "ne_low_m3"):
        xr.testing.assert_allclose(here[name], there[name])


def test_an_ensemble_that_points_elsewhere_is_refused(stating_run, tmp_path):
    (tmp_path / "ensemble.json").write_text(json.dumps({"members": ["../other"], "sigma_scale": 1.0}))
    with pytest.raises(InputError, match="not folders within"):
        load(tmp_path)


def other_month(hours=48):
    start = np.datetime64("2019-07-01T00", "ns")
    end = start + np.timedelta64(hours - 1, "h")
    return given_indices(start, end, 2.0, 70.0)


def test_other_hours_may_be_put_under_it(stating_run):
    """Without maps, for no density depends on them; the drivers of those days rule IRI."""
    other = load(stating_run[2], indices=other_month())
    assert str(other.hours[0]) == "2019-07-01T02" and str(other.hours[-1]) == "2019-07-02T23"
    at = other.at(**{**PLACE, "time": "2019-07-01T12:30"})
    assert at["ne_m3"].notnull().all() and (at["residual_dex"] != 0).all()
    with pytest.raises(InputError, match=r"2019-04-25T12:30.*2019-07-01 to 2019-07-02"):
        other.at(**PLACE)


def test_the_same_hours_under_it_change_nothing(stating_run, predictor, sample_tec, sample_indices):
    again = load(stating_run[2], tec=sample_tec, indices=sample_indices)
    xr.testing.assert_allclose(again.at(**PLACE), predictor.at(**PLACE), rtol=1e-5)


@pytest.mark.parametrize("time_mode", ["elapsed", "document"])
def test_a_model_of_its_own_days_refuses_others(time_mode, tiny_config, tmp_path):
    config = tiny_config.changed(time_mode=time_mode)
    save_model(RSTMRF(config, 48.0), config, tmp_path, start="2019-04-25", split="s", fingerprint="f")
    with pytest.raises(InputError, match=rf"time_mode='{time_mode}' knows the days 2019-04-25 to 2019-04-26 alone"):
        load(tmp_path, indices=other_month())
    later = given_indices("2019-04-26T00", "2019-04-26T23", 1.0, 70.0)
    at = load(tmp_path, indices=later)
    assert at.processor.start == np.datetime64("2019-04-25")  # hours still count from the first day
    description = json.loads((tmp_path / "model.json").read_text())
    (tmp_path / "model.json").write_text(json.dumps({**description, "start": None}))
    with pytest.raises(InputError, match=r"counts from the first day, and model\.json of format 2 does not say start"):
        load(tmp_path, indices=later)


def test_weights_alone_say_what_they_lack(tiny_config, tmp_path):
    save_model(RSTMRF(tiny_config, 48.0), tiny_config, tmp_path)
    with pytest.raises(InputError, match="no maps and indices are kept with this model; give tec= and indices="):
        load(tmp_path)


def test_damaged_inputs_are_said(stating_run, tmp_path):
    model, data, _ = stating_run
    save_run(tmp_path, model, data)
    (tmp_path / INPUTS).write_bytes((tmp_path / INPUTS).read_bytes()[:5000])
    with pytest.raises(InputError, match=r"inputs\.nc: the run's maps and indices cannot be read"):
        load(tmp_path)
    assert load_model(tmp_path).config == data.config


def test_a_forecast_is_added_to_the_background_it_was_learned_from(sample_indices, tiny_config):
    """Trailing means of F10.7, for the centred one holds forty days that are to come."""
    days = np.arange(np.datetime64("2019-04-25"), np.datetime64("2019-04-27"))
    forecast = tiny_config.changed(mode="forecast", split="last-days")
    for config, mean in ((tiny_config, "f107_81d_sfu"), (forecast, "f107_81d_trailing_sfu")):
        iri = _background(config, None, sample_indices, days)
        daily = sample_indices[mean].sel(time=days.astype("datetime64[ns]")).values
        np.testing.assert_allclose(np.asarray(iri.f107)[: len(days)], daily, rtol=1e-6)
