"""Weights for sharing come back whole, or a sentence says why not."""

import json

import pytest
import torch

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
    loaded, config = load_model(folder)
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


def test_weights_of_other_settings_are_refused(saved, tiny_config):
    path = saved[1] / "model.json"
    description = json.loads(path.read_text())
    description["config"] = tiny_config.changed(basis_dim=9).model_dump()
    path.write_text(json.dumps(description))
    with pytest.raises(InputError, match="no whole model is there"):
        load_model(saved[1])
