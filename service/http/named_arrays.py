"""Arrays by name in a body, one for each input of a model that takes several; nothing here knows what it takes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray

from models.errors import InputShapeError, list_names
from service.errors import InvalidRequestError
from service.http.named_rows import escape
from service.http.npz import arrays_from_npz
from service.http.request_body import MOST_KEYS, too_many_rows

_MOST_NAMES = 10


@dataclass(frozen=True)
class NamedArrays:
    """Arrays of numbers, of as many rows each.

    Attributes:
        arrays: Array ``(B, ...)`` of each name.
        cell_pointer: Function that returns the pointer of the values of a row and a name.
    """

    arrays: Mapping[str, NDArray[Any]]
    cell_pointer: Callable[[int, str], str]


def read_npz(body: bytes, limit: int, max_rows: int) -> NamedArrays:
    """Return the arrays in an .npz file.

    Args:
        body: The file.
        limit: Largest number of bytes of all arrays together, once unpacked.
        max_rows: Limit on the rows.

    Raises:
        InvalidRequestError: if it is no such file, or if the arrays have too many rows.
        InputShapeError: if they have none, or different numbers of them.
        TooLargeError: if the arrays are longer than the limit.
    """
    return of_equal_rows(
        arrays_from_npz(body, limit, MOST_KEYS), max_rows, lambda row, name: f"/inputs/{row}/{escape(name)}"
    )


def of_equal_rows(
    arrays: Mapping[str, NDArray[Any]], max_rows: int, cell_pointer: Callable[[int, str], str]
) -> NamedArrays:
    """Return arrays that have one number of rows, within a limit.

    Raises:
        InvalidRequestError: if there are too many rows, or no array.
        InputShapeError: if they have no rows, or different numbers of them.
    """
    counts = {name: len(array) if array.ndim else 0 for name, array in arrays.items()}
    if not counts:
        raise InvalidRequestError("the body holds no array; allowed is one for each input of the model", "/inputs")
    if len(set(counts.values())) > 1 or not all(counts.values()):
        listed = list_names([f"{name[:100]} {count}" for name, count in counts.items()], _MOST_NAMES)
        raise InputShapeError(f"the arrays have these numbers of rows: {listed}; allowed is one number, above 0")
    (count,) = set(counts.values())
    if count > max_rows:
        raise too_many_rows(count, max_rows)
    return NamedArrays(arrays, cell_pointer)
