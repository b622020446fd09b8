"""Request bodies as bytes, JSON and arrays, within limits that are checked before the work is done."""

from __future__ import annotations

import json
import re
from collections.abc import Hashable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.errors import InputShapeError
from service.errors import InvalidRequestError, NotJsonError
from service.http.json_structure import check_structure
from service.http.list_faults import find_fault

Float32Array = NDArray[np.float32]

_SURROGATE = re.compile(rb"\\u[dD][89a-fA-F]")
_WHOLE_CHARACTERS = re.compile(
    rb"(?:[^\\]++|\\[^u]|\\u(?![dD][89a-fA-F])|\\u[dD][89abAB]..\\u[dD][c-fC-F]..)*+", re.DOTALL
)
"""Text whose escapes of surrogates, the halves of characters beyond the first 65536, come in pairs."""
_MOST_DIGITS = 1000
"""Most digits of a whole number: more than any float has, and few enough to be read at once."""
MOST_KEYS = 64
"""Most keys of a body, and of its codes: more than any model has options or controls."""


def parse_json(body: bytes, max_depth: int) -> dict[str, Any]:
    """Return the JSON object that a body holds.

    ``NaN`` and ``Infinity``, which Python's own encoder writes, are read: the check of the values explains them better
    than a syntax error would.

    Raises:
        NotJsonError: if it is not JSON in UTF-8.
        InvalidRequestError: if it nests too deep, has too many parts, repeats a key, holds half a character or is not
            an object.
    """
    check_structure(body, max_depth)
    check_characters(body)
    try:
        value = json.loads(body.decode(), object_pairs_hook=_without_repeats, parse_int=_whole, parse_float=_real)
    except (json.JSONDecodeError, UnicodeDecodeError, RecursionError) as error:
        place = f" at character {error.pos}" if isinstance(error, json.JSONDecodeError) else ""
        raise NotJsonError(f"the body is not a JSON object in UTF-8{place}") from error
    if not isinstance(value, dict):
        raise InvalidRequestError(f"the body is a JSON {_json_type(value)}; allowed is an object")
    if len(value) > MOST_KEYS:
        raise InvalidRequestError(f"the body has {len(value)} keys; allowed are at most {MOST_KEYS}")
    return value


def too_many_rows(count: int, limit: int) -> InvalidRequestError:
    """Return the refusal of too many rows."""
    return InvalidRequestError(f"inputs has {count} rows; allowed are at most {limit}", "/inputs")


def numbers_from_json(value: object, max_rows: int | None = None, at: str = "/inputs") -> NDArray[Any]:
    """Return nested JSON lists of numbers as an array of their shape; of sequences that differ in length, of objects.

    Args:
        value: The lists.
        max_rows: Limit on the items of the outermost list; ``None`` if there is none.
        at: JSON pointer to the lists.

    Raises:
        CredenceError: pointing to the first item that is no number, or the first list unlike the others.
    """
    if not isinstance(value, list):
        raise InputShapeError("inputs is not a list; allowed is a list of rows", at)
    if max_rows is not None and len(value) > max_rows:
        raise too_many_rows(len(value), max_rows)
    if not _holds_numbers(value):  # before NumPy sees them: it would make an array of texts as wide as the longest
        raise find_fault(value, at) or InputShapeError("the rows of inputs differ in shape", at)
    try:
        return np.asarray(value, np.float64)
    except OverflowError as error:
        raise InputShapeError(
            "inputs holds a number of more than 64 bits; allowed are numbers of 64 bits", at
        ) from error
    except ValueError as error:  # ragged
        if fault := find_fault(value, at):
            raise fault from error
        return _sequences(value)


def _sequences(value: list[list[Any]]) -> NDArray[Any]:
    """Return sequences of different lengths as one array each."""
    rows = np.empty(len(value), object)
    rows[:] = [np.asarray(row, np.float64) for row in value]
    return rows


def _holds_numbers(value: list[Any]) -> bool:
    """Return ``True`` if every innermost list holds numbers and nothing else."""
    lists = [value]
    while lists:
        kinds = set(map(type, items := lists.pop()))
        if kinds == {list}:
            lists.extend(items)
        elif not kinds <= {int, float}:
            return False
    return True


def as_float32(array: NDArray[Any]) -> Float32Array:
    """Return an array of numbers as float32, the element type of all models."""
    if array.dtype.kind not in "iuf":
        raise InputShapeError("inputs holds something that is not a number of 64 bits; allowed are numbers")
    with np.errstate(over="ignore"):  # an overflow becomes infinite, which the check of the values refuses
        return array.astype(np.float32)


def check_characters(body: bytes) -> None:
    """Raise if a text holds half a character, which no answer, log or database could write."""
    whole = _WHOLE_CHARACTERS.match(body) if _SURROGATE.search(body) else None
    if whole is not None and body[whole.end() : whole.end() + 2] == b"\\u":
        raise InvalidRequestError(
            f"the body holds half a character (a lone surrogate) at byte {whole.end()}; allowed are both halves, as in"
            ' "\\ud83d\\ude00"'
        )


# Functions of Python's own, as these are, give its lock free now and then.
def _whole(digits: str) -> int:
    if len(digits) > _MOST_DIGITS:
        raise InvalidRequestError(f"the body holds a whole number of {len(digits)} digits; allowed are 64 bits")
    return int(digits)


def _real(text: str) -> float:
    return float(text)


def _without_repeats(pairs: list[tuple[Hashable, Any]]) -> dict[Any, Any]:
    result = dict(pairs)
    if len(result) != len(pairs):
        raise InvalidRequestError("an object in the body has the same key twice; leave one out")
    return result


def _json_type(value: object) -> str:
    names = {list: "array", str: "string", bool: "boolean", int: "number", float: "number"}
    return names.get(type(value), "null")
