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
    shared = layer.bias.ndim == 1
    phase = linear(value, layer.weight, layer.bias) if shared else linear(value, layer.weight) + layer.bias
    return torch.sin(phase) if layer.function == "sine" else 2 * torch.sigmoid(2 * phase) - 1


class _Network(torch.autograd.Function):
    """Jets of five through all layers; keeps of each f, f′, ∂z/∂alt and α."""

    @staticmethod
    def forward(ctx, jet, functions, out, *parameters):
        weights, biases = parameters[::2], parameters[1::2]
        value, alt, layers = jet[VALUE], jet[ALT], []
        for weight, bias, function in zip(weights, biases, functions, strict=True):
            z = product(value, weight, bias) if bias.ndim == 1 else product(value, weight).add_(bias)
            z_alt = product(alt, weight)
            value, slope, alt = _upward(z, z_alt, function)
            layers.append((value, slope, z_alt))
        value, alpha, alphas, curvature = value @ out, out.expand_as(value), [], 0
        for weight, function, layer in zip(weights[::-1], functions[::-1], layers[::-1], strict=True):
            alphas.append(alpha)
            before, bent = _downward(alpha, *layer, function)
            alpha, curvature = product(before, weight.T), curvature + bent
        first = (jet[EAST:] * alpha).sum(2)
        first[ALT2 - EAST] += curvature
        kept = (x for layer, alpha in zip(layers, alphas[::-1], strict=True) for x in (*layer, alpha))
        ctx.save_for_backward(jet, out, alpha, *weights, *kept)
        ctx.functions, ctx.per_point = functions, [bias.ndim == 2 for bias in biases]
        return torch.cat([value[None], first])

    @staticmethod
    @once_differentiable
    def backward(ctx, grad):
        count = len(ctx.functions)
        jet, out, of_input, *saved = ctx.saved_tensors
        weights, layers = saved[:count], [saved[count + 4 * n :][:4] for n in range(count)]
        asked = grad[..., None]  # [5, B, 1]
        merged = (asked[EAST] * jet[EAST]).addcmul_(asked[NORTH], jet[NORTH]).addcmul_(asked[ALT2], jet[ALT2])
        along, z_merged = [(jet[VALUE], jet[ALT], merged)], []
        for weight, function, (value, slope, z_alt, _) in zip(weights, ctx.functions, layers, strict=True):
            z_merged.append(product(along[-1][2], weight))
            along.append((value, *_merged(z_merged[-1], asked[ALT2], value, slope, z_alt, function)))
        value, alt, merged = along.pop()
        of_out = grad[VALUE] @ value + grad[ALT] @ alt + merged.sum(0)
        back, gradients, wanted = (asked[VALUE] * out, asked[ALT] * out), [], ctx.needs_input_grad[0]
        for n in reversed(range(count)):
            before = _turned(*back, z_merged.pop(), asked[ALT2], *layers[n], ctx.functions[n])
            of_weight = sum(product(b.T, a.T) for b, a in zip(before, along.pop(), strict=True))
            gradients += [before[0] if ctx.per_point[n] else before[0].sum(0), of_weight]
            back = [product(b, weights[n].T) for b in before[:2]] if n or wanted else []
        of_jet = None
        if wanted:
            east, north, alt2 = (asked[k] * of_input for k in (EAST, NORTH, ALT2))
            of_jet = torch.stack([back[0], east, north, back[1], alt2])
        return of_jet, None, of_out, *reversed(gradients)


def _upward(z, z_alt, function):
    """Jet (f, f′, ∂f/∂alt) of a phase, which is overwritten."""
    if function == "sine":
        slope = torch.cos(z)
        value = torch.sin_(z)
    else:  # tanh z is 2σ(2z) − 1, and σ takes a tenth of the time of tanh
        value = z.mul_(2).sigmoid_().mul_(2).sub_(1)
        slope = 1 - value * value
    return value, slope, slope * z_alt


def _downward(alpha, value, slope, z_alt, function):
    """What α is before an elementwise function, and what its bend adds to ∂²/∂alt² of the end."""
    before = slope * alpha
    bend = value * alpha if function == "sine" else (value * before).mul_(2)
    return before, -bend.mul_(z_alt).mul_(z_alt).sum(1)


def _merged(z_merged, asked_alt2, value, slope, z_alt, function):
    """After an elementwise function: ∂f/∂alt, and the sum of what the loss asks."""
    bend = value if function == "sine" else (value * slope).mul_(2)
    merged = slope * z_merged
    return slope * z_alt, merged.addcmul_((z_alt * asked_alt2).mul_(z_alt), bend, value=-1)


def _turned(back, back_alt, z_merged, asked_alt2, value, slope, z_alt, alpha, function):
    """Gradients by value, ∂/∂alt and the sum, before an elementwise function: f″ = −bend, f‴ = −third."""
    of_merged = alpha * slope
    if function == "sine":
        bend, third = value, of_merged
    else:
        bend = (value * slope).mul_(2)
        third = (slope * slope).addcmul_(value, bend, value=-1).mul_(2).mul_(alpha)
    bent = z_alt * asked_alt2
    turn = (alpha * z_merged).addcmul_(back_alt, z_alt)
    of_value = (back * slope).addcmul_(turn, bend, value=-1)
    of_alt = (back_alt * slope).addcmul_(bend * alpha, bent, value=-2)
    of_value.addcmul_(bent.mul_(z_alt), third, value=-1)
    return of_value, of_alt, of_merged
