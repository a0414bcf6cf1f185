"""Derivatives carried through layers equal those of nested automatic differentiation."""

from itertools import pairwise

import pytest
import torch
from torch.autograd import grad

from rstmrf.globe import metric
from rstmrf.model import jets
from rstmrf.model.whole import RSTMRF, Prediction
from rstmrf.training.losses import loss_terms, total_loss

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


@pytest.mark.parametrize("function", ["sine", "tanh"])
def test_layers_obey_the_chain_rule(function):
    """A layer after a linear map of z(h) = h³: value, first and second derivative in h."""
    bias, out = torch.tensor([0.2, 0.1], dtype=torch.float64), torch.tensor([1.0, 0.5], dtype=torch.float64)
    layer = jets.Layer(torch.tensor([[0.7], [-1.3]], dtype=torch.float64), bias, function)
    h = torch.linspace(-1, 1, 9, dtype=torch.float64, requires_grad=True)
    members = [h**3, 0 * h, 0 * h, 3 * h**2, 6 * h]
    jet = jets.network(torch.stack(members)[..., None], [layer], out)
    value = jets.network((h**3)[None, :, None], [layer], out)[0]
    first = grad(value.sum(), h, create_graph=True)[0]
    second = grad(first.sum(), h)[0]
    for member, oracle in ((jets.VALUE, value), (jets.ALT, first), (jets.ALT2, second)):
        assert relative(jet[member], oracle) < 1e-12
    assert jet[jets.EAST].abs().max() == 0


@pytest.mark.parametrize("per_point", [False, True], ids=["one bias", "a bias for each point"])
@pytest.mark.parametrize("functions", [("sine",), ("tanh",), ("sine", "sine", "tanh")])
def test_the_backward_pass_of_a_network_is_its_derivative(functions, per_point):
    torch.manual_seed(0)
    widths = [2, *(3 + n for n in range(len(functions)))]
    weights = [torch.randn(o, i, dtype=torch.float64) for i, o in pairwise(widths)]
    biases = [torch.randn((6, o) if per_point else (o,), dtype=torch.float64) for o in widths[1:]]
    given = [torch.randn(5, 6, 2, dtype=torch.float64), torch.randn(widths[-1], dtype=torch.float64), *weights, *biases]

    def found(jet, out, *parameters):
        half = len(functions)
        return jets.network(
            jet, [jets.Layer(*x) for x in zip(parameters[:half], parameters[half:], functions, strict=True)], out
        )

    assert torch.autograd.gradcheck(found, [x.requires_grad_() for x in given])


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
def test_the_gradient_of_the_loss_equals_that_of_nested_differentiation(
    config, small_batch, monkeypatch, dtype, tolerance
):
    torch.manual_seed(0)
    batch = small_batch(dtype)
    model = RSTMRF(config, 48.0).to(dtype)
    parameters = dict(model.named_parameters())
    physics = nested(model.residual_field, batch.coords, batch.unique_sw_seq, batch.tec_indices)
    ours, theirs = model(batch), Prediction(physics[:1], physics, None)
    gradients = []
    for prediction in (ours, theirs):
        monkeypatch.setattr(model, "forward", lambda batch, prediction=prediction: prediction)
        loss = total_loss(loss_terms(batch, model, config), config)
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
