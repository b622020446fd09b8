"""Inputs of a network that takes several, such as an image and a table: apart as they are sent, together as one row."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.errors import InputShapeError, InputValueError, did_you_mean
from models.specs import InputSpec

Pointer = Callable[[int, str], str]
"""Function that returns the JSON pointer of a row's part."""
_ROW = re.compile(r"/(?:inputs|values)/(\d+)")
"""The place of a row, in the words of those who know of no parts."""


def join_parts(parts: Mapping[str, InputSpec]) -> InputSpec:
    """Return the specification of rows that have several parts."""
    return InputSpec("parts", (sum(part.size for part in parts.values()),), parts=dict(parts))


def describe_parts(spec: InputSpec) -> str:
    """Return the parts of a row in words, such as ``scan (image 1 x 28 x 28) and patient (table 8)``."""
    shapes = [f"{name} ({part.kind} {' x '.join(map(str, part.shape))})" for name, part in spec.parts.items()]
    return f"{', '.join(shapes[:-1])} and {shapes[-1]}"


def in_records(row: int, name: str) -> str:
    """Return the JSON pointer of a part of a row, where rows are records."""
    return f"/inputs/{row}/{name}"


def check_part(name: str, part: InputSpec, values: NDArray[Any], pointer: Pointer = in_records) -> NDArray[np.float32]:
    """Return the raw values of a part of all rows as :meth:`InputSpec.check_rows` does, ``(B, *part shape)``.

    Raises:
        InputShapeError: naming the part.
        InputValueError: naming the part, and pointing to the first value that is not allowed.
    """
    checked = check_values(name, part, values, pointer)
    if part.table is not None:
        try:
            part.table.check_one_hots(checked)
        except InputValueError as error:
            raise named_error(error, name, pointer) from error
    return checked


def check_values(name: str, part: InputSpec, values: NDArray[Any], pointer: Pointer) -> NDArray[np.float32]:
    """Return values as :func:`check_part` does, those of categories unchecked.

    Raises:
        InputShapeError: naming the part.
        InputValueError: likewise.
    """
    try:
        if values.dtype.kind not in "iufbO":
            raise InputShapeError(f"inputs are {values.dtype}; allowed are numbers")
        return part.check_rows(values[:, None] if values.ndim == 1 == part.size else values)
    except (InputShapeError, InputValueError) as error:
        raise named_error(error, name, pointer) from error


def named_error(
    error: InputShapeError | InputValueError, name: str, pointer: Pointer
) -> InputShapeError | InputValueError:
    """Return a refusal of rows as one of a part of them."""
    text, place = (_ROW.sub(lambda found: pointer(int(found[1]), name), one) for one in (str(error), error.pointer))
    return type(error)(f"{name}: {text}", place)


def pack(spec: InputSpec, arrays: Mapping[str, NDArray[Any]]) -> NDArray[np.float32]:
    """Return rows ``(B, size)`` of one array ``(B, *part shape)`` for each part.

    Args:
        spec: Specification of the rows.
        arrays: Raw values by the names of the parts.

    Raises:
        InputShapeError: for a part that is missing or unknown, of another shape, or with another number of rows.
        InputValueError: for a value that is not allowed.
    """
    check_names(spec, arrays)
    counts = {name: len(array) if array.ndim else 0 for name, array in arrays.items()}
    if len(set(counts.values())) > 1:
        listed = ", ".join(f"{name} {count}" for name, count in counts.items())
        raise InputShapeError(f"the inputs have different numbers of rows: {listed}; allowed is one number", "/inputs")
    return join_values(spec, {name: check_part(name, part, arrays[name]) for name, part in spec.parts.items()})


def join_values(spec: InputSpec, values: Mapping[str, NDArray[np.float32]]) -> NDArray[np.float32]:
    """Return rows ``(B, size)`` of checked values ``(B, *part shape)`` of each part."""
    return np.concatenate([values[name].reshape(-1, part.size) for name, part in spec.parts.items()], 1)


def unpack(spec: InputSpec, rows: NDArray[Any]) -> dict[str, NDArray[Any]]:
    """Return the values ``(B, *part shape)`` of each part of rows ``(B, size)``, by name."""
    return {name: rows[:, place].reshape(-1, *spec.parts[name].shape) for name, place in spec.places.items()}


def check_names(spec: InputSpec, given: Mapping[str, object]) -> None:
    """Refuse names that are not those of the parts.

    Raises:
        InputShapeError: naming the first that is missing or unknown.
    """
    missing = [name for name in spec.parts if name not in given]
    unknown = [name for name in given if name not in spec.parts]
    if not missing and not unknown:
        return
    wrong = [f"{', '.join(missing)} missing"] if missing else []
    wrong += [f"there is no input {unknown[0]!r}{did_you_mean(unknown[0], list(spec.parts))}"] if unknown else []
    raise InputShapeError(f"{'; '.join(wrong)}; a row has {describe_parts(spec)}", "/inputs")
