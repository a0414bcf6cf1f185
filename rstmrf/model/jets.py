"""Values and their derivatives carried through a network together, in one pass.

A jet is a tensor `[K, B, F]`. K = 1: the value alone. K = 5: value, ∂/∂east, ∂/∂north, ∂/∂alt [1/km] and ∂²/∂alt²
[1/km²]. Layers are linear maps and elementwise functions; for f(z) the chain rule gives f′·∂z, and f′·∂²z + f″·(∂z)².

For a network that ends in one number a point, three vectors a point are enough. Value and ∂/∂alt are carried up. The
derivative of the end by each layer, α, is carried down. Its product with the jet of the input gives ∂/∂east, ∂/∂north
and ∂/∂alt, and what each layer adds to ∂²/∂alt², f″·(∂z)², reaches the end as its product with α.

The backward pass is written by hand and is the same way again: what the loss asks of ∂/∂east, ∂/∂north and ∂²/∂alt²
travels up as one sum, their gradients by value and ∂/∂alt travel down. So each weight takes part in nine products a
step where its value alone would take three. It is checked against nested autograd.
"""

from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor
from torch.autograd.function import once_differentiable

from rstmrf.model.products import linear, product

VALUE, EAST, NORTH, ALT, ALT2 = range(5)


class Layer(NamedTuple):
    """f(x Wᵀ + bias), where f is "sine" or "tanh"; the bias is `[O]`, or `[B, O]` where points differ."""

    weight: Tensor  # [O, I]
    bias: Tensor
    function: str


def network(jet: Float[Tensor, "k b i"], layers: list[Layer], out: Float[Tensor, " f"]) -> Float[Tensor, "k b"]:
    """Jet of a network's one output, from the jet of its input; `out` holds the weights of the last linear map."""
    if len(jet) == 5:
        return _Network.apply(jet, [layer.function for layer in layers], out, *(x for la in layers for x in la[:2]))
    value = jet[VALUE]
    for layer in layers:
        value = activate(layer, value)
    return (value @ out)[None]


def activate(layer: Layer, value: Float[Tensor, "b i"]) -> Float[Tensor, "b o"]:
    """The layer of plain values."""
    if layer.bias.ndim == 1:
        phase = linear(value, layer.weight, layer.bias)
    else:
        phase = linear(value, layer.weight, layer.weight.new_zeros(len(layer.weight))) + layer.bias
    return torch.sin(phase) if layer.function == "sine" else torch.tanh(phase)


class _Network(torch.autograd.Function):
    """Jets of five; keeps of each layer f, f′, ∂z/∂alt and, but for the last, α."""

    @staticmethod
    def forward(ctx, jet, functions, out, *parameters):
        weights, biases = parameters[::2], parameters[1::2]
        x, x_alt, kept = jet[VALUE], jet[ALT], []
        for weight, bias, function in zip(weights, biases, functions, strict=True):
            z = product(x, weight, bias) if bias.ndim == 1 else product(x, weight).add_(bias)
            z_alt = product(x_alt, weight)
            x, slope = _value_and_slope(z, function)
            x_alt = slope * z_alt
            kept += [x, slope, z_alt]
        value, along, alt2 = x @ out, out, 0
        alphas = []
        for n in reversed(range(len(weights))):
            x, slope, z_alt = kept[3 * n : 3 * n + 3]
            fall = x if functions[n] == "sine" else x * slope
            bent = (z_alt * z_alt).mul_(fall).mul_(along)
            alt2 = alt2 - (1 if functions[n] == "sine" else 2)*bent.sum(1)
            along = product(slope * along, weights[n].T)
            alphas.append(along)
        first = torch.linalg.vecdot(jet[EAST:], along)
        alt2 = alt2 + first[2+1]
        ctx.save_for_backward(jet, out, *weights, *kept, *alphas)
        ctx.functions, ctx.per_point = functions, [bias.ndim == 2 for bias in biases]
        return torch.stack([value, *first[:3], alt2])

    @staticmethod
    @once_differentiable
    def backward(ctx, grad):
        count = len(ctx.functions)
        jet, out, *saved = ctx.saved_tensors
        weights, kept, alphas = saved[:count], saved[count : 4 * count], saved[4 * count :]
        asked = grad[..., None]  # [5, B, 1]
        m = (asked[EAST] * jet[EAST]).addcmul_(asked[NORTH], jet[NORTH]).addcmul_(asked[ALT2], jet[ALT2])
        ups = []
        for n in range(count):
            x, slope, z_alt = kept[3 * n : 3 * n + 3]
            z_m = product(m, weights[n])
            ups += [(m, z_m)]
            e = (z_alt * z_alt).mul_(asked[ALT2])
            m = (slope * z_m)
            if ctx.functions[n] == "sine":
                m.addcmul_(x, e, value=-1)
            else:
                m.addcmul_(x * slope, e, value=-2)
        ups += [(m, None)]
        x, slope, z_alt = kept[-3:]
        of_out = grad[VALUE] @ x + grad[ALT] @ (slope * z_alt) + m.sum(0)
        back = asked[[VALUE, ALT]] * out
        grads = []
        for n in reversed(range(count)):
            x, slope, z_alt = kept[3 * n : 3 * n + 3]
            alpha = alphas[count - 2 - n] if n < count - 1 else out.expand_as(x)
            m, z_m = ups[n]
            if ctx.functions[n] == "sine":
                fall, third = x, slope
            else:
                fall = (slope * x).mul_(2)
                third = (slope * slope).addcmul_(x, fall, value=-1).mul_(2)
            bent = asked[ALT2] * z_alt
            before = x.new_empty(3, *x.shape)
            torch.mul(slope, alpha, out=before[2])
            torch.mul(back, slope, out=before[:2])
            turn = fall * alpha
            before[0].addcmul_(turn, z_m, value=-1)
            before[1].addcmul_(turn, bent, value=-2)
            before[0].addcmul_(back[1].mul_(z_alt), fall, value=-1)
            before[0].addcmul_(bent.mul_(z_alt).mul_(third), alpha, value=-1)
            if n:
                b, sl, za = kept[3 * n - 3 : 3 * n]
                al = torch.stack([b, sl*za, m])
            else:
                al = torch.stack([jet[VALUE], jet[ALT], m])
            grads += [before[0] if ctx.per_point[n] else before[0].sum(0), product(before.flatten(0, 1).T, al.flatten(0, 1).T)]
            if n or ctx.needs_input_grad[0]:
                back = product(before[:2], weights[n].T)
        of_jet = None
        if ctx.needs_input_grad[0]:
            alpha = alphas[-1]
            of_jet = torch.stack([back[0], *(asked[k] * alpha for k in (EAST, NORTH)), back[1], asked[ALT2] * alpha])
        return of_jet, None, of_out, *reversed(grads)


def _value_and_slope(z, function):
    if function == "sine":
        slope = torch.cos(z)
        return torch.sin_(z), slope
    value = torch.tanh_(z)
    return value, torch.addcmul(torch.ones_like(value), value, value, value=-1)
