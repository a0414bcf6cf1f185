"""Values and their derivatives carried through layers together, in one pass.

A jet is a tensor `[K, B, F]`. K = 1: the value alone. K = 5: value, ∂/∂east, ∂/∂north, ∂/∂alt [1/km] and ∂²/∂alt²
[1/km²]. Layers are linear maps and elementwise functions; for f(z) the chain rule gives f′·∂z, and f′·∂²z + f″·(∂z)².
"""

import torch
from jaxtyping import Float
from torch import Tensor

VALUE, EAST, NORTH, ALT, ALT2 = range(5)


def linear(jet: Float[Tensor, "k b i"], weight: Float[Tensor, "o i"], bias: Float[Tensor, " o"] | None = None):
    """Apply a linear map to every member; the bias moves the value only. Returns `[K, B, O]`."""
    product = jet @ weight.T
    if bias is None:
        return product
    return torch.cat([product[:1] + bias, product[1:]])


def sine(jet: Float[Tensor, "k b f"], omega: float) -> Float[Tensor, "k b f"]:
    """sin(ω z) of a jet z."""
    phase = omega * jet[VALUE]
    if len(jet) == 1:
        return torch.sin(phase)[None]
    slope = omega * torch.cos(phase)
    value = torch.sin(phase)
    return _chain(jet, value, slope, -(omega**2) * value)


def tanh(jet: Float[Tensor, "k b f"]) -> Float[Tensor, "k b f"]:
    """tanh(z) of a jet z."""
    value = torch.tanh(jet[VALUE])
    if len(jet) == 1:
        return value[None]
    slope = 1 - value**2
    return _chain(jet, value, slope, -2 * value * slope)


def constant(value: Float[Tensor, "b f"], order: int) -> Float[Tensor, "k b f"]:
    """Jet of what does not depend on the place: derivatives are zero."""
    return torch.cat([value[None], value.new_zeros(order - 1, *value.shape)])


def _chain(jet, value, slope, curve):
    tangents = slope * jet[EAST : ALT + 1]
    second = slope * jet[ALT2] + curve * jet[ALT] ** 2
    return torch.cat([value[None], tangents, second[None]])
