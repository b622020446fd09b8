"""The inputs of a stranger's network, as a file states them: in the words of ``GET /models/{name}``."""

from __future__ import annotations

import math
from pathlib import Path

import msgspec

from models.errors import list_names
from models.specs import InputSpec
from training.errors import ImportModelError

_AXES = {"image": 3, "volume": 4, "sequence": 2, "tokens": 1, "table": 1}
"""Number of axes of a row by its kind."""
_MOST_BYTES = 2**20


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
    if spec.table is not None and not spec.names:
        spec = msgspec.structs.replace(spec, names=spec.table.features)
    if wrong := _fault(spec):
        raise ImportModelError(f"--inputs {path}: {wrong}")
    named = f": {list_names(spec.names, 8)}" if spec.names else ""
    return spec, f"a row is a {spec.kind} of shape {spec.shape}, as {path.name} says{named}"


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
    if spec.names and len(set(spec.names)) != places:
        return f"{len(set(spec.names))} different names are given, for {places} features"
    if spec.table is not None and spec.table.features != spec.names:
        return f"the columns of table make the features {list(spec.table.features)}, and names are others"
    return ""
