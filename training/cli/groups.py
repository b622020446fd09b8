"""Groups of options that several commands share: a dataclass whose fields are annotated as a command's parameters are.

A command that takes a group as a parameter has all of its options on the command line.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from dataclasses import fields, is_dataclass
from inspect import Parameter, Signature
from typing import get_type_hints


def expand_groups(function: Callable[..., None]) -> Callable[..., None]:
    """Return a function that takes the fields of its groups one by one, as keyword arguments."""
    hints = get_type_hints(function, include_extras=True)
    groups = {name: hint for name, hint in hints.items() if isinstance(hint, type) and is_dataclass(hint)}
    names = {name: [field.name for field in fields(group)] for name, group in groups.items()}
    parameters: list[Parameter] = []
    for name, parameter in inspect.signature(function).parameters.items():
        own = Parameter(name, Parameter.KEYWORD_ONLY, default=parameter.default, annotation=hints[name])
        parameters += _parameters_of(groups[name]) if name in groups else [own]

    @functools.wraps(function)
    def call(**options: object) -> None:
        built = {name: group(**{field: options.pop(field) for field in names[name]}) for name, group in groups.items()}
        function(**options, **built)

    call.__signature__ = Signature(parameters)  # type: ignore[attr-defined]  # inspect looks for it first
    call.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    return call


def _parameters_of(group: type) -> list[Parameter]:
    hints = get_type_hints(group, include_extras=True)
    return [
        Parameter(field.name, Parameter.KEYWORD_ONLY, default=field.default, annotation=hints[field.name])
        for field in fields(group)
    ]
