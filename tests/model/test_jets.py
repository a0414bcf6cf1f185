"""Derivatives carried through layers equal those of nested automatic differentiation."""

import pytest
import torch
from torch.autograd import grad

from rstmrf.losses import loss_terms, total_loss
from rstmrf.model import jets
from rstmrf.model.coordinates import metric
from rstmrf.model.rstmrf import RSTMRF

KM = torch.pi / 180


def nested(field, coords, sw_seq, window):
    """The jet of a residual field by automatic differentiation of its value, twice along altitude: the oracle."""
    coords = coords.detach().clone().requires_grad_()
    value = field(coords, sw_seq, window)[0]
    first = grad(value.sum(), coords, create_graph=True)[0]
    second = grad(first[:, 2].sum(), coords, create_graph=True)[0][:, 2]
    per_east, per_north = metric(coords[:, 0].detach(), coords[:, 2].detach())
    return torch.stack([value, first[:, 1] / (KM * per_east), first[:, 0] / (KM * per_north), first[:, 2], second])


def relative(a, b):
    return ((a - b).norm() / b.norm()).item()


@pytest.mark.parametrize("layer", [lambda j, b: jets.sine(j, b, 3.0), jets.tanh], ids=["sine", "tanh"])
def test_layers_obey_the_chain_rule(layer):
    """A layer after a linear map of z(h) = h³: value, first and second derivative in h."""
    weight = torch.tensor([[0.7], [-1.3]], dtype=torch.float64)
    bias = torch.tensor([0.2, 0.1], dtype=torch.float64)
    h = torch.linspace(-1, 1, 9, dtype=torch.float64, requires_grad=True)
    members = [h**3, 0 * h, 0 * h, 3 * h**2, 6 * h]
    jet = layer(jets.linear(torch.stack(members)[..., None], weight), bias)
    for column in range(2):
        value = layer(jets.linear((h**3)[None, :, None], weight), bias)[0, :, column]
        first = grad(value.sum(), h, create_graph=True)[0]
        second = grad(first.sum(), h)[0]
        for member, oracle in ((jets.VALUE, value), (jets.ALT, first), (jets.ALT2, second)):
            assert relative(jet[member, :, column], oracle) < 1e-12
        assert jet[jets.EAST, :, column].abs().max() == 0


@pytest.mark.parametrize("per_point", [False, True], ids=["one bias", "a bias for each point"])
@pytest.mark.parametrize("layer", [lambda j, b: jets.sine(j, b, 1.7), jets.tanh], ids=["sine", "tanh"])
def test_the_backward_pass_of_a_layer_is_its_derivative(layer, per_point):
    torch.manual_seed(0)
    jet = torch.randn(5, 6, 3, dtype=torch.float64, requires_grad=True)
    bias = torch.randn((6, 3) if per_point else (3,), dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(layer, (jet, bias))


def test_the_whole_field_equals_nested_differentiation(config, small_batch):
    torch.manual_seed(0)
    batch = small_batch()
    field = RSTMRF(config, 48.0).double().residual_field
    given = (batch.coords, batch.unique_sw_seq, batch.tec_indices)
    jet, oracle = field(*given, order=5), nested(field, *given)
    for name, a, b in zip(("value", "east", "north", "alt", "alt²"), jet, oracle, strict=True):
        assert relative(a, b) < 1e-9, name
    assert torch.equal(field(*given)[0], jet[0])


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float64, 1e-9), (torch.float32, 1e-4)])
def test_the_gradient_of_the_loss_equals_that_of_nested_differentiation(config, small_batch, dtype, tolerance):
    torch.manual_seed(0)
    batch = small_batch(dtype)
    model = RSTMRF(config, 48.0).to(dtype)
    parameters = dict(model.named_parameters())
    ours = model(batch)
    physics = nested(model.residual_field, batch.coords, batch.unique_sw_seq, batch.tec_indices)
    theirs = ours._replace(residual=physics[:1], physics_residual=physics)
    gradients = []
    for prediction in (ours, theirs):
        loss = total_loss(loss_terms(batch, *prediction, config), config)
        found = grad(loss, parameters.values(), retain_graph=True, allow_unused=True)
        gradients.append(
            torch.cat(
                [
                    torch.zeros_like(p).flatten() if g is None else g.flatten()
                    for p, g in zip(parameters.values(), found, strict=True)
                ]
            )
        )
    assert relative(*gradients) < tolerance
