"""Weights for sharing come back whole, or a sentence says why not."""

import json
from datetime import date

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from rstmrf.errors import InputError
from rstmrf.model.weights import load_model, save_model
from rstmrf.model.whole import RSTMRF


@pytest.fixture
def saved(tiny_config, tmp_path):
    torch.manual_seed(3)
    model = RSTMRF(tiny_config, 48.0)
    save_model(model, tiny_config, tmp_path, fingerprint="abc", split="def")
    return model, tmp_path


def test_loaded_model_gives_the_same_densities(saved, tiny_config, tiny_data):
    model, folder = saved
    loaded, config, _ = load_model(folder)
    batch = tiny_data.processor(tiny_data.points.select(torch.arange(0, 500, 7)))
    assert config == tiny_config and not loaded.training
    for a, b in zip(model(batch)[:2], loaded(batch)[:2], strict=True):
        assert torch.equal(a, b)


def test_description_tells_where_weights_come_from(saved):
    description = json.loads((saved[1] / "model.json").read_text())
    assert (
        description["fingerprint"] == "abc" and description["split"] == "def" and description["duration_hours"] == 48.0
    )
    assert {f.name for f in saved[1].iterdir()} == {"model.safetensors", "model.json"}


@pytest.mark.parametrize("name", ["model.safetensors", "model.json"])
@pytest.mark.parametrize("damage", [None, b"", b"{}", b"[]", b"\x80\x04no weights", "cut"])
def test_missing_and_damaged_files_are_said(saved, name, damage):
    file = saved[1] / name
    content = file.read_bytes()
    file.unlink()
    if damage is not None:
        file.write_bytes(content[: len(content) // 2] if damage == "cut" else damage)
    with pytest.raises(InputError, match=r"no whole model is there .*model.safetensors and model.json of one run"):
        load_model(saved[1])


def test_what_was_written_down_is_read_again(tiny_config, tmp_path):
    period = np.array(["2019-04-25T02", "2019-04-26T23"], "datetime64[h]")
    given = {"sources": {"tec": "codg1150.19i"}, "split": "def", "fingerprint": "abc", "training": {"points": 3}}
    save_model(RSTMRF(tiny_config, 48.0), tiny_config, tmp_path, start="2019-04-25", period=period, **given)
    said = load_model(tmp_path).description
    assert {name: getattr(said, name) for name in given} == given and not said.unknown
    assert said.period == ("2019-04-25T02", "2019-04-26T23")
    assert said.days().tolist() == [date(2019, 4, 25), date(2019, 4, 26)]


def test_an_older_description_is_read_and_says_what_is_unknown(saved):
    path = saved[1] / "model.json"
    content = json.loads(path.read_text())
    older = {"rstmrf": "0.1.0", "config": content["config"], "duration_hours": 48.0, "split": "def", "data": "abc"}
    path.write_text(json.dumps(older))
    said = load_model(saved[1]).description
    assert said.unknown == "model.json of format 1 does not say start, period, sources of this model"
    assert said.fingerprint == "abc" and not len(said.days())
    path.write_text(json.dumps({**older, "first_day": "2019-04-25"}))
    assert load_model(saved[1]).description.start == "2019-04-25"


def test_a_later_format_and_foreign_weights_are_said(saved, tiny_config):
    path = saved[1] / "model.json"
    content = json.loads(path.read_text())
    path.write_text(json.dumps({**content, "format": 3}))
    with pytest.raises(InputError, match="has format 3, this version of rstmrf reads 1 to 2"):
        load_model(saved[1])
    path.write_text(json.dumps(content))
    save_file({k: v + 1 for k, v in RSTMRF(tiny_config, 48.0).state_dict().items()}, saved[1] / "model.safetensors")
    with pytest.raises(InputError, match=r"model\.safetensors is not the one that model\.json describes"):
        load_model(saved[1])


def test_weights_of_other_settings_are_refused(saved, tiny_config):
    path = saved[1] / "model.json"
    description = json.loads(path.read_text())
    description["config"] = tiny_config.changed(basis_dim=9).model_dump()
    path.write_text(json.dumps(description))
    with pytest.raises(InputError, match="no whole model is there"):
        load_model(saved[1])
