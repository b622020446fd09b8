"""The rows of a batch, shared out among processes: each computes its own part of what the networks do with them.

Every process runs the whole program of a step: the same batch, the same noise, the same loss. Only the networks, where
the work is, see one process's rows. Their outputs are gathered again, so that a loss, whatever it makes of a batch, is
that of all rows, and no loss knows of processes. Modules whose rows meet (batch normalisation) exchange what they need.

Gradients are averaged over the processes (:func:`training.loops.processes.average_gradients`). What all of them compute
counts once in that mean. What a process computes of its own rows must count as often as there are processes, so a
gradient is multiplied by their number where it enters a network from its outputs, and divided where it leaves by the
inputs. Both ways can be differentiated again, as a gradient penalty asks.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd import Function

from models.generation.layers.minibatch_deviation import MinibatchDeviation
from models.prediction.masks import Mask
from training.errors import RecipeError
from training.loops.processes import count_processes, own_rows, reduce


@contextmanager
def share_rows(model: nn.Module) -> Iterator[None]:
    """Let every process compute its rows of whatever a model's networks are called with, inside a ``with`` block.

    A network is any module of the model that is called from outside of all others. Its inputs have the rows leading,
    and so has its output; an input of another length (one noise for all rows) goes to every process as it is. A batch
    of fewer rows than processes is not shared: each of them computes all of it.

    Args:
        model: Model with all modules that the step calls.
    """
    if count_processes() == 1:
        yield
        return
    calls = _Calls()
    handles = [module.register_forward_pre_hook(calls.enter) for module in model.modules()]
    handles += [module.register_forward_hook(calls.leave) for module in model.modules()]
    replaced = [(module, *_MEETING[type(module)]) for module in model.modules() if type(module) in _MEETING]
    for module, name, method in replaced:
        setattr(module, name, partial(method, calls, module))
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()
        for module, name, _ in replaced:
            delattr(module, name)


class _Calls:
    """The calls of modules that are going on.

    Attributes:
        rows: Rows of the batch that the outermost of them shares out; ``None`` where every process has all.
    """

    def __init__(self) -> None:
        self.rows: int | None = None
        self._depth = 0

    def enter(self, module: nn.Module, inputs: tuple[Any, ...]) -> tuple[Any, ...] | None:
        self._depth += 1
        if self._depth > 1:
            return None
        rows = next(len(value) for value in inputs if isinstance(value, Tensor))
        self.rows = rows if rows >= count_processes() else None
        if self.rows is None:
            return None
        return tuple(_take(v) if isinstance(v, Tensor) and v.ndim and len(v) == rows else v for v in inputs)

    def leave(self, module: nn.Module, inputs: tuple[Any, ...], output: Any) -> Tensor | None:
        self._depth -= 1
        if self._depth or self.rows is None:
            return None
        if not isinstance(output, Tensor):
            raise RecipeError(f"{type(module).__name__} returns no single tensor: train it in one process")
        rows, self.rows = self.rows, None
        return _gather(output, rows)


class _Take(Function):
    """This process's rows of a tensor that all processes have, ``(..., rows, ...)`` along an axis."""

    @staticmethod
    def forward(values: Tensor, axis: int) -> Tensor:
        own = own_rows(values.shape[axis])
        return values.narrow(axis, own.start, len(own)).clone()

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, int], output: Tensor) -> None:
        ctx.rows, ctx.axis = inputs[0].shape[inputs[1]], inputs[1]

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        return _gather(gradient / count_processes(), ctx.rows, ctx.axis), None

    @staticmethod
    def vmap(_info: Any, dims: tuple[int | None, ...], values: Tensor, axis: int) -> tuple[Tensor, int]:
        return _take(values.movedim(dims[0] or 0, 0), axis + 1), 0


class _Gather(Function):
    """All rows of what every process has its own rows of, along an axis."""

    @staticmethod
    def forward(own: Tensor, rows: int, axis: int) -> Tensor:
        whole = own.new_zeros(*own.shape[:axis], rows, *own.shape[axis + 1 :])
        whole.narrow(axis, own_rows(rows).start, own.shape[axis]).copy_(own)
        reduce(whole)
        return whole

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, int, int], output: Tensor) -> None:
        ctx.axis = inputs[2]

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None]:
        return _take(gradient, ctx.axis) * count_processes(), None, None

    @staticmethod
    def vmap(_info: Any, dims: tuple[int | None, ...], own: Tensor, rows: int, axis: int) -> tuple[Tensor, int]:
        return _gather(own.movedim(dims[0] or 0, 0), rows, axis + 1), 0


class _Sum(Function):
    """The sum over all processes of what each computed of its own rows, of any shape."""

    @staticmethod
    def forward(part: Tensor) -> Tensor:
        total = part.contiguous().clone()
        reduce(total)
        return total

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor], output: Tensor) -> None:
        pass

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        return _sum(gradient)

    @staticmethod
    def vmap(_info: Any, dims: tuple[int | None], part: Tensor) -> tuple[Tensor, int | None]:
        return _sum(part), dims[0]


def _take(values: Tensor, axis: int = 0) -> Tensor:
    taken: Tensor = _Take.apply(values, axis)  # type: ignore[no-untyped-call]  # torch leaves it so
    return taken


def _gather(own: Tensor, rows: int, axis: int = 0) -> Tensor:
    whole: Tensor = _Gather.apply(own, rows, axis)  # type: ignore[no-untyped-call]
    return whole


def _sum(part: Tensor) -> Tensor:
    total: Tensor = _Sum.apply(part)  # type: ignore[no-untyped-call]
    return total


BatchNorm = nn.BatchNorm1d | nn.BatchNorm2d | nn.BatchNorm3d


def _normalise(calls: _Calls, module: BatchNorm, x: Tensor) -> Tensor:
    """Return what batch normalisation in training makes of rows ``(B, C, ...)``, with the statistics of all rows."""
    if calls.rows is None or not module.training:
        plain: Tensor = type(module).forward(module, x)
        return plain
    assert module.running_mean is not None
    assert module.running_var is not None
    assert module.num_batches_tracked is not None
    axes, column = [0, *range(2, x.ndim)], (-1, *(1 for _ in x.shape[2:]))
    values, number = x.to(module.running_mean.dtype), calls.rows * x[0, 0].numel()
    mean = _sum(values.sum(axes)) / number
    centred = values - mean.view(column)
    variance = _sum(centred.square().sum(axes)) / number
    with torch.no_grad():
        module.num_batches_tracked.add_(1)
        momentum = 1 / float(module.num_batches_tracked) if module.momentum is None else module.momentum
        module.running_mean.lerp_(mean, momentum)
        module.running_var.lerp_(variance * (number / (number - 1)), momentum)
    normalised = centred * (variance + module.eps).rsqrt().view(column)
    if module.affine:
        normalised = normalised * module.weight.view(column) + module.bias.view(column)
    return normalised.to(x.dtype)


def _variance(calls: _Calls, module: MinibatchDeviation, x: Tensor) -> Tensor:
    """Return the variance over all rows, of rows ``(B, ...)``, in the shape of one."""
    if calls.rows is None:
        return MinibatchDeviation.variance(module, x)
    mean = _sum(x.sum(0)) / calls.rows
    return _sum((x - mean).square().sum(0)) / calls.rows


def _mask(calls: _Calls, module: Mask, x: Tensor) -> Tensor:
    """Return rows ``(B, ...)`` times their own masks, of those of all rows."""
    if calls.rows is None or module.mask.shape[:1] != (calls.rows,):
        return Mask.forward(module, x)
    own = own_rows(calls.rows)
    return x * module.mask[own.start : own.stop]


_MEETING: dict[type[nn.Module], tuple[str, Callable[..., Tensor]]] = {
    nn.BatchNorm1d: ("forward", _normalise),
    nn.BatchNorm2d: ("forward", _normalise),
    nn.BatchNorm3d: ("forward", _normalise),
    MinibatchDeviation: ("variance", _variance),
    Mask: ("forward", _mask),
}
"""Modules whose rows meet, or that hold tensors of all rows: which method is replaced, and by what."""
