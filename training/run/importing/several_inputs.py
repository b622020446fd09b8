"""Inputs of a module of torch that takes several: each argument of ``forward`` is a part of a row, by its name."""

from __future__ import annotations

import inspect
from typing import Any

from torch import Tensor, nn

from models.parts import describe_parts
from models.specs import InputSpec
from training.errors import ImportModelError

_ANY_NUMBER = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)


def read_parts(module: nn.Module, inputs: InputSpec) -> None:
    """Let a module read rows ``(B, size)``: a hook hands their parts to the arguments of these names.

    It is a hook, and no module around it, so that its weights and dropouts keep their names.

    Args:
        module: The module, which is changed.
        inputs: Specification of rows with parts.

    Raises:
        ImportModelError: if its ``forward`` has other arguments.
    """
    by_place = _check_arguments(module, inputs)

    def take_apart(_module: nn.Module, rows: tuple[Tensor], _named: dict[str, Any]) -> tuple[Any, dict[str, Tensor]]:
        values = [as_ids(one) if part.kind == "tokens" else one for part, one in inputs.split(*rows)]
        named = dict(zip(inputs.parts, values, strict=True))
        return tuple(named.pop(name) for name in by_place), named

    module.register_forward_pre_hook(take_apart, with_kwargs=True)


def check_single_input(module: nn.Module) -> None:
    """Refuse a module that takes more than one argument, of which ``--inputs`` without names gives the first.

    Raises:
        ImportModelError: naming the arguments.
    """
    given = inspect.signature(module.forward).parameters.values()
    needed = [one for one in given if one.default is one.empty and one.kind not in _ANY_NUMBER]
    if len(needed) > 1 or any(one.kind is one.KEYWORD_ONLY for one in needed):
        names = [one.name for one in needed]
        raise ImportModelError(
            f"--inputs gives one input without a name, and {type(module).__name__}.forward takes {', '.join(names)}:"
            f" give {' '.join(f'--inputs {name}=KIND:SHAPE' for name in names)}"
        )


def as_ids(rows: Tensor) -> Tensor:
    """Return ids as the whole numbers that they are: float32 holds those up to 2^24 exactly."""
    return rows.long()


def _check_arguments(module: nn.Module, inputs: InputSpec) -> list[str]:
    """Return the names of the arguments that are given by their place alone; refuse others than the inputs."""
    signature = inspect.signature(module.forward)
    by_place = [name for name, one in signature.parameters.items() if one.kind is one.POSITIONAL_ONLY]
    by_place = [name for name in by_place if name in inputs.parts]
    try:
        signature.bind(*by_place, **{name: None for name in inputs.parts if name not in by_place})
    except TypeError as error:
        listed = ", ".join(map(str, signature.parameters.values())) or "none"
        raise ImportModelError(
            f"--inputs names {describe_parts(inputs)}, and {type(module).__name__}.forward takes {listed}: {error};"
            " state each argument without a default as --inputs ARGUMENT=KIND:SHAPE"
        ) from error
    return by_place
