"""What a number of Python was made of, where a network reads one out of a tensor."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils import _pytree as pytree
from torch.utils._python_dispatch import TorchDispatchMode

from training.errors import ImportModelError
from training.run.importing.following import Place
from training.run.importing.lines import is_users
from training.run.importing.run_rows import try_rows

ROWS, RANDOM = "rows", "random numbers"
_READS = (torch.ops.aten._local_scalar_dense.default, torch.ops.aten.is_nonzero.default, torch.ops.aten.equal.default)


def find_reads(network: nn.Module, rows: Tensor) -> dict[Place, set[str]]:
    """Return the lines of the user's code that read numbers out of tensors, each with what these were made of.

    Args:
        network: The network in the mode that is traced.
        rows: Some rows ``(B, *input_shape)``.

    Returns:
        Sets that may hold :data:`ROWS` and :data:`RANDOM`; an empty one says that only weights were read.
    """
    origins = _Origins(rows)
    try:
        with origins:
            try_rows(network, rows)
    except ImportModelError:
        pass  # what was read until then is the answer
    return origins.reads


class _Origins(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Follows from tensor to tensor what each was made of, by the memory that it lies in."""

    def __init__(self, rows: Tensor) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.reads: dict[Place, set[str]] = {}
        self._kept = [rows]  # so that no memory is given to another tensor
        self._of: dict[int, set[str]] = {_memory(rows): {ROWS}}

    def __torch_dispatch__(
        self, function: Any, _types: Any, args: tuple[Any, ...] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        read = [one for one in pytree.tree_leaves((args, kwargs)) if isinstance(one, Tensor)]
        made_of = set().union(*(self._of.get(_memory(one), set()) for one in read))
        if torch.Tag.nondeterministic_seeded in function.tags:
            made_of.add(RANDOM)
        if function in _READS:
            self.reads.setdefault(_line(), set()).update(made_of)
        results = function(*args, **(kwargs or {}))
        written = read[:1] if function._schema.is_mutable else []
        for one in [*written, *(leaf for leaf in pytree.tree_leaves(results) if isinstance(leaf, Tensor))]:
            self._kept.append(one)
            self._of[_memory(one)] = self._of.get(_memory(one), set()) | made_of
        return results


def _memory(tensor: Tensor) -> int:
    return tensor.untyped_storage().data_ptr()


def _line() -> Place:
    """Return the line of the user's code that runs."""
    frame = sys._getframe()
    while frame.f_back and not is_users(frame.f_code.co_filename):
        frame = frame.f_back
    return frame.f_code.co_filename, frame.f_lineno
