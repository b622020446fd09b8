"""Request bodies as bytes, JSON and arrays, within limits that are checked before the work is done."""

from __future__ import annotations

import json
import re
from collections.abc import Hashable, Sized
from typing import Any

import numpy as np
from numpy.typing import NDArray
from starlette.requests import ClientDisconnect, Request

from models.errors import InputShapeError
from service.errors import ClientLeft, InvalidRequestError, NotJsonError, TooLargeError, UnsupportedTypeError

Float32Array = NDArray[np.float32]

# Possessive quantifiers never backtrack, and a string without an end reaches to the end of the body, so that none of
# its quotes begins another: the time is linear in the body.
_STRING = re.compile(rb'"(?:[^"\\]++|\\.)*+(?:"|\\?\Z)', re.DOTALL)
MOST_KEYS = 64
"""Most keys of a body, and of its codes: more than any model has options or controls."""

_MOST_LISTS = 100_000
"""Most lists and objects in a body: more than a batch of images has lines, and few enough to be made in a moment."""


async def read_body(request: Request, max_bytes: int) -> bytes:
    """Return the whole body.

    Raises:
        TooLargeError: as soon as it is known to be longer than ``max_bytes``.
        ClientLeft: if the connection ends before the body does.
    """
    stated = request.headers.get("content-length", "0")
    if stated.isdecimal() and int(stated[:20]) > max_bytes:
        raise _too_large(max_bytes)
    if request.headers.get("content-encoding", "identity").lower() != "identity":
        raise UnsupportedTypeError("a compressed body is not supported; leave Content-Encoding out")
    body = bytearray()
    try:
        async for chunk in request.stream():
            body += chunk
            if len(body) > max_bytes:
                raise _too_large(max_bytes)
    except ClientDisconnect as error:
        raise ClientLeft from error
    return bytes(body)


def parse_json(body: bytes, max_depth: int) -> dict[str, Any]:
    """Return the JSON object that a body holds.

    ``NaN`` and ``Infinity``, which Python's own encoder writes, are read: the check of the values explains them better
    than a syntax error would.

    Raises:
        NotJsonError: if it is not JSON in UTF-8.
        InvalidRequestError: if it nests too deep, has too many lists, repeats a key or is not an object.
    """
    _check_depth(body, max_depth)
    try:
        value = json.loads(body.decode(), object_pairs_hook=_without_repeats)
    except (json.JSONDecodeError, UnicodeDecodeError, RecursionError) as error:
        place = f" at character {error.pos}" if isinstance(error, json.JSONDecodeError) else ""
        raise NotJsonError(f"the body is not a JSON object in UTF-8{place}") from error
    except ValueError as error:
        raise InvalidRequestError(
            "the body holds a whole number of thousands of digits; allowed are 64 bits"
        ) from error
    if not isinstance(value, dict):
        raise InvalidRequestError(f"the body is a JSON {_json_type(value)}; allowed is an object")
    if len(value) > MOST_KEYS:
        raise InvalidRequestError(f"the body has {len(value)} keys; allowed are at most {MOST_KEYS}")
    return value


def rows_from_json(value: object, max_rows: int) -> Float32Array:
    """Return nested JSON lists of numbers as an array ``(rows, ...)``, refusing too many rows."""
    if not isinstance(value, list):
        raise InputShapeError("inputs is not a list; allowed is a list of rows")
    check_count(value, max_rows)
    return numbers_from_json(value)


def check_count(rows: Sized, max_rows: int) -> None:
    """Raise if there are too many rows."""
    if len(rows) > max_rows:
        raise InvalidRequestError(f"inputs has {len(rows)} rows; allowed are at most {max_rows}", "/inputs")


def numbers_from_json(value: list[Any]) -> Float32Array:
    """Return nested JSON lists as an array of their shape; all leaves must be numbers and lie equally deep."""
    _check_numbers(value)  # before NumPy sees them: it would make an array of texts as wide as the longest
    try:
        array = np.asarray(value, np.float64)
    except OverflowError as error:
        raise InputShapeError("inputs holds a number of more than 64 bits; allowed are numbers of 64 bits") from error
    except ValueError as error:  # ragged
        raise InputShapeError("the rows of inputs differ in shape; allowed are rows of one shape") from error
    return as_float32(array)


def _too_large(max_bytes: int) -> TooLargeError:
    return TooLargeError(f"the body is too long; allowed are at most {max_bytes} bytes")


def _check_numbers(value: list[Any]) -> None:
    """Raise unless every innermost list holds numbers and nothing else."""
    lists = [value]
    while lists:
        kinds = set(map(type, items := lists.pop()))
        if kinds == {list}:
            lists.extend(items)
        elif not kinds <= {int, float}:
            raise InputShapeError("inputs holds something that is not a number, or rows of unequal depth")


def as_float32(array: NDArray[Any]) -> Float32Array:
    """Return an array of numbers as float32, the element type of all models."""
    if array.dtype.kind not in "iuf":
        raise InputShapeError("inputs holds something that is not a number of 64 bits; allowed are numbers")
    with np.errstate(over="ignore"):  # an overflow becomes infinite, which the check of the values refuses
        return array.astype(np.float32)


def _check_depth(body: bytes, max_depth: int) -> None:
    """Raise if the brackets outside strings are too many or nest too deep; nothing is parsed for it."""
    characters = np.frombuffer(_STRING.sub(b"", body), np.uint8)
    opening = (characters == ord("[")) | (characters == ord("{"))
    closing = (characters == ord("]")) | (characters == ord("}"))
    if opening.sum() > _MOST_LISTS:
        raise InvalidRequestError(f"the body has too many lists and objects; allowed are at most {_MOST_LISTS}")
    if np.cumsum(opening.astype(np.int8) - closing.astype(np.int8), dtype=np.int32).max(initial=0) > max_depth:
        raise InvalidRequestError(f"the body is nested too deep; allowed are at most {max_depth} levels")


def _without_repeats(pairs: list[tuple[Hashable, Any]]) -> dict[Any, Any]:
    result = dict(pairs)
    if len(result) != len(pairs):
        raise InvalidRequestError("an object in the body has the same key twice; leave one out")
    return result


def _json_type(value: object) -> str:
    names = {list: "array", str: "string", bool: "boolean", int: "number", float: "number"}
    return names.get(type(value), "null")
