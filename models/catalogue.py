"""Find components by name, and build them from a checkpoint's manifest.

A network, posterior or generator is one file in its package; the file's name is the component's name. Nothing else
has to list it. Its constructor's signature is the schema of its configuration.
"""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from collections.abc import Mapping
from types import ModuleType
from typing import Annotated, Any, TypeVar, get_type_hints

import msgspec
from msgspec import UNSET, UnsetType

from models.errors import CatalogueError, UnknownComponentError

T = TypeVar("T")

Count = Annotated[int, msgspec.Meta(ge=1)]
"""A whole number of at least 1: a width, a number of layers or of epochs."""
Whole = Annotated[int, msgspec.Meta(ge=0)]
"""A whole number of at least 0: pixels of padding."""
Share = Annotated[float, msgspec.Meta(ge=0, lt=1)]
"""A number from 0 to below 1: a probability of dropout, a share of a run."""
Positive = Annotated[float, msgspec.Meta(gt=0)]
"""A number above 0: a learning rate, a standard deviation."""
NonNegative = Annotated[float, msgspec.Meta(ge=0)]
"""A number of at least 0: a weight of a term, a length scale."""


class Component(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A component's name and the keyword arguments of its constructor that are its own."""

    name: str
    config: dict[str, Any] = {}


def components(package: ModuleType, base: type[T]) -> dict[str, type[T]]:
    """Import every file of a package and return the component that each one defines, by the file's name.

    A file whose name starts with an underscore is none: it may hold what several components share.

    Raises:
        CatalogueError: if a file defines no public subclass of ``base``, or several.
    """
    names = [info.name for info in pkgutil.iter_modules(package.__path__) if not info.name.startswith("_")]
    return {name: _component(importlib.import_module(f"{package.__name__}.{name}"), base) for name in names}


def _component(module: ModuleType, base: type[T]) -> type[T]:
    classes = [cls for _, cls in inspect.getmembers(module, inspect.isclass) if cls.__module__ == module.__name__]
    public = [cls for cls in classes if issubclass(cls, base) and not cls.__name__.startswith("_")]
    if len(public) != 1:
        names = ", ".join(cls.__name__ for cls in public) or "none"
        raise CatalogueError(
            f"{module.__name__} defines {len(public)} public classes derived from {base.__name__} ({names}); a file is"
            " one component: move the others to files of their own, or start their names with an underscore"
        )
    return public[0]


def build(kinds: Mapping[str, type[T]], component: Component, *context: object) -> T:
    """Construct a component: ``context`` first, then its own configuration, checked against the signature's types.

    Raises:
        UnknownComponentError: if there is no such component, or its configuration does not fit.
    """
    if component.name not in kinds:
        raise UnknownComponentError(f"there is no {component.name!r}; there are: {', '.join(sorted(kinds))}")
    cls = kinds[component.name]
    try:
        return cls(*context, **_checked(cls, len(context), component.config))
    except (msgspec.ValidationError, ValueError, TypeError, RuntimeError, ArithmeticError, LookupError) as error:
        options = ", ".join(p.name for p in _own(cls, len(context))) or "none"
        # Only what was written for people: torch's own words tell of allocators and addresses.
        reason = (
            error
            if isinstance(error, ValueError | msgspec.ValidationError)
            else "nothing can be built of these options"
        )
        raise UnknownComponentError(f"{component.name}: {reason}; its options: {options}") from error


def _own(cls: type[Any], positional: int) -> list[inspect.Parameter]:
    return list(inspect.signature(cls).parameters.values())[positional:]


def option_types(cls: type[Any], positional: int) -> dict[str, Any]:
    """Return the types of a component's own options by name, with the ranges that they are checked against.

    Args:
        cls: Class of the component.
        positional: Number of its constructor's first parameters that are no options of its own.
    """
    constructor: Any = cls
    hints = get_type_hints(constructor.__init__, include_extras=True)
    return {parameter.name: hints[parameter.name] for parameter in _own(cls, positional)}


def _checked(cls: type[Any], positional: int, config: Mapping[str, Any]) -> dict[str, Any]:
    hints = option_types(cls, positional)
    fields: list[Any] = [
        (p.name, hints[p.name]) if p.default is p.empty else (p.name, hints[p.name] | UnsetType, UNSET)
        for p in _own(cls, positional)
    ]
    schema = msgspec.defstruct(cls.__name__, fields, kw_only=True, forbid_unknown_fields=True)
    given = msgspec.structs.asdict(msgspec.convert(config, schema))
    return {name: value for name, value in given.items() if value is not UNSET}
