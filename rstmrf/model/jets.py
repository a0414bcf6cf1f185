"""Values and their derivatives carried through layers together, in one pass.

A jet is a tensor `[K, B, F]`. K = 1: the value alone. K = 5: value, ∂/∂east, ∂/∂north, ∂/∂alt [1/km] and ∂²/∂alt²
[1/km²]. Layers are linear maps and elementwise functions; for f(z) the chain rule gives f′·∂z, and f′·∂²z + f″·(∂z)².

The elementwise step has a backward pass of its own: what autograd would keep of it is four times as much, and its many
small operations cost more than the matrix products around them. It is checked against nested autograd.
"""

import torch
from jaxtyping import Float
from torch import Tensor
from torch.autograd.function import once_differentiable

VALUE, EAST, NORTH, ALT, ALT2 = range(5)


def linear(jet: Float[Tensor, "k b i"], weight: Float[Tensor, "o i"]) -> Float[Tensor, "k b o"]:
    """Apply a matrix to every member. A bias moves the value only: the function after it takes it."""
    return jet @ weight.T


def sine(jet: Float[Tensor, "k b f"], bias: Float[Tensor, "*b f"], omega: float) -> Float[Tensor, "k b f"]:
    """sin(ω(z + bias)) of a jet z; the bias may differ between points."""
    if len(jet) == 1:
        return torch.sin(omega * (jet + bias))
    return _Elementwise.apply(jet, bias, omega)


def tanh(jet: Float[Tensor, "k b f"], bias: Float[Tensor, "*b f"]) -> Float[Tensor, "k b f"]:
    """tanh(z + bias) of a jet z; the bias may differ between points."""
    if len(jet) == 1:
        return torch.tanh(jet + bias)
    return _Elementwise.apply(jet, bias, None)


class _Elementwise(torch.autograd.Function):
    """f(z + bias) for jets of five: sine of ω·, or tanh where ω is None."""

    @staticmethod
    def forward(ctx, jet, bias, omega):
        phase = jet[VALUE] + bias
        if omega is None:
            value = torch.tanh(phase)
            slope = 1 - value**2
            curve = -2 * value * slope
        else:
            phase *= omega
            value, slope = torch.sin(phase), torch.cos(phase).mul_(omega)
            curve = value * -(omega**2)
        out = torch.empty_like(jet)
        out[VALUE] = value
        torch.mul(jet[EAST:], slope, out=out[EAST:])
        out[ALT2].addcmul_(curve, jet[ALT] ** 2)
        ctx.save_for_backward(jet, slope, curve, value if omega is None else None)
        ctx.omega, ctx.per_point = omega, bias.ndim == 2
        return out

    @staticmethod
    @once_differentiable
    def backward(ctx, grad):
        jet, slope, curve, value = ctx.saved_tensors
        # The third derivative: −ω² f′ of the sine, −2 (f′² + f f″) of the tanh.
        third = slope * -(ctx.omega**2) if value is None else -2 * (slope**2 + value * curve)
        back = grad * slope
        along = (grad[EAST:] * jet[EAST:]).sum(0)
        back[VALUE].addcmul_(along, curve).addcmul_(grad[ALT2] * jet[ALT] ** 2, third)
        back[ALT].addcmul_(grad[ALT2] * jet[ALT], curve, value=2)
        return back, back[VALUE] if ctx.per_point else back[VALUE].sum(0), None
