"""Matrix products of float32 on a processor through oneDNN, which torch carries beside MKL.

`x @ w` goes to MKL, which on processors not of its own maker stays with narrow vector instructions: half the rate of
oneDNN, and the same number but for rounding. Elsewhere (other precisions, other devices, a torch without oneDNN)
everything is a plain `@`.
"""

import torch
from jaxtyping import Float
from torch import Tensor

# None: this torch has none. It is not a public part of torch, though what `torch.compile` calls; tests compare it.
ONEDNN = getattr(torch.ops.mkldnn, "_linear_pointwise", None) if torch.backends.mkldnn.is_available() else None


def product(x: Float[Tensor, "*b i"], weight: Float[Tensor, "o i"], bias: Float[Tensor, " o"] | None = None):
    """X Wᵀ + bias, `[*B, O]`; through oneDNN where no graph is recorded, as within a function with its own backward."""
    fits = x.dtype == torch.float32 and x.device.type == "cpu" and x.numel() > 0
    if ONEDNN is not None and fits and not torch.is_grad_enabled():
        return ONEDNN(x, weight, bias, "none", [], "")
    return x @ weight.T if bias is None else torch.nn.functional.linear(x, weight, bias)


def linear(
    x: Float[Tensor, "b i"], weight: Float[Tensor, "o i"], bias: Float[Tensor, " o"] | None = None
) -> Float[Tensor, "b o"]:
    """X Wᵀ + bias, differentiable, twice where asked; the transforms of `torch.func` get torch's own."""
    if ONEDNN is None or torch._C._are_functorch_transforms_active():
        return torch.nn.functional.linear(x, weight, bias)
    return _Linear.apply(x, weight, bias)


class _Linear(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, weight, bias):
        ctx.save_for_backward(x, weight)
        return product(x, weight, bias)

    @staticmethod
    def backward(ctx, back):
        x, weight = ctx.saved_tensors
        of_x = product(back, weight.T) if ctx.needs_input_grad[0] else None
        return of_x, product(back.T, x.T), back.sum(0) if ctx.needs_input_grad[2] else None
