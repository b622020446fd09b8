"""Tensors of requests under the Open Inference Protocol: one of all numbers, or one for each column or input."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import msgspec
import numpy as np
from numpy.typing import NDArray

from service.errors import InvalidRequestError
from service.handlers.open_inference_parameters import check_content_type, check_names
from service.http import request_body
from service.http.named_arrays import NamedArrays, of_equal_rows
from service.http.named_rows import NamedRows, from_columns

HEADER_LENGTH = "Inference-Header-Content-Length"
"""Header with the length of the JSON part of a body that has bytes after it."""
NUMBERS = {
    "FP16": "<f2",
    "FP32": "<f4",
    "FP64": "<f8",
    "INT8": "<i1",
    "INT16": "<i2",
    "INT32": "<i4",
    "INT64": "<i8",
    "UINT8": "<u1",
    "UINT16": "<u2",
    "UINT32": "<u4",
    "UINT64": "<u8",
}
"""Datatypes of numbers, as NumPy names them."""
_MOST_AXES = 8
T = TypeVar("T")


class Tensor(msgspec.Struct):
    """Tensor of a request: numbers in row-major order, or as bytes behind the JSON."""

    name: str
    shape: list[int]
    datatype: str
    parameters: dict[str, Any] = {}
    data: list[Any] | None = None


def read_inputs(tensors: Sequence[Tensor], rest: bytes, max_rows: int) -> NamedArrays:
    """Return the tensors of a request to a model that takes several, ``(rows, ...)`` each.

    Args:
        tensors: The tensors.
        rest: Bytes behind the JSON.
        max_rows: Limit on the rows.

    Raises:
        CredenceError: pointing to the tensor that cannot be read.
    """
    arrays = _read_each(tensors, rest, read_numbers, "input")
    places = {name: f"/inputs/{i}/data" for i, name in enumerate(arrays)}
    return of_equal_rows(arrays, max_rows, lambda row, name: f"{places[name]}/{row}" if name in places else "/inputs")


def read_numbers(tensor: Tensor, rest: bytes, at: str = "/inputs/0") -> NDArray[Any]:
    """Return the numbers of a tensor of a request, in its shape.

    Args:
        tensor: The tensor.
        rest: Bytes behind the JSON.
        at: JSON pointer of the tensor.

    Raises:
        CredenceError: saying what is wrong and what is allowed.
    """
    dtype = NUMBERS.get(tensor.datatype)
    if dtype is None:
        raise InvalidRequestError(f"the datatype is not allowed; allowed are: {', '.join(NUMBERS)}", f"{at}/datatype")
    if not 1 <= len(tensor.shape) <= _MOST_AXES or not all(0 <= side < 2**31 for side in tensor.shape):
        raise InvalidRequestError(f"the shape is not allowed; allowed are 1 to {_MOST_AXES} sides", f"{at}/shape")
    check_names(tensor.parameters, ("binary_data_size", "content_type"), f"{at}/parameters")
    check_content_type(tensor.parameters, f"{at}/parameters")
    size = tensor.parameters.get("binary_data_size")
    if (size is None) == (tensor.data is None):
        raise InvalidRequestError("a tensor has either data or binary_data_size", at)
    if tensor.data is not None:
        _check_all_read(rest)
        values: NDArray[Any] = request_body.numbers_from_json(tensor.data, at=f"{at}/data")
        if values.dtype == object:
            raise InvalidRequestError("the lists in data differ in length; allowed are rows of one", f"{at}/data")
        if not _fits(tensor.data, np.dtype(dtype)):
            raise InvalidRequestError(
                f"data holds a number that is no {tensor.datatype}; allowed are whole numbers of its range",
                f"{at}/data",
            )
    else:
        if type(size) is not int or size != len(rest) or size != math.prod(tensor.shape) * np.dtype(dtype).itemsize:
            raise InvalidRequestError(
                "binary_data_size is not allowed; allowed is what shape and datatype take, and as many bytes after the "
                f"JSON, whose length the header {HEADER_LENGTH} tells",
                f"{at}/parameters/binary_data_size",
            )
        values = request_body.as_float32(np.frombuffer(rest, dtype))
    if values.size != math.prod(tensor.shape):
        raise InvalidRequestError("data does not have as many numbers as shape says", f"{at}/data")
    return values.reshape(tensor.shape)


def read_columns(tensors: Sequence[Tensor], rest: bytes, max_rows: int) -> NamedRows:
    """Return the rows of tensors of a column each, ``(rows,)`` or ``(rows, 1)``: numbers, BOOL, or BYTES for texts.

    Args:
        tensors: The tensors.
        rest: Bytes behind the JSON.
        max_rows: Limit on the rows.

    Raises:
        InvalidRequestError: pointing to the tensor that cannot be read.
    """
    columns = _read_each(tensors, rest, _cells, "column")
    places = {name: f"/inputs/{i}" for i, name in enumerate(columns)}
    return from_columns(columns, max_rows, lambda name: f"{places[name]}/data" if name in places else "/inputs")


def _read_each(
    tensors: Sequence[Tensor], rest: bytes, read: Callable[[Tensor, bytes, str], T], what: str
) -> dict[str, T]:
    """Return what is read of each tensor and its own bytes, by its name, which says what it is."""
    found: dict[str, T] = {}
    for i, tensor in enumerate(tensors):
        at = f"/inputs/{i}"
        if tensor.name in found:
            raise InvalidRequestError(f"a tensor has the name of another; send each {what} once", f"{at}/name")
        raw, rest = _own_bytes(tensor, rest, at)
        found[tensor.name] = read(tensor, raw, at)
    _check_all_read(rest)
    return found


def _own_bytes(tensor: Tensor, rest: bytes, at: str) -> tuple[bytes, bytes]:
    """Return the bytes of a tensor, and those after them."""
    size = tensor.parameters.get("binary_data_size", 0)
    if type(size) is not int or not 0 <= size <= len(rest):
        raise InvalidRequestError("binary_data_size is not allowed", f"{at}/parameters/binary_data_size")
    return rest[:size], rest[size:]


def _check_all_read(rest: bytes) -> None:
    if rest:
        raise InvalidRequestError("the body has bytes after its JSON that no tensor is made of")


def _cells(tensor: Tensor, raw: bytes, at: str) -> list[object]:
    check_names(tensor.parameters, ("binary_data_size", "content_type"), f"{at}/parameters")
    check_content_type(tensor.parameters, f"{at}/parameters")
    if tensor.datatype not in (*NUMBERS, "BOOL", "BYTES"):
        allowed = ", ".join([*NUMBERS, "BOOL", "BYTES"])
        raise InvalidRequestError(f"the datatype is not allowed; allowed are: {allowed}", f"{at}/datatype")
    if ("binary_data_size" in tensor.parameters) == (tensor.data is not None):
        raise InvalidRequestError("a tensor has either data or binary_data_size", at)
    cells = _cells_of_bytes(tensor.datatype, raw, at) if tensor.data is None else _flat(tensor.data)
    if tensor.shape not in ([len(cells)], [len(cells), 1]):
        detail = f"the tensor has {len(cells)} values; allowed as the shape of a column are [rows] and [rows, 1]"
        raise InvalidRequestError(detail, f"{at}/shape")
    return cells


def _flat(data: list[Any]) -> list[object]:
    """Return values one a row; those of the shape ``(rows, 1)`` may stand in lists of their own."""
    return [value[0] if isinstance(value, list) and len(value) == 1 else value for value in data]


def _cells_of_bytes(datatype: str, raw: bytes, at: str) -> list[object]:
    if datatype == "BYTES":
        return _texts(raw, at)
    dtype = np.dtype(np.bool_ if datatype == "BOOL" else NUMBERS[datatype])
    if len(raw) % dtype.itemsize:
        detail = f"binary_data_size is no multiple of the {dtype.itemsize} bytes of a {datatype}"
        raise InvalidRequestError(detail, f"{at}/parameters/binary_data_size")
    cells: list[object] = np.frombuffer(raw, dtype).tolist()
    return cells


def _texts(raw: bytes, at: str) -> list[object]:
    """Return texts that stand each behind its length, as Triton's clients write them."""
    texts: list[object] = []
    start = 0
    while start < len(raw):
        stop = start + 4 + int.from_bytes(raw[start : start + 4], "little")
        try:
            texts.append(raw[start + 4 : stop].decode())
        except UnicodeDecodeError as error:
            raise InvalidRequestError(f"text {len(texts)} is not UTF-8; allowed are texts in UTF-8", at) from error
        if stop > len(raw):
            raise InvalidRequestError(f"text {len(texts) - 1} ends after the bytes of its tensor", at)
        start = stop
    return texts


def _fits(data: list[Any], dtype: np.dtype[Any]) -> bool:
    """Return ``True`` unless the type is one of whole numbers and a number is not; their own types keep every digit."""
    if dtype.kind == "f":
        return True
    given, limits = np.asarray(data), np.iinfo(dtype)
    with np.errstate(invalid="ignore"):  # infinity has no remainder
        return bool(((given % 1 == 0) & (given >= limits.min) & (given <= limits.max)).all())
