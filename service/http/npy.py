"""Bodies in NumPy's .npy format as arrays, read without trust in their headers."""

from __future__ import annotations

import io
import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from service.errors import InvalidRequestError
from service.http.request_body import Float32Array, as_float32

_MOST_AXES = 8


def rows_from_npy(body: bytes) -> Float32Array:
    """Return the array in an .npy file as float32; see :func:`array_from_npy`."""
    return as_float32(array_from_npy(body))


def array_from_npy(body: bytes) -> NDArray[Any]:
    """Return the array in an .npy file, of its shape; nothing is unpickled, and no memory beyond the body is taken.

    Raises:
        InvalidRequestError: if it is not one array of numbers, or shorter or longer than its header says.
    """
    try:
        shape, fortran, dtype, data = _parts(body)
    except Exception as error:  # NumPy reads the header with Python's own parser, which fails in many ways
        raise InvalidRequestError("the body is not an .npy file of version 1 or 2") from error
    if len(shape) > _MOST_AXES or any(type(side) is not int or not 0 <= side < 2**31 for side in shape):
        raise InvalidRequestError(
            f"the array's shape is not allowed; allowed are at most {_MOST_AXES} axes, none negative"
        )
    if dtype.hasobject or dtype.kind not in "iuf":
        raise InvalidRequestError("the array's elements are not allowed; allowed are integers and floats")
    if math.prod(shape) * dtype.itemsize != len(data):
        raise InvalidRequestError("the .npy file does not have as many bytes as its header says; was it cut off?")
    return np.frombuffer(data, dtype).reshape(shape, order="F" if fortran else "C")


def _parts(body: bytes) -> tuple[tuple[int, ...], bool, np.dtype[Any], bytes]:
    """Return shape, order (true for Fortran's), element type and the bytes after the header."""
    file = io.BytesIO(body)
    version = np.lib.format.read_magic(file)
    read_header = {
        (1, 0): np.lib.format.read_array_header_1_0,
        (2, 0): np.lib.format.read_array_header_2_0,
    }[version]
    shape, fortran, dtype = read_header(file)
    return shape, fortran, dtype, body[file.tell() :]
