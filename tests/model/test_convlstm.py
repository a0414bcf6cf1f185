"""The ConvLSTM's own backward pass is that of automatic differentiation, for any hours, windows and layers."""

import pytest
import torch
from torch.nn.functional import conv2d

from rstmrf.model.convlstm import ConvLSTM, wrap


def plain(layer, sequence):
    """The same layer in operations that torch differentiates by itself: the oracle."""
    hidden = torch.zeros(sequence.shape[1], layer.gates.out_channels // 4, *sequence.shape[-2:]).to(sequence)
    cell, out = torch.zeros_like(hidden), []
    for maps in sequence:
        joined = wrap(torch.cat([maps, hidden], dim=1))
        write, keep, show, new = conv2d(joined, layer.gates.weight, layer.gates.bias, padding=(1, 0)).chunk(4, dim=1)
        cell = torch.sigmoid(keep) * cell + torch.sigmoid(write) * torch.tanh(new)
        hidden = torch.sigmoid(show) * torch.tanh(cell)
        out.append(hidden)
    return out


@pytest.mark.parametrize("hours", [1, 2, 5])
@pytest.mark.parametrize("asked", ["all hours", "last hour", "first hour"])
def test_values_and_gradients_are_those_of_automatic_differentiation(hours, asked):
    torch.manual_seed(0)
    layer = ConvLSTM(2, 3).double()
    sequence = torch.randn(hours, 4, 2, 5, 8, dtype=torch.float64, requires_grad=True)
    weight = torch.randn(hours, 4, 3, 5, 8, dtype=torch.float64)
    chosen = {"all hours": slice(None), "last hour": slice(-1, None), "first hour": slice(0, 1)}[asked]
    gradients = []
    for hidden in (layer(sequence), plain(layer, sequence)):
        gradients.append(
            (
                hidden,
                torch.autograd.grad(
                    (torch.stack(list(hidden[chosen])) * weight[chosen]).sum(), [sequence, *layer.parameters()]
                ),
            )
        )
    (ours, our_gradients), (theirs, their_gradients) = gradients
    torch.testing.assert_close(torch.stack(list(ours)), torch.stack(theirs), rtol=1e-12, atol=1e-14)
    for a, b in zip(our_gradients, their_gradients, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-10, atol=1e-12)


def test_two_layers_pass_the_gradient_on():
    torch.manual_seed(0)
    layers = [ConvLSTM(1, 3).double(), ConvLSTM(3, 2).double()]
    sequence = torch.randn(3, 2, 1, 4, 6, dtype=torch.float64)
    found = []
    for run in (lambda layer, x: layer(x), plain):
        last = run(layers[1], torch.stack(list(run(layers[0], sequence))))[-1]
        found.append(torch.autograd.grad(last.square().sum(), [p for la in layers for p in la.parameters()]))
    for a, b in zip(*found, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-10, atol=1e-12)
