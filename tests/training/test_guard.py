"""What is not finite stops a run, with the place where it began; what was saved stays."""

import numpy as np
import pytest
import torch

from rstmrf.data.run_data import RunData
from rstmrf.errors import InputError
from rstmrf.model.whole import RSTMRF
from rstmrf.training import trainer
from rstmrf.training.checkpoints import read_checkpoint
from rstmrf.training.guard import check_terms, check_weights
from rstmrf.training.loop import TrainingModule, train
from rstmrf.training.losses import loss_terms

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture
def few(thin_observations):
    return thin_observations.isel(point=thin_observations["profile"].values % 32 == 0)


def with_nan(ds, name, hour):
    values = ds[name].values.astype(float).copy()
    values[hour] = np.nan
    return ds.assign({name: (ds[name].dims, values, ds[name].attrs)})


def test_inputs_in_memory_are_looked_at(few, sample_tec, sample_indices, tiny_config):
    with pytest.raises(InputError, match=r"the TEC map of 2019-04-25T20 UT holds a value that is not finite"):
        RunData(few, with_nan(sample_tec, "vtec_tecu", 20), sample_indices, tiny_config)
    for name in ("kp", "f107_sfu"):
        with pytest.raises(InputError, match=r"Kp or F10.7 of 2019-04-25T03 UT holds a value that is not finite"):
            RunData(few, sample_tec, with_nan(sample_indices, name, 75), tiny_config)


def test_a_density_that_is_no_number_is_named(few, sample_tec, sample_indices, tiny_config):
    with pytest.raises(InputError, match=r"log10_ne_m3\[\d+\] is nan"):
        RunData(with_nan(few, "log10_ne_m3", -7), sample_tec, sample_indices, tiny_config)


def test_a_loss_that_is_not_finite_names_step_term_and_inputs(few, sample_tec, sample_indices, tiny_config, tmp_path):
    data = RunData(few, sample_tec, sample_indices, tiny_config.changed(direction_source="observed"))
    train(data, tmp_path / "run")
    kept = sorted(file.name for file in (tmp_path / "run" / "checkpoints").iterdir())
    data.points.background[:, 4] = float("inf")  # curvature of IRI
    data.config = data.config.changed(chapman_target="fused")
    with pytest.raises(InputError, match=r"step 0: the loss term 'chapman' is not finite; its inputs: lat .*; Kp"):
        train(data, tmp_path / "other")
    assert sorted(file.name for file in (tmp_path / "run" / "checkpoints").iterdir()) == kept


def test_ranges_tell_what_is_finite(tiny_data, tiny_config):
    terms = {"data": torch.tensor(float("nan"))}
    inputs = {"TEC": torch.tensor([1.0, float("nan"), 40.0]), "Kp": torch.full((2,), float("inf"))}
    with pytest.raises(InputError, match="TEC 1 to 40 and 1 not finite; Kp none finite and 2 not finite"):
        check_terms(terms, inputs, 5)


def test_an_absurd_rate_ends_in_no_saved_weights_that_are_not_finite(
    few, sample_tec, sample_indices, tiny_config, tmp_path
):
    config = tiny_config.changed(learning_rate=1e5, direction_source="observed", epochs=3, gradient_clip=1e6)
    try:
        model = train(RunData(few, sample_tec, sample_indices, config), tmp_path / "run")
        check_weights(model, 0)
    except InputError as error:
        assert "not finite" in str(error)
    for file in (tmp_path / "run" / "checkpoints").glob("*.ckpt"):
        values = read_checkpoint(file)["state_dict"].values()
        assert all(torch.isfinite(value).all() for value in values)


def test_weights_that_are_not_finite_are_named(tiny_config):
    model = RSTMRF(tiny_config, 48.0)
    check_weights(model, 0)
    with torch.no_grad():
        model.residual_field.decoder[1].bias.fill_(float("nan"))
    with pytest.raises(InputError, match=r"step 3: the weights residual_field.decoder.1.bias are not finite"):
        check_weights(model, 3)


@pytest.mark.parametrize(
    ("accelerator", "bf16", "expected"),
    [
        ("cpu", False, "bf16-mixed"),
        ("gpu", True, "bf16-mixed"),
        ("gpu", False, "16-mixed"),
        ("auto", False, "16-mixed"),
    ],
)
def test_precision_is_that_of_the_accelerator_chosen(monkeypatch, tiny_config, accelerator, bf16, expected):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda: bf16)
    assert trainer.precision(tiny_config, accelerator) == "32-true"
    assert trainer.precision(tiny_config.changed(use_amp=True), accelerator) == expected


def test_groups_take_the_live_loss_scale(tiny_data, tiny_config):
    """A scale that is too large overflows in the gradient, where the scaler sees it, and a smaller one does not."""
    config = tiny_config.changed(direction_training="joint", window_group_size=1)
    batch = tiny_data.processor(tiny_data.points.select(torch.arange(0, 2000, 10)))
    torch.manual_seed(0)
    model = RSTMRF(config, 48.0)
    TrainingModule(model)
    found = []
    for scale in (1.0, 2.0**10, 1e38):
        term = loss_terms(batch, model, config, scale)["head"].mean
        found.append(torch.autograd.grad(term, list(model.direction_field.parameters())))
    assert all(torch.allclose(a, b, rtol=1e-3, atol=1e-9) for a, b in zip(*found[:2], strict=True))
    assert not all(torch.isfinite(g).all() for g in found[2])
