"""Settings: presets, what is refused and in which words, and the way from a notebook's parameters."""

import json
import types

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rstmrf.config import RunConfig
from rstmrf.errors import InputError
from rstmrf.parameters import NOTEBOOK_DEFAULTS, read_parameters
from rstmrf.presets import DOCUMENT_MODE, PRESETS

CPU_8GB = {
    "batch_size": 512,
    "epochs": 30,
    "basis_dim": 48,
    "siren_hidden": 96,
    "siren_layers": 2,
    "seq_len": 4,
    "tec_downsample_factor": 6,
    "tec_feat_dim": 12,
    "convlstm_layers": 1,
    "w_chapman": 0.1,
    "w_tec_direction": 0.02,
    "save_best_only": True,
    "save_interval": 10,
}


def test_presets_of_the_document():
    """Sections "CPU, 8 GB" and "GPU, 4 GB", value by value."""
    small, gpu = RunConfig.preset("cpu-8gb"), RunConfig.preset("gpu-4gb")
    assert {key: getattr(small, key) for key in CPU_8GB} == CPU_8GB
    assert (gpu.batch_size, gpu.use_amp) == (1024, True)
    assert gpu == RunConfig(batch_size=1024, use_amp=True)


@pytest.mark.parametrize("name", PRESETS)
def test_changes_go_over_a_preset_and_none_keeps_it(name):
    preset = RunConfig.preset(name)
    assert RunConfig.preset(name, batch_size=None, epochs=None) == preset
    assert RunConfig.preset(name, batch_size=77) == preset.changed(batch_size=77)


def test_document_mode_is_accepted_and_every_key_departs_from_ours():
    document, ours = RunConfig(**DOCUMENT_MODE), RunConfig.preset("sample")
    assert all(getattr(document, key) == value != getattr(ours, key) for key, value in DOCUMENT_MODE.items())


def test_every_setting_is_described():
    assert all(field.description for field in RunConfig.model_fields.values())


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"batch_size": -3}, ["batch_size=-3", "greater than or equal to 1", "points a step"]),
        ({"batch_size": 2.5}, ["batch_size=2.5", "integer"]),
        ({"use_amp": "true"}, ["use_amp='true'", "True or False", "papermill"]),
        ({"learning_rate": 0.0}, ["learning_rate=0.0", "greater than 0"]),
        ({"split": "weeks"}, ["split='weeks'", "'hours', 'days', 'last-days' or 'random'"]),
        ({"bacth_size": 3}, ["bacth_size=3", "no setting", "batch_size"]),
        ({"tec_downsample_factor": 7}, ["tec_downsample_factor=7", "does not divide 180", "4, 5, 6"]),
        ({"w_chapman": float("inf")}, ["w_chapman=inf", "finite"]),
        ({"tec_frame": "sun", "direction_source": "observed"}, ["tec_frame='sun'", "direction_source='observed'"]),
        ({"direction_hinge": 0.5, "direction_mode": "document"}, ["direction_hinge=0.5", "no hinge"]),
        ({"physics_points": 8, "collocation_points": 8}, ["physics_points=8", "collocation_points=8", "leave one"]),
        ({"mode": "forecast", "split": "hours"}, ["mode='forecast'", "split='last-days'"]),
    ],
)
def test_sentences_name_key_value_and_what_is_accepted(settings, words):
    for build in (RunConfig, RunConfig.preset, RunConfig().changed):
        with pytest.raises(InputError) as error:
            build(**settings)
        assert all(word in str(error.value) for word in words), str(error.value)


def test_all_windows_at_once_can_be_asked_for():
    """None keeps a preset's value, so "all" is the way to say it, in a preset as in a notebook's parameters."""
    assert RunConfig.preset("cpu-8gb", window_group_size="all").windows_at_once(37) == 37
    assert RunConfig.preset("cpu-8gb", window_group_size=None).windows_at_once(37) == 4
    given = NOTEBOOK_DEFAULTS | {"window_group_size": "all"}
    assert read_parameters(given)[0].window_group_size == "all"


def test_unknown_preset_is_named_with_the_known_ones():
    with pytest.raises(InputError) as error:
        RunConfig.preset("nope")
    assert all(word in str(error.value) for word in ("preset='nope'", *PRESETS))


def test_settings_do_not_change_after_the_start():
    with pytest.raises(ValueError, match="frozen"):
        RunConfig().batch_size = 3


@given(
    batch_size=st.integers(1, 10**6),
    learning_rate=st.floats(1e-8, 1.0),
    omega_alt=st.none() | st.floats(0.1, 100),
    use_amp=st.booleans(),
    split=st.sampled_from(["hours", "days", "random"]),
)
def test_saved_settings_are_read_again(tmp_path_factory, **settings):
    path = tmp_path_factory.getbasetemp() / "config.json"
    config = RunConfig(**settings)
    config.save(path)
    assert RunConfig.load(path) == config


@pytest.mark.parametrize(
    "content", [None, "{", json.dumps({"batch_size": -1}), json.dumps({"batch": 1}), "[1, 2]", "3"]
)
def test_what_is_no_file_of_settings_is_said(tmp_path, content):
    path = tmp_path / "config.json"
    if content is not None:
        path.write_text(content)
    with pytest.raises(InputError, match=r"config.json: cannot be read as a run's settings"):
        RunConfig.load(path)


# A notebook's parameters


def test_parameters_become_settings_and_the_rest():
    config, others = read_parameters(
        {"preset": "sample", "batch_size": None, "epochs": 3, "obs_path": "a.npy", "start": "2020-01-08"}
    )
    assert config == RunConfig.preset("sample", epochs=3)
    assert others == {**NOTEBOOK_DEFAULTS, "obs_path": "a.npy", "start": "2020-01-08"}


def test_what_is_no_parameter_of_a_notebook_is_passed_over():
    surroundings = {"__name__": "x", "_i": "code", "In": ["code"], "Out": {}, "json": json, "f": print, "C": RunConfig}
    config, _ = read_parameters({**surroundings, "module": types, "preset": "cpu-8gb"})
    assert config == RunConfig.preset("cpu-8gb")


@pytest.mark.parametrize(
    ("namespace", "sentence"),
    [
        ({"bacth_size": 3}, "bacth_size=3: there is no setting"),
        ({"batch_size": "512"}, "batch_size='512' is not accepted"),
        ({"preset": "nope"}, "preset='nope' is unknown"),
        ({"obs_path": None}, "obs_path=None is not accepted; give a path"),
        ({"resume": "true"}, "resume='true' is not accepted; give True or False"),
    ],
)
def test_wrong_parameters_do_not_pass(namespace, sentence):
    with pytest.raises(InputError, match=sentence):
        read_parameters(namespace)


def test_physics_is_asked_in_one_place_only():
    with pytest.raises(InputError, match=r"physics_points=8 and collocation_points=4: .* leave one of them out"):
        RunConfig(physics_points=8, collocation_points=4)
