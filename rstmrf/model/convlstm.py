"""Convolutional LSTM on the globe, hour by hour, with a backward pass of its own.

Source of the cell: Shi et al. 2015, Convolutional LSTM Network, arXiv:1506.04214; here without peepholes.
"""

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn.functional import conv2d

_convolution_backward = torch.ops.aten.convolution_backward
_sigmoid_backward = torch.ops.aten.sigmoid_backward.grad_input
_tanh_backward = torch.ops.aten.tanh_backward.grad_input
#: stride, padding (zeros beyond the poles only), dilation, not transposed, no output padding, one group
_GEOMETRY = ([1, 1], [1, 0], [1, 1], False, [0, 0], 1)


def wrap(maps: Float[Tensor, "*n h w"]) -> Float[Tensor, "*n h w+2"]:
    """Maps without a seam column, with one more column on each side: the globe goes on."""
    return torch.cat([maps[..., -1:], maps, maps[..., :1]], dim=-1)


def convolve_globe(maps: Float[Tensor, "n i h w"], weight, bias=None) -> Float[Tensor, "n o h w"]:
    """3 × 3 convolution of maps without a seam column: periodic in longitude, zeros beyond the poles."""
    return conv2d(wrap(maps), weight, bias, padding=(1, 0))


class ConvLSTM(nn.Module):
    """A layer of ConvLSTM with 3 × 3 kernels.

    The maps of all hours meet their kernels in one convolution; only the hidden state goes hour by hour, and the first
    hour has none.
    """

    def __init__(self, inputs: int, channels: int):
        super().__init__()
        self.gates = nn.Conv2d(inputs + channels, 4 * channels, 3)
        with torch.no_grad():
            self.gates.bias[channels : 2 * channels] = 1.0  # remember at first  # pyright: ignore[reportOptionalSubscript]

    def forward(self, sequence: Float[Tensor, "s n i h w"]) -> tuple[Tensor, ...]:
        """Hidden maps after each hour, `S` tensors `[N, C, H, W]`; computed in the type of the sequence."""
        return _Hours.apply(sequence, *(p.to(sequence.dtype) for p in self.gates.parameters()))  # weight and bias


class _Hours(torch.autograd.Function):
    """All hours of a layer. Kept for backward: opened gates, cell, its tanh, and hidden maps, 7 C maps an hour.

    Autograd would keep half as much again, and compute the gradient of the kernels once an hour instead of once.
    """

    @staticmethod
    def forward(ctx, sequence, weight, bias):
        hours, windows, inputs, height, width = sequence.shape
        channels = len(bias) // 4
        doubled = torch.ones_like(bias)
        doubled[3 * channels :] = 2.0  # tanh(x) = 2 σ(2x) − 1, and σ is several times faster on a processor
        from_maps, from_hidden = (weight * doubled[:, None, None, None]).split([inputs, channels], dim=1)
        maps = wrap(sequence.flatten(0, 1))
        gates = conv2d(maps, from_maps, bias * doubled, padding=(1, 0)).unflatten(0, (hours, windows))
        hidden = gates.new_empty(hours, windows, channels, height, width + 2)
        cells, bounded = (gates.new_empty(hours, windows, channels, height, width) for _ in range(2))
        for t, opened in enumerate(gates):
            if t:
                opened += conv2d(hidden[t - 1], from_hidden, padding=(1, 0))
            write, keep, show, new = opened.sigmoid_().chunk(4, dim=1)
            torch.mul(write, new.mul_(2).sub_(1), out=cells[t])
            if t:
                cells[t].addcmul_(keep, cells[t - 1])
            torch.mul(cells[t], 2, out=bounded[t]).sigmoid_().mul_(2).sub_(1)
            inner = hidden[t, ..., 1:-1]
            torch.mul(show, bounded[t], out=inner)
            hidden[t, ..., 0], hidden[t, ..., -1] = inner[..., -1], inner[..., 0]
        ctx.save_for_backward(maps, gates, cells, bounded, hidden, weight)
        ctx.set_materialize_grads(False)
        return tuple(maps[..., 1:-1] for maps in hidden)

    @staticmethod
    @once_differentiable
    def backward(ctx, *grads):
        maps, gates, cells, bounded, hidden, weight = ctx.saved_tensors
        hours, channels = len(gates), weight.shape[0] // 4
        from_maps, from_hidden = weight.split([weight.shape[1] - channels, channels], dim=1)
        before = torch.empty_like(gates)
        back = torch.empty_like(cells[0])
        of_hidden, of_cell = None, torch.zeros_like(cells[0])
        for t in reversed(range(hours)):
            if grads[t] is not None:
                of_hidden = grads[t] if of_hidden is None else of_hidden + grads[t]
            if of_hidden is None:  # hours that nobody asked about, after the last one that somebody did
                before[t] = 0
                continue
            write, keep, show, new = gates[t].chunk(4, dim=1)
            to_write, to_keep, to_show, to_new = before[t].chunk(4, dim=1)
            _sigmoid_backward(torch.mul(of_hidden, bounded[t], out=back), show, grad_input=to_show)
            of_cell += _tanh_backward(torch.mul(of_hidden, show, out=back), bounded[t], grad_input=back)
            _sigmoid_backward(torch.mul(of_cell, new, out=back), write, grad_input=to_write)
            _tanh_backward(torch.mul(of_cell, write, out=back), new, grad_input=to_new)
            if not t:
                to_keep.zero_()
                break
            _sigmoid_backward(torch.mul(of_cell, cells[t - 1], out=back), keep, grad_input=to_keep)
            of_cell *= keep
            of_hidden = _of_maps(before[t], hidden[t - 1], from_hidden)
        earlier, later = hidden[:-1].flatten(0, 1), before[1:].flatten(0, 1)
        _, of_hidden_kernels, _ = _convolution_backward(
            later, earlier, from_hidden, None, *_GEOMETRY, [False, True, False]
        )
        every = before.flatten(0, 1)
        _, of_map_kernels, of_bias = _convolution_backward(
            every, maps, from_maps, [4 * channels], *_GEOMETRY, [False, True, True]
        )
        of_sequence = None
        if ctx.needs_input_grad[0]:
            of_sequence = _of_maps(every, maps, from_maps).unflatten(0, before.shape[:2])
        return of_sequence, torch.cat([of_map_kernels, of_hidden_kernels], dim=1), of_bias


def _of_maps(grad, maps, kernels):
    """Gradient of maps `[N, I, H, W]` from that of their convolution; the wrapped columns go back to where they are."""
    wide, _, _ = _convolution_backward(grad, maps, kernels, None, *_GEOMETRY, [True, False, False])
    wide[..., 1] += wide[..., -1]
    wide[..., -2] += wide[..., 0]
    return wide[..., 1:-1]
