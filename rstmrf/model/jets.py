"""Values and their derivatives carried through a network together, in one pass.

A jet is a tensor `[K, B, F]`. K = 1: the value alone. K = 5: value, ∂/∂east, ∂/∂north, ∂/∂alt [1/km] and ∂²/∂alt²
[1/km²]. Layers are linear maps and elementwise functions; for f(z) the chain rule gives f′·∂z, and f′·∂²z + f″·(∂z)².

The backward pass is written by hand, for a network that ends in one number a point. What the loss asks of ∂/∂east,
∂/∂north and ∂²/∂alt² then reaches every layer along one and the same vector, the derivative of the value: α. So three
of the five members are first summed with their weights, and each matrix product of the backward pass has three members
instead of five. It is checked against nested autograd.
"""

from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor
from torch.autograd.function import once_differentiable

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
    for layer in layers:
        jet = activate(layer, jet)
    return jet @ out


def activate(layer: Layer, value: Float[Tensor, "*b i"]) -> Float[Tensor, "*b o"]:
    """The layer of plain values."""
    phase = value @ layer.weight.T + layer.bias
    return torch.sin(phase) if layer.function == "sine" else torch.tanh(phase)


class _Network(torch.autograd.Function):
    """Jets of five through all layers; keeps of each its jet before the elementwise function, value in place."""

    @staticmethod
    def forward(ctx, jet, functions, out, *parameters):
        kept, x = [], jet
        for weight, bias, function in zip(parameters[::2], parameters[1::2], functions, strict=True):
            z = x @ weight.T
            x, slope = _forward(z, bias, function)
            kept += [z, slope]
        ctx.save_for_backward(jet, out, *parameters[::2], *kept)
        ctx.functions, ctx.per_point = functions, [bias.ndim == 2 for bias in parameters[1::2]]
        return x @ out

    @staticmethod
    @once_differentiable
    def backward(ctx, grad):
        jet, out, *saved = ctx.saved_tensors
        weights, kept = saved[: len(ctx.functions)], saved[len(ctx.functions) :]
        by_member = grad[..., None]  # [5, B, 1]
        back = torch.stack([by_member[VALUE] * out, by_member[ALT] * out, out.expand(grad.shape[1], -1)])
        grads, before, of_out = [], None, None
        for n in reversed(range(len(weights))):
            z, slope = kept[2 * n], kept[2 * n + 1]
            along, back = _backward(back, z, slope, by_member, ctx.functions[n])
            if before is None:
                of_out = grad[VALUE] @ along[0] + grad[ALT] @ along[1] + along[2].sum(0)
            else:
                grads += [_product(before, along)]
            grads += [back[0] if ctx.per_point[n] else back[0].sum(0)]
            before, back = back, (back @ weights[n] if n or ctx.needs_input_grad[0] else None)
        along = torch.stack([jet[VALUE], jet[ALT], _merged(jet, by_member)])
        grads += [_product(before, along)]
        of_jet = None
        if back is not None:
            of_jet = torch.stack([back[0], *(by_member[k] * back[2] for k in (EAST, NORTH)), back[1], back[2]])
            of_jet[ALT2] *= by_member[ALT2]
        return of_jet, None, of_out, *reversed(grads)


def _forward(z, bias, function):
    """Jet of f(z + bias), and f′; the value takes the place of z's first member, which is no longer needed."""
    phase = torch.add(z[VALUE], bias, out=z[VALUE])
    if function == "sine":
        slope = torch.cos(phase)
        value = torch.sin_(phase)
        curve = -value
    else:
        value = torch.tanh_(phase)
        slope = 1 - value**2
        curve = slope * value * -2
    y = torch.empty_like(z)
    y[VALUE] = value
    torch.mul(z[EAST:], slope, out=y[EAST:])
    y[ALT2].addcmul_(curve.mul_(z[ALT]), z[ALT])
    return y, slope


def _backward(back, z, slope, by_member, function):
    """Through one elementwise function, for the members value, ∂/∂alt and α.

    Returns the jet after the function in the same three members (the third is the weighted sum of the other three), and
    the gradient before it.
    """
    value, alt = z[VALUE], z[ALT]
    if function == "sine":
        curve, third = -value, -slope
    else:  # f″ = −2 f f′, f‴ = −2 (f′² + f f″)
        curve = slope * value * -2
        third = (slope**2).addcmul_(value, curve).mul_(-2)
    merged, bent = _merged(z, by_member), by_member[ALT2] * alt
    along = torch.empty_like(back)
    along[0] = value
    torch.mul(slope, alt, out=along[1])
    torch.mul(slope, merged, out=along[2]).addcmul_(curve * alt, bent)
    before = back * slope
    turn = curve * back[2]
    before[0].addcmul_(turn, merged).addcmul_(curve.mul_(back[1]), alt).addcmul_(third.mul_(back[2]).mul_(bent), alt)
    before[1].addcmul_(turn, bent, value=2)
    return along, before


def _merged(jet, by_member):
    """Sum of ∂/∂east, ∂/∂north and ∂²/∂alt² with what the loss asks of each."""
    merged = by_member[EAST] * jet[EAST]
    return merged.addcmul_(by_member[NORTH], jet[NORTH]).addcmul_(by_member[ALT2], jet[ALT2])


def _product(before, along):
    """Gradient of a weight `[O, I]`; transposed where the input is narrow, which the library multiplies faster."""
    before, along = before.flatten(0, 1), along.flatten(0, 1)
    return (along.T @ before).T if along.shape[1] < 16 else before.T @ along
