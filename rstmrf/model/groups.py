"""A sum over groups of windows whose gradient is taken group by group, already in the forward pass.

What a ConvLSTM keeps for its backward pass grows with the windows: 12 MB each at the default size. A loss that is a sum
over windows needs no more than one group of them at a time. Recomputing each group in the backward pass would cost its
forward pass again; here nothing is computed twice, because the gradient of a sum is known before the sum is.
"""

import torch
from torch.autograd.function import once_differentiable


class InGroups(torch.autograd.Function):
    """Two terms, summed over groups: `terms(group, gradient) -> (direction, head)`.

    The parameters learn from one of the two, head where it is `supervised`, else direction; `gradient` from direction.
    Under half precision `scale` is the live one of the loss scaler: where it is too large, gradients overflow here as
    they would there, the scaler leaves the step out and takes a smaller one.
    """

    @staticmethod
    def forward(ctx, terms, groups, supervised, scale, gradient, *parameters):
        wanted = any(ctx.needs_input_grad)
        of_gradient = torch.zeros_like(gradient)
        of_parameters = [torch.zeros_like(p) for p in parameters]
        totals = gradient.new_zeros(2)
        for group in groups:
            with torch.set_grad_enabled(wanted):
                own = gradient.detach().requires_grad_(wanted)
                direction, head = terms(group, own)
                scaled = scale * (direction + head)
            totals += torch.stack([direction.detach(), head.detach()])
            if not wanted:
                continue
            found = torch.autograd.grad(scaled, [own, *parameters], allow_unused=True)
            of_gradient.add_(found[0], alpha=1 / scale)
            for total, part in zip(of_parameters, found[1:], strict=True):
                if part is not None:
                    total.add_(part, alpha=1 / scale)
        ctx.save_for_backward(of_gradient, *of_parameters)
        ctx.supervised = supervised
        return totals[0], totals[1]

    @staticmethod
    @once_differentiable
    def backward(ctx, to_direction, to_head):
        of_gradient, *of_parameters = ctx.saved_tensors
        taught = to_head if ctx.supervised else to_direction
        return None, None, None, None, to_direction * of_gradient, *(taught * p for p in of_parameters)
