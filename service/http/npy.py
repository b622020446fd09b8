"""Bodies in NumPy's .npy format as arrays, read without trust in their headers."""

from __future__ import annotations

import math
import re
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.errors import InputShapeError
from service.errors import InvalidRequestError
from service.http.request_body import Float32Array, as_float32

_MOST_AXES = 8
_BEGINS = {b"\x93NUMPY\x01": 10, b"\x93NUMPY\x02": 12, b"\x93NUMPY\x03": 12}
"""Where the header begins, by the file's first bytes; its length stands before it."""
_LONGEST_HEADER = 4096
_DTYPE = rb"""['"](?P<descr>[<>|=][a-zA-Z][0-9]{0,4})['"]"""
_SHAPE = rb"\((?P<shape>(?:\s*[0-9]{1,20}L?\s*(?:,|(?=\))))*+)\s*\)"
_NUMBER = re.compile(rb"[0-9]+")
_ENTRY = re.compile(
    rb"""\s*['"](?:descr['"]\s*:\s*%s|fortran_order['"]\s*:\s*(?P<fortran>True|False)|shape['"]\s*:\s*%s)\s*(?:,|(?=\}))"""
    % (_DTYPE, _SHAPE)
)
"""An entry of a header. NumPy reads it with Python's own parser, which takes seconds for a deep one."""


def rows_from_npy(body: bytes) -> Float32Array:
    """Return the array in an .npy file as float32; see :func:`array_from_npy`.

    Raises:
        InputShapeError: if it has no axis of rows.
    """
    array = array_from_npy(body)
    if not array.ndim:
        raise InputShapeError("the .npy file holds one number; allowed are rows, (rows, ...)")
    return as_float32(array)


def array_from_npy(body: bytes) -> NDArray[Any]:
    """Return the array in an .npy file, of its shape; nothing is unpickled, and no memory beyond the body is taken.

    Raises:
        InvalidRequestError: if it is not one array of numbers, or shorter or longer than its header says.
    """
    shape, fortran, dtype, data = _parts(body)
    if len(shape) > _MOST_AXES or math.prod(max(side, 1) for side in shape) >= 2**40:
        raise InvalidRequestError(
            f"the array's shape is not allowed; allowed are at most {_MOST_AXES} axes, and what a body holds"
        )
    if dtype.kind not in "iuf":
        raise InvalidRequestError("the array's elements are not allowed; allowed are integers and floats")
    if math.prod(shape) * dtype.itemsize != len(data):
        raise InvalidRequestError("the .npy file does not have as many bytes as its header says; was it cut off?")
    return np.frombuffer(data, dtype).reshape(shape, order="F" if fortran else "C")


def _parts(body: bytes) -> tuple[tuple[int, ...], bool, np.dtype[Any], bytes]:
    """Return shape, order (true for Fortran's), element type and the bytes after the header.

    Raises:
        InvalidRequestError: if the header is not that of an array of numbers.
    """
    begin = _BEGINS.get(body[:7], 0)
    end = begin + int.from_bytes(body[8:begin], "little")
    entries = _entries(body[begin : min(end, begin + _LONGEST_HEADER)].strip())
    try:
        dtype = np.dtype(entries["descr"].decode())
    except (TypeError, KeyError) as error:
        raise InvalidRequestError("the body is not an .npy file of numbers, as numpy.save writes it") from error
    return tuple(map(int, _NUMBER.findall(entries["shape"]))), entries["fortran"] == b"True", dtype, body[end:]


def _entries(header: bytes) -> dict[str, bytes]:
    """Return the three entries of a header; none if it is anything else."""
    entries: dict[str, bytes] = {}
    place, count = 1, 0
    while entry := _ENTRY.match(header, place):
        entries |= {name: value for name, value in entry.groupdict().items() if value is not None}
        place, count = entry.end(), count + 1
    is_whole = header.startswith(b"{") and header[place:].strip() == b"}"
    return entries if is_whole and count == len(entries) == 3 else {}
