"""What is measured of this machine and this process: medians, matrix-product rate, memory, bytes saved for backward."""

import math
import statistics
import time
import weakref

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import flop_registry, register_flop_formula

from rstmrf.memory import MB, peak_resident_mb, resident_mb
from rstmrf.model import products

__all__ = ["flop", "interleaved_seconds", "matrix_product", "peak_resident_mb", "resident_mb", "saved_for_backward_mb"]


def interleaved_seconds(steps: dict, repeats: int = 7, clock=time.perf_counter) -> dict[str, float]:
    """Median seconds of each named step, run in turn A B A B; one round beforehand is not counted.

    On a busy machine `time.process_time` and one thread leave out what others took.
    """
    taken = {name: [] for name in steps}
    for round_number in range(repeats + 1):
        for name, step in steps.items():
            started = clock()
            step()
            if round_number:
                taken[name].append(clock() - started)
    return {name: statistics.median(seconds) for name, seconds in taken.items()}


def matrix_product(size: int = 2048):
    """A step that multiplies two float32 matrices as the library's layers do, and its floating-point operations."""
    a, b = torch.rand(size, size), torch.rand(size, size)

    @torch.no_grad()
    def step():
        products.product(a, b)

    return step, 2 * size**3


if products.ONEDNN is not None:

    @register_flop_formula(products.ONEDNN)
    def _of_onednn(x_shape, weight_shape, *_, **__) -> int:
        return 2 * math.prod(x_shape) * weight_shape[0]


class _FlopCount(TorchDispatchMode):
    """Counts with torch's own formulae; torch's counter itself cannot be used around `autograd.grad`."""

    total = 0

    def __torch_dispatch__(self, operator, types, args=(), kwargs=None):
        result = operator(*args, **(kwargs or {}))
        count = flop_registry.get(operator._overloadpacket)
        self.total += count(*args, **(kwargs or {}), out_val=result) if count else 0
        return result


def flop(step) -> int:
    """Floating-point operations of matrix products and convolutions in a step."""
    with _FlopCount() as counter:
        step()
    return counter.total


def saved_for_backward_mb(forward) -> float:
    """Bytes [MB] of the storages that a forward pass keeps for the backward pass, each counted once.

    Parameters are not counted: they are there anyway.
    """
    kept = weakref.WeakSet()

    def pack(tensor):
        handle = _Handle(tensor)
        if not isinstance(tensor, torch.nn.Parameter):
            kept.add(handle)
        return handle

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda handle: handle.tensor):
        result = forward()
    storages = [handle.tensor.untyped_storage() for handle in kept]
    total = sum({storage.data_ptr(): storage.nbytes() for storage in storages}.values()) / MB
    del result
    return total


class _Handle:
    """A saved tensor, alive as long as the graph holds it: what was let go within the forward pass is not counted."""

    def __init__(self, tensor):
        self.tensor = tensor
