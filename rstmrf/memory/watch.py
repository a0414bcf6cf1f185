"""The ledger: it watches each operation of a training step and keeps a row for every storage."""

import bisect
import contextlib
import dataclasses
import weakref

import pandas as pd
import torch
from torch import Tensor, nn
from torch._subclasses import FakeTensorMode
from torch.nn.modules import module as hooks
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from rstmrf.errors import InputError

PARAMETER, BUFFER, INPUT, ACTIVATION = "parameter", "buffer", "input", "activation"
SAVED, GRADIENT, STATE, WORKSPACE = "saved for backward", "gradient", "optimizer state", "workspace"
ROLES = (PARAMETER, BUFFER, INPUT, STATE, SAVED, ACTIVATION, GRADIENT, WORKSPACE)
RECOMPUTED = "computed again"
COLUMNS = ["module", "role", "made_by", "shape", "dtype", "bytes", "held_by", "born", "freed"]


def fake_tensors():
    """Context in which tensors have shapes and no contents: build model and inputs in it, and call `ledger` in it."""
    return FakeTensorMode(allow_non_fake_inputs=True)


def ledger(forward, model: nn.Module, optimizer=None, inputs=None) -> pd.DataFrame:
    """Every tensor of one training step, a row for each storage.

    Args:
        forward: computes the scalar loss; called once, then its backward pass runs, then the optimizer's step. The
            gradients of `model` are gone afterwards.
        model: whose parameters, buffers and submodules give rows their names.
        optimizer: makes its step too; without it the ledger ends with the backward pass.
        inputs: a tensor, or a dataclass, dict or sequence of tensors, that were there before the step.

    Returns:
        Columns: `module` (qualified name), `role` (one of `ROLES`), `made_by` (operation), `shape`, `dtype`, `bytes`,
        `held_by` (name of the parameter or input, or the nodes of the graph that saved it), `born` and `freed`
        (operation numbers; what was there before is born at 0, what stays is freed after the last one).
        Rows are in the order of birth. What a checkpointed part computes again counts as saved for backward; the
        blocked copies that a convolution makes for itself on the CPU are rows of the role `workspace`.

    Raises:
        InputError: `forward` gives no scalar with a gradient.
    """
    model.zero_grad(set_to_none=True)
    watch = _Watch(model)
    for name, value in model.named_parameters():
        watch.enter(value, PARAMETER, watch.owner(name), name)
    for name, value in model.named_buffers():
        watch.enter(value, BUFFER, watch.owner(name), name)
    for name, value in _named_tensors(inputs):
        watch.enter(value, INPUT, "batch", name, join=True)
    with watch.modules(), watch:
        loss = forward()
        if not (isinstance(loss, Tensor) and loss.numel() == 1 and loss.requires_grad):
            raise InputError(
                f"forward gives {type(loss).__name__} without a gradient; give a callable that returns a loss"
            )
        watch.mark_saved(loss.grad_fn)
        watch.phase = GRADIENT
        loss.backward()
        del loss
        for name, value in model.named_parameters():
            if value.grad is not None:
                watch.enter(value.grad, GRADIENT, watch.owner(name), f"{name}.grad")
        watch.phase, watch.outside = ACTIVATION, "optimizer"
        if optimizer is not None:
            optimizer.step()
    if optimizer is not None:
        names = {id(value): name for name, value in model.named_parameters()}
        for parameter, state in optimizer.state.items():
            for key, value in state.items():
                if isinstance(value, Tensor):
                    name = names.get(id(parameter), "?")
                    watch.enter(value, STATE, watch.owner(name), f"{name}.{key}")["born"] = 0  # there from step two on
    model.zero_grad(set_to_none=True)
    return watch.table()


class _Watch(TorchDispatchMode):
    """Sees every operation, keeps a row for every storage, and knows in which module it is."""

    def __init__(self, model: nn.Module):
        super().__init__()
        self.names = {id(module): name or type(model).__name__ for name, module in model.named_modules()}
        self.root, self.outside = self.names[id(model)], "loss"  # names for what is in no submodule
        self.rows, self.phase, self.clock = [], ACTIVATION, 0
        self._row_of, self._references = {}, {}  # by the address of the storage, while it lives
        self._stack = []  # (module, graph node within which it was entered)
        self._sequence, self._module_of = [], []  # module by number of graph node, ascending

    def owner(self, parameter: str) -> str:
        return parameter.rpartition(".")[0] or self.root

    def enter(self, tensor: Tensor, role: str, module: str, held_by="", made_by="", join=False) -> dict:
        """The row of a tensor's storage; a known one is given the more telling role, or one holder more."""
        storage = tensor.untyped_storage()
        key = storage._cdata
        row = self._row_of.get(key)
        if row is None:
            size = storage.nbytes()
            dtype = str(tensor.dtype).removeprefix("torch.")
            row = self._row(module, role, made_by, tuple(tensor.shape), dtype, size, held_by, self.clock, None)
            self._row_of[key] = row
            self._references[key] = weakref.ref(storage, lambda _: self._gone(key))
        elif join:
            row["held_by"] += f", {held_by}"
        elif held_by:
            row.update(role=role, module=module, held_by=held_by)
        return row

    def _row(self, *values) -> dict:
        self.rows.append(dict(zip(COLUMNS, values, strict=True)))
        return self.rows[-1]

    def _gone(self, key):
        self._references.pop(key, None)
        row = self._row_of.pop(key, None)
        if row:
            row["freed"] = self.clock + 1

    def __torch_dispatch__(self, operator, types, args=(), kwargs=None):
        result = operator(*args, **(kwargs or {}))
        self.clock += 1
        module, role, held_by = self._where(), self.phase, ""
        if role == GRADIENT and torch.is_grad_enabled():  # a checkpointed part runs again
            role, held_by = SAVED, RECOMPUTED
        made_by = operator.__name__.partition(".")[0]
        for tensor in tree_leaves(result):
            if isinstance(tensor, Tensor) and tensor.untyped_storage()._cdata not in self._row_of:
                self.enter(tensor, role, module, held_by, made_by)
        size = _reordered_bytes(operator, args, result)
        if size:
            self._row(module, WORKSPACE, made_by, (), "", size, "the operation itself", self.clock, self.clock + 1)
            self.clock += 1
        return result

    def _where(self) -> str:
        """Module of the operation that runs; in a backward pass, of the operation that it differentiates."""
        node = torch._C._current_autograd_node()
        number = node._sequence_nr() if node is not None else None
        if number is None or (self._stack and self._stack[-1][1] == number):
            module = self._stack[-1][0] if self._stack else self.outside
        else:
            place = bisect.bisect_right(self._sequence, number) - 1
            module = self._module_of[place] if place >= 0 else self.outside
        latest = torch.autograd._get_sequence_nr() - 1  # pyright: ignore[reportPrivateImportUsage]
        if not self._sequence or latest > self._sequence[-1]:
            self._sequence.append(latest)
            self._module_of.append(module)
        return module

    def mark_saved(self, node) -> None:
        """Give what the graph below a node holds the role of being saved, with the names of its holders."""
        waiting, seen, holders = [node], set(), {}
        while waiting:
            node = waiting.pop()
            if node is None or node in seen:
                continue
            seen.add(node)
            waiting += [following for following, _ in node.next_functions]
            for attribute in dir(node):
                if attribute.startswith("_raw_saved_"):
                    for saved in tree_leaves(getattr(node, attribute)):
                        tensor = getattr(saved, "data", None)  # as packed: a checkpoint's is no tensor
                        if isinstance(tensor, Tensor):
                            row = self._row_of.get(tensor.untyped_storage()._cdata)
                            if row and row["role"] == ACTIVATION:
                                holders.setdefault(id(row), (row, []))[1].append(node.name())
        for row, nodes in holders.values():
            row.update(role=SAVED, held_by=", ".join(sorted(set(nodes))))

    @contextlib.contextmanager
    def modules(self):
        """Follow which module's forward runs."""

        def entered(module, _):
            node = torch._C._current_autograd_node()
            name = self.names.get(id(module), type(module).__name__)
            self._stack.append((name, node._sequence_nr() if node is not None else None))

        def left(module, _, __):
            self._stack.pop()

        before = hooks.register_module_forward_pre_hook(entered)
        after = hooks.register_module_forward_hook(left, always_call=True)
        try:
            yield
        finally:
            before.remove()
            after.remove()

    def table(self) -> pd.DataFrame:
        for row in self.rows:
            row["freed"] = self.clock + 1 if row["freed"] is None else row["freed"]
        self._references.clear()
        return pd.DataFrame(self.rows, columns=COLUMNS)


def _reordered_bytes(operator, args, result) -> int:
    """What a convolution on the CPU takes beside its results: oneDNN's copies with channels in blocks.

    Forward, the blocked result; backward, the blocked gradient of the result and the blocked input.
    """
    if operator is torch.ops.aten.convolution.default:
        source, out = args[0], result
        copies = _blocked_bytes(out), _blocked_bytes(out) + _blocked_bytes(source) - out.nbytes
        size = max(copies)
    elif operator is torch.ops.aten.convolution_backward.default:
        out, source = args[:2]
        size = _blocked_bytes(out) + _blocked_bytes(source)
    else:
        return 0
    return size if source.device.type == "cpu" and torch.backends.mkldnn.is_available() else 0


def _blocked_bytes(maps: Tensor) -> int:
    """Bytes of maps `[N, C, H, W]` with channels in whole blocks; up to three channels stay as they are."""
    block = 16 if "AVX512" in torch.backends.cpu.get_cpu_capability() else 8
    channels = maps.shape[1]
    return maps.nbytes // channels * (-(-channels // block) * block) if channels > 3 else 0


def _named_tensors(inputs, name="input"):
    if isinstance(inputs, Tensor):
        yield name, inputs
    elif dataclasses.is_dataclass(inputs):
        for field in dataclasses.fields(inputs):
            yield from _named_tensors(getattr(inputs, field.name), field.name)
    elif isinstance(inputs, dict):
        for key, value in inputs.items():
            yield from _named_tensors(value, str(key))
    elif isinstance(inputs, list | tuple):
        for number, value in enumerate(inputs):
            yield from _named_tensors(value, f"{name}[{number}]")
