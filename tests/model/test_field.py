"""The residual field and the whole model: size, start, and that TEC never enters the value of density."""

from dataclasses import replace

import torch

from rstmrf.config import RunConfig
from rstmrf.model.whole import RSTMRF
from rstmrf.training.losses import loss_terms


def count(module):
    return sum(p.numel() for p in module.parameters())


def test_default_model_has_about_two_hundred_thousand_parameters():
    assert 198_000 <= count(RSTMRF(RunConfig(), 48.0)) <= 206_000


def test_starts_close_to_the_background(small_batch):
    torch.manual_seed(0)
    batch = small_batch(torch.float32)
    model = RSTMRF(RunConfig(), 48.0)
    departure = model.log10_density(batch) - batch.background[:, 0]
    assert departure.abs().max() < 0.1


def test_tec_guides_but_never_enters_the_value(config, small_batch):
    batch = small_batch(torch.float32)
    model = RSTMRF(config, 48.0)
    stormy = replace(batch, unique_tec_map_seq=3 * batch.unique_tec_map_seq.flip(-1))
    assert torch.equal(model.log10_density(batch), model.log10_density(stormy))
    fields = (model.direction_field(b.unique_tec_map_seq) for b in (batch, stormy))
    assert not torch.allclose(*fields)


def test_space_weather_moves_the_value(config, small_batch):
    batch = small_batch(torch.float32)
    model = RSTMRF(config, 48.0)
    stormy = replace(batch, unique_sw_seq=batch.unique_sw_seq.flip(0))
    assert not torch.equal(model.log10_density(batch), model.log10_density(stormy))


def test_a_point_does_not_depend_on_the_others_of_its_batch(config, small_batch):
    batch = small_batch()
    field = RSTMRF(config, 48.0).double().residual_field
    together = field(batch.coords, batch.unique_sw_seq, batch.tec_indices, order=5)
    alone = field(batch.coords[5:6], batch.unique_sw_seq, batch.tec_indices[5:6], order=5)
    assert torch.allclose(together[:, 5:6], alone, rtol=1e-10, atol=1e-12)


def test_physics_losses_may_have_points_of_their_own(config, small_batch):
    batch = small_batch(torch.float32)
    others = small_batch(torch.float32, points=40).physics
    prediction = RSTMRF(config, 48.0)(replace(batch, collocation=others))
    assert prediction.residual.shape == (1, 24)
    assert prediction.physics.shape == (5, 40)


def test_physics_that_nobody_asks_for_is_not_computed(config, small_batch):
    free = config.changed(w_chapman=0.0, w_tec_direction=0.0)
    model = RSTMRF(free, 48.0)
    batch = small_batch(torch.float32)
    assert model(batch).physics is None and list(loss_terms(batch, model, free)) == ["data"]
