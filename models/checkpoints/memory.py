"""What a manifest asks for, counted before any of it is made: its model is built of tensors that have no content."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import msgspec
import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from models.errors import CheckpointError
from models.specs import InputSpec

MOST_MODEL_BYTES = 4_000_000_000
"""Bytes of a model's tensors, and of the results of all its layers for one row, beyond which it is refused."""
_MOST_CALLS = 20_000
"""Calls of torch beyond which a model is refused: a hundred times what a usual one takes to build, and a second."""
_LAYERS = 64
"""Times that the layers of a generator are larger than its image, roughly: it has no count of its own."""
_MOST_STEPS = 16
"""Steps of a sequence that are counted: a recurrent network takes hundreds of calls for each of them."""


class _RefusedWork(BaseException):
    """Raised through constructors, which turn exceptions into refusals of their own."""


_OF_CONTENT: dict[Any, Any] = {torch.equal: True, Tensor.__bool__: False, Tensor.item: 0, Tensor.__int__: 0}
"""Answers to questions about numbers that a tensor without content does not have: those that let a model be built."""


class _CallLimit(TorchFunctionMode):
    """Stops what takes too many calls of torch, and answers what depends on the content of tensors."""

    def __init__(self) -> None:
        super().__init__()
        self._calls = 0

    def __torch_function__(self, function: Any, _types: Any, args: Any = (), kwargs: Any = None) -> Any:
        self._calls += 1
        if self._calls > _MOST_CALLS:
            raise _RefusedWork
        if function in _OF_CONTENT and args[0].is_meta:
            return _OF_CONTENT[function]
        return function(*args, **(kwargs or {}))


@dataclass(frozen=True)
class Weights:
    """The bytes that the weights of a model take: at least, and at most where they depend on the steps of a row."""

    least: int
    most: int


def measure(build: Callable[[InputSpec], nn.Module], inputs: InputSpec, most_bytes: int) -> Weights:
    """Return what a manifest's model takes, without making it.

    Args:
        build: Function that builds the model for a specification of its rows.
        inputs: Specification of the rows.
        most_bytes: Bytes that are allowed for its tensors, and for the results of all layers for one row.

    Raises:
        CheckpointError: if it takes more, or cannot be built.
    """
    longer = 1.0
    if inputs.kind in ("sequence", "tokens") and inputs.shape[0] > _MOST_STEPS:
        longer = inputs.shape[0] / _MOST_STEPS  # nothing grows faster than the steps
        inputs = msgspec.structs.replace(inputs, shape=(_MOST_STEPS, *inputs.shape[1:]))
    try:
        with torch.device("meta"), _CallLimit():
            model = build(inputs)
    except _RefusedWork as refused:
        raise CheckpointError(f"the manifest asks for a model of more than {_MOST_CALLS} parts") from refused
    except (ArithmeticError, LookupError, RuntimeError, TypeError, ValueError) as error:  # torch's, for absurd sizes
        raise CheckpointError("no model can be built of what the manifest asks for") from error
    tensors = sum(tensor.nbytes for tensor in (*model.parameters(), *model.buffers()))
    row = getattr(model, "row_bytes", _LAYERS * 4 * math.prod(inputs.shape))
    if (tensors + row) * longer > most_bytes:
        raise CheckpointError(
            f"the manifest asks for a model of {(tensors + row) * longer:.3g} bytes, of which {most_bytes} are allowed"
        )
    least = sum(tensor.nbytes for tensor in model.state_dict().values())
    return Weights(least, math.ceil(least * longer))
