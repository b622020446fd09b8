"""The inputs of a stranger's network, as a file states them: in the words of ``GET /models/{name}``."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path

import msgspec

from models.errors import list_names
from models.parts import describe_parts, join_parts
from models.specs import InputSpec
from training.errors import ImportModelError

_AXES = {"image": 3, "volume": 4, "sequence": 2, "tokens": 1, "table": 1}
"""Number of axes of a row by its kind."""
_MOST_BYTES = 2**20
_LONGEST_NAME = 100
MOST_NUMBERS = 2**24
"""Numbers of a row, and ids of tokens: as many whole numbers are exact in float32."""


def read_schema(path: Path) -> tuple[InputSpec, str]:
    """Return the specification of inputs that a JSON file holds, and in words what a row is.

    Args:
        path: An object with ``kind`` and ``shape``, and where they are needed ``mean``, ``scale``, ``low``, ``high``,
            ``names``, or the columns of a ``table``; see :class:`~models.specs.InputSpec`.

    Raises:
        ImportModelError: if there is no such file, or if it is no specification of one row.
    """
    try:
        content = path.read_bytes() if path.stat().st_size <= _MOST_BYTES else b""
        spec = msgspec.json.decode(content, type=InputSpec)
    except OSError as error:
        raise ImportModelError(f"--inputs {path}: there is no such file") from error
    except msgspec.MsgspecError as error:
        raise ImportModelError(f"--inputs {path} is not what GET /models/NAME says of inputs: {error}") from error
    if wrong := _fault_of_row(spec):
        raise ImportModelError(f"--inputs {path}: {wrong}")
    if spec.parts:
        parts = {name: _with_names(part) for name, part in spec.parts.items()}
        return join_parts(parts), f"a row has {describe_parts(spec)}, as {path.name} says"
    spec = _with_names(spec)
    named = f": {list_names(spec.names, 8)}" if spec.names else ""
    return spec, f"a row is a {spec.kind} of shape {spec.shape}, as {path.name} says{named}"


def _with_names(spec: InputSpec) -> InputSpec:
    if spec.table is None or spec.names:
        return spec
    return msgspec.structs.replace(spec, names=spec.table.features)


def _fault_of_row(spec: InputSpec) -> str:
    """Return what is wrong with the specification of a row, which may have parts; empty if nothing is."""
    if spec.kind != "parts":
        return _fault(_with_names(spec)) or ("a row of parts is of kind parts" if spec.parts else "")
    if len(spec.parts) < 2 or spec.shape != join_parts(spec.parts).shape:
        return f"rows of kind parts have 2 parts or more, and as many numbers; shape is {list(spec.shape)}"
    faults = ((name, _fault(_with_names(part))) for name, part in spec.parts.items())
    return next((f"{name}: {wrong}" for name, wrong in faults if wrong), fault_of_parts(spec.parts))


def _fault(spec: InputSpec) -> str:
    """Return what is wrong with a specification; empty if nothing is."""
    if spec.kind not in _AXES:
        return f"kind {spec.kind} is of no network; allowed are {', '.join(_AXES)}"
    if len(spec.shape) != _AXES[spec.kind] or min(spec.shape) < 1:
        return f"a row of kind {spec.kind} has {_AXES[spec.kind]} lengths of 1 or more; shape is {list(spec.shape)}"
    places = spec.shape[0] if spec.kind in ("image", "volume") else spec.shape[-1]
    for name, values in (("mean", spec.mean), ("scale", spec.scale)):
        if len(values) not in (1, places):
            return f"{name} has {len(values)} numbers; give 1 or {places}"
    if not all(value > 0 and math.isfinite(value) for value in spec.scale):
        return "scale divides, so each of its numbers has to be above 0"
    if spec.kind == "tokens" and (spec.low != 0 or spec.high is None or (spec.mean, spec.scale) != ((0.0,), (1.0,))):
        return "tokens have low 0, high the largest id, and no mean or scale"
    if spec.kind == "tokens" and spec.high is not None and spec.high >= MOST_NUMBERS:
        return f"tokens are ids below {MOST_NUMBERS}, as float32 has no larger whole numbers one by one"
    if spec.names and len(set(spec.names)) != places:
        return f"{len(set(spec.names))} different names are given, for {places} features"
    if spec.table is not None and spec.table.features != spec.names:
        return f"the columns of table make the features {list(spec.table.features)}, and names are others"
    return ""


def fault_of_parts(parts: Mapping[str, InputSpec]) -> str:
    """Return what is wrong with the inputs of a network of several, each of which is right by itself; else nothing."""
    for name, part in parts.items():
        if not name.isprintable() or len(name) > _LONGEST_NAME:
            return f"{name!r}: a name has at most {_LONGEST_NAME} characters, all of which can be printed"
        if part.ragged or (part.table is not None and not part.table.is_positional):
            return f"{name}: as one of several inputs it has one length, and columns of numbers or categories alone"
        if part.parts:
            return f"{name}: an input has no parts of its own; state each by name"
    numbers = sum(part.size for part in parts.values())
    return f"a row has {numbers} numbers, of which {MOST_NUMBERS} are allowed" if numbers > MOST_NUMBERS else ""
