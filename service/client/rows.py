"""Rows as a caller has them, and any part of them as the body of a request."""

from __future__ import annotations

import datetime
import io
import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from service.client.requests import CSV, JSON, NPY, NPZ, npy, npz

Records = Sequence[Mapping[str, Any]] | Sequence[Sequence[Mapping[str, Any]]]
RowsLike = ArrayLike | Records | Mapping[str, Sequence[Any] | NDArray[Any]]
"""Arrays by position; or by column name: records, columns, a frame of pandas, polars or Arrow; or lists of these for
sequences. Of a model of several inputs, an array of all rows for each by its name, or records."""

_INDEX = re.compile(r"__index_level_\d+__")
"""Name under which pandas hands over an index that has none."""


@dataclass(frozen=True)
class Rows:
    """Rows that can be sent in parts.

    Attributes:
        count: Number of rows.
        media: Content-Type of a body.
        body: Function that returns the body for the rows from one number up to another.
        array_bytes: Bytes of all rows of an array; 0 where they are not known.
    """

    count: int
    media: str
    body: Callable[[int, int], bytes]
    array_bytes: int = 0

    def fitting(self, start: int, stop: int, most_bytes: float) -> tuple[int, bytes]:
        """Return the end and the body of a part that is no longer than so many bytes, if one row is not.

        Args:
            start: Number of the first row.
            stop: Largest end of the part.
            most_bytes: Limit on the body.
        """
        body = self.body(start, stop)
        while len(body) > most_bytes and stop - start > 1:
            stop = start + (stop - start) // 2
            body = self.body(start, stop)
        return stop, body


def as_rows(inputs: RowsLike) -> Rows:
    """Return what a caller has as rows: by position if it is an array, else by column name.

    Raises:
        ValueError: if it has neither numbers alone nor names for its columns.
    """
    if isinstance(inputs, Mapping):
        return _of_arrays(inputs) if any(map(_is_of_rows, inputs.values())) else _of_columns(inputs)
    if hasattr(inputs, "collect"):
        raise ValueError(f"a {type(inputs).__name__} has no rows yet; send what its collect() returns")
    if _is_frame(inputs):
        table = _table(inputs)
        return Rows(len(table), JSON, lambda start, stop: _json(table.slice(start, stop - start).to_pylist()))
    if isinstance(inputs, Sequence) and len(inputs) and all(map(_is_frame, inputs)):
        return _in_json([_table(frame).to_pylist() for frame in inputs])
    if isinstance(inputs, Sequence) and _is_named(inputs):
        return _in_json(inputs)
    try:
        array = np.asarray(inputs)
    except ValueError:  # sequences of different lengths
        return _in_json([np.asarray(row).tolist() for row in inputs])  # type: ignore[union-attr]
    if array.dtype.kind in "OUS":
        array = _as_numbers(array)
    if array.dtype.names:
        return _of_columns({name: array[name] for name in array.dtype.names})
    return Rows(
        len(array) if array.ndim else 0,
        NPY,
        lambda start, stop: npy(array[start:stop] if array.ndim else array),
        array.nbytes,
    )


def _is_of_rows(values: Any) -> bool:
    """Return whether values are an array in which a row has several."""
    return isinstance(values, np.ndarray) and values.ndim > 1


def _of_arrays(inputs: Mapping[str, Any]) -> Rows:
    """Return the inputs of a model that takes several, each an array of all rows."""
    arrays = {name: np.asarray(values) for name, values in inputs.items()}
    if strange := [name for name, array in arrays.items() if array.dtype.kind not in "iuf"]:
        raise ValueError(f"{', '.join(strange)}: an array of numbers; send records if an input has texts or names")
    counts = {name: len(array) if array.ndim else 0 for name, array in arrays.items()}
    if len(set(counts.values())) > 1:
        given = ", ".join(f"{name} {count}" for name, count in counts.items())
        raise ValueError(f"the inputs have as many rows each; given are {given}")

    def body(start: int, stop: int) -> bytes:
        return npz(**{name: array[start:stop] for name, array in arrays.items()})

    count = next(iter(counts.values()))
    return Rows(count, NPZ, body, sum(array.nbytes for array in arrays.values()))


def as_outputs(arrays: Mapping[str, ArrayLike]) -> Rows:
    """Return outputs of a model by their names as rows; draws, if there are any, come before the rows.

    Raises:
        ValueError: if there are none, or as many rows are not in each.
    """
    found = {name: np.asarray(array) for name, array in arrays.items()}
    axes = {name: 1 if array.ndim == 3 else 0 for name, array in found.items()}
    counts = {name: array.shape[axes[name]] if array.ndim else 0 for name, array in found.items()}
    if len(set(counts.values())) != 1:
        given = ", ".join(f"{name} {count}" for name, count in counts.items()) or "nothing"
        raise ValueError(f"outputs have as many rows each; given are {given}")

    def body(start: int, stop: int) -> bytes:
        parts = {name: array[:, start:stop] if axes[name] else array[start:stop] for name, array in found.items()}
        return npz(**parts)

    return Rows(next(iter(counts.values())), NPZ, body)


def json_of(**rows: RowsLike) -> bytes:
    """Return rows of several kinds as one body of JSON, under their names."""
    return json.dumps({name: _as_lists(of_name) for name, of_name in rows.items()}, default=_plain).encode()


def as_csv(table: Any) -> Rows:
    """Return the rows of an Arrow table of texts as CSV, which leaves it to the service to find numbers in them."""
    from pyarrow import csv

    def body(start: int, stop: int) -> bytes:
        file = io.BytesIO()
        csv.write_csv(table.slice(start, stop - start), file)
        return file.getvalue()

    return Rows(len(table), CSV, body)


def _as_numbers(array: NDArray[Any]) -> NDArray[Any]:
    try:
        return array.astype(np.float64)
    except (ValueError, TypeError) as error:
        raise ValueError(
            f"an array holds numbers alone ({error}); send rows with texts or dates by column name, as a frame or"
            " records"
        ) from error


def without_index(table: Any) -> Any:
    """Return an Arrow table without an index of pandas that has no name."""
    return table.select([name for name in table.column_names if not _INDEX.fullmatch(name)])


def _is_named(inputs: Any) -> bool:
    while isinstance(inputs, Sequence) and not isinstance(inputs, str) and len(inputs):
        inputs = inputs[0]
    return isinstance(inputs, Mapping)


def _as_lists(inputs: RowsLike) -> Any:
    rows = as_rows(inputs)
    if rows.media == JSON:
        return json.loads(rows.body(0, rows.count))["inputs"]
    if isinstance(inputs, Mapping):
        return {name: np.asarray(values).tolist() for name, values in inputs.items()}
    return np.asarray(inputs).tolist()


def _of_columns(columns: Mapping[str, Any]) -> Rows:
    """Return columns as rows; the service refuses those that differ in length."""
    cells = {name: _cells(column) for name, column in columns.items()}
    lengths = {len(column) for column in cells.values()}
    if len(lengths) > 1:
        raise ValueError(f"the columns have {' and '.join(map(str, sorted(lengths)))} cells; give each as many")
    records = [dict(zip(cells, row, strict=True)) for row in zip(*cells.values(), strict=True)]
    return _in_json(records)


def _is_frame(inputs: Any) -> bool:
    return hasattr(inputs, "__arrow_c_stream__")


def _table(frame: Any) -> Any:
    """Return a frame that speaks Arrow as a table of Arrow."""
    import pyarrow  # only those who have a frame pay for it

    try:
        return without_index(pyarrow.table(frame))
    except (pyarrow.ArrowException, TypeError) as error:
        raise ValueError(f"a {type(frame).__name__} has no named columns of plain values; send a frame") from error


def _in_json(rows: Sequence[Any]) -> Rows:
    return Rows(len(rows), JSON, lambda start, stop: _json(rows[start:stop]))


def _json(rows: Sequence[Any]) -> bytes:
    return json.dumps({"inputs": rows}, default=_plain).encode()


def _cells(column: Iterable[Any]) -> list[Any]:
    array: NDArray[Any] | None = column if isinstance(column, np.ndarray) else None
    if array is not None and array.dtype.kind == "M":  # whose list would be whole numbers of nanoseconds
        return [None if np.isnat(moment) else str(moment) for moment in array.astype("datetime64[s]")]
    return array.tolist() if array is not None else list(column)


def _plain(value: Any) -> Any:
    """Return a value that JSON does not have as one that it has: dates as ISO 8601, numbers of NumPy as numbers."""
    if isinstance(value, datetime.date):
        return value.isoformat()
    if isinstance(value, Decimal):
        return float(value)
    if isinstance(value, np.generic | np.ndarray):
        return value.tolist()
    raise TypeError(f"a cell holds a {type(value).__name__}; allowed are numbers, texts, dates and None")
