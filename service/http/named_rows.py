"""Rows by column name in raw values, as yet unchecked: JSON records, JSON columns and CSV.

Nothing here knows what a model takes.
"""

from __future__ import annotations

import csv
import io
import itertools
import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from models.columns import show
from service.errors import InvalidRequestError
from service.http.request_body import too_many_rows

ABSENT: Final = object()
"""Cell of a record that does not have the column."""

_DELIMITERS = ",;\t"
_DECLARED = re.compile(r'"?sep=(.)"?[ \t,;]*(?:\r\n|\r|\n)', re.IGNORECASE)
"""First line in which Excel is told the delimiter."""
_MOST_CELLS = 1_000_000
"""Most cells of the table that records are spread into: more than a body of full records has."""
_LONGEST_NAME = 200
_MOST_LINES = 100_000
"""Most lines of CSV, those within quotes too: more than rows are allowed."""
_LONGEST_LINE = 700_000
"""Bytes of a line of CSV: more than a table's columns take, and few enough to be split in a moment."""


@dataclass(frozen=True)
class NamedRows:
    """Rows of a table by column name.

    Attributes:
        columns: Cells of each column, a cell a row; :data:`ABSENT` where a record lacks it.
        count: Number of rows; of sequences, of all their steps.
        row_pointer: Function that returns the JSON pointer of a row.
        cell_pointer: Function that returns the JSON pointer of the cell of a row and a column.
        are_texts: ``True`` if numbers are written as texts, as in CSV.
        steps: Number of steps of each sequence; ``None`` if a row is no sequence.
    """

    columns: Mapping[str, Sequence[object]]
    count: int
    row_pointer: Callable[[int], str]
    cell_pointer: Callable[[int, str], str]
    are_texts: bool = False
    steps: Sequence[int] | None = None


def rows_from_json(value: object, max_rows: int, at: str = "/inputs") -> NamedRows:
    """Return the rows in records, lists of records (sequences), or an object of columns.

    Args:
        value: Parsed JSON.
        max_rows: Limit on the rows.
        at: JSON pointer to it.

    Raises:
        InvalidRequestError: pointing to what is no record, or to a column that is longer or shorter than the first.
    """
    if isinstance(value, dict):
        return from_columns(value, max_rows, lambda name: f"{at}/{escape(name)}")
    assert isinstance(value, list)  # of objects, or of lists of them
    if len(value) > max_rows:
        raise too_many_rows(len(value), max_rows)
    return from_records(value, [f"{at}/{i}" for i in range(len(value))])


def from_records(rows: list[Any], places: Sequence[str]) -> NamedRows:
    """Return the rows of records, or of lists of records that are sequences.

    Args:
        rows: A record or a list of them for each row, at least one.
        places: JSON pointer of each row.

    Raises:
        InvalidRequestError: pointing to what is neither.
    """
    if not isinstance(rows[0], list):
        return _spread(rows, places)
    for sequence, place in zip(rows, places, strict=True):
        if not isinstance(sequence, list) or not sequence:
            detail = f"what is at {place} is no list of records, a record a step; allowed are such lists"
            raise InvalidRequestError(detail, place)
    steps = [len(sequence) for sequence in rows]
    of_steps = [f"{place}/{step}" for place, count in zip(places, steps, strict=True) for step in range(count)]
    return _spread([record for sequence in rows for record in sequence], of_steps, steps)


def from_columns(
    columns: Mapping[str, object], max_rows: int, pointer: Callable[[str], str], root: str = "/inputs"
) -> NamedRows:
    """Return the rows of an object of columns, each a list of its cells.

    Args:
        columns: The columns by name.
        max_rows: Limit on the rows.
        pointer: Function that returns the JSON pointer of a column.
        root: JSON pointer to all columns.

    Raises:
        InvalidRequestError: for a column that is no list, or not as long as the first.
    """
    cells: dict[str, list[object]] = {}
    for name, column in columns.items():
        if not isinstance(column, list):
            detail = f"the column {show(name)} is no list; allowed is a list of cells, or a list of records, one a row"
            raise InvalidRequestError(detail, pointer(name))
        cells[name] = column
        count = len(next(iter(cells.values())))
        if len(column) != count:
            first = show(next(iter(cells)))
            detail = f"the column {show(name)} has {len(column)} cells, and {first} has {count}; allowed is one length"
            raise InvalidRequestError(detail, pointer(name))
    count = len(next(iter(cells.values()))) if cells else 0
    _check_count(count, max_rows)
    return NamedRows(
        cells, count, lambda row: root, lambda row, name: f"{pointer(name)}/{row}" if name in cells else pointer(name)
    )


def rows_from_csv(body: bytes, max_rows: int) -> NamedRows:
    """Return the rows of a CSV file with a header, in UTF-8, delimited by commas, semicolons or tabs.

    Raises:
        InvalidRequestError: naming the line that cannot be read.
    """
    ((_, header), *rows), more = _csv_lines(body, max_rows)
    (most, times), *_ = Counter(header).most_common(1) or [("", 0)]
    if times > 1:
        raise InvalidRequestError(f"the header has {show(most)} {times} times; name every column once", "/inputs")
    for line, cells in rows:
        if len(cells) != len(header):
            detail = f"line {line} has {len(cells)} cells; allowed are {len(header)}, as the header has names"
            raise InvalidRequestError(detail, "/inputs")
    _check_count(len(rows) + more, max_rows)
    columns = {name: [cells[i] for _, cells in rows] for i, name in enumerate(header)}
    return NamedRows(columns, len(rows), _row, lambda row, name: f"/inputs/{row}/{escape(name)}", are_texts=True)


def escape(name: str) -> str:
    """Return a name as a part of a JSON pointer (RFC 6901), and not all of a very long one."""
    short = name[:_LONGEST_NAME].encode(errors="replace").decode()  # JSON can hold half a character
    return short.replace("~", "~0").replace("/", "~1")


def _spread(records: list[object], places: Sequence[str], steps: list[int] | None = None) -> NamedRows:
    columns: dict[str, list[object]] = {}
    for i, record in enumerate(records):
        if not isinstance(record, dict):
            detail = f"what is at {places[i]} is no object, as the first row is; allowed are objects alone"
            raise InvalidRequestError(detail, places[i])
        for name, cell in record.items():
            if name not in columns:
                columns[name] = [ABSENT] * len(records)
            columns[name][i] = cell
        if len(columns) * len(records) > _MOST_CELLS:
            raise InvalidRequestError("the rows have too many different columns; allowed are those of the model")
    pointer = places.__getitem__
    return NamedRows(columns, len(records), pointer, lambda row, name: f"{places[row]}/{escape(name)}", steps=steps)


def _csv_lines(body: bytes, max_rows: int) -> tuple[list[tuple[int, list[str]]], int]:
    """Return the cells of each record with the number of its last line, the header's names first; and how many more.

    Empty lines are none, but in a table of one column, where they are empty cells.
    """
    _check_lines(body, max_rows)
    try:
        text = body.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        detail = f"byte {error.start} of the body is not UTF-8; allowed is CSV in UTF-8"
        raise InvalidRequestError(detail) from error
    declared = _DECLARED.match(text)
    text, above = (text[declared.end() :], 1) if declared else (text, 0)
    delimiter = declared[1] if declared else _delimiter(text)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    try:
        header = [name.strip() for name in next(filter(None, reader), [])]
        empty = [""] if len(header) == 1 else []
        rows = ((reader.line_num + above, cells or empty) for cells in reader if cells or empty)
        return [(1, header), *itertools.islice(rows, max_rows)], sum(1 for _ in rows)
    except csv.Error as error:
        detail = f"line {reader.line_num + above} of the body is not CSV; is a quote left open, or a cell too long?"
        raise InvalidRequestError(detail, "/inputs") from error


def _check_lines(body: bytes, max_rows: int) -> None:
    """Raise if there are so many lines, or one so long, that splitting them would take long."""
    ends = np.flatnonzero(np.frombuffer(body, np.uint8) == ord("\n"))
    if len(ends) > _MOST_LINES + max_rows:
        raise too_many_rows(len(ends), max_rows)
    if np.diff(ends, prepend=-1, append=len(body)).max() > _LONGEST_LINE:
        detail = f"a line of the body is too long; allowed are {_LONGEST_LINE} bytes: send fewer columns, or an array"
        raise InvalidRequestError(detail, "/inputs")


def _delimiter(text: str) -> str:
    """Return the delimiter that splits the header into most names."""
    return max(_DELIMITERS, key=lambda delimiter: _width(text, delimiter))


def _width(text: str, delimiter: str) -> int:
    try:
        return len(next(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True), []))
    except csv.Error:
        return 0


def _row(row: int) -> str:
    return f"/inputs/{row}"


def _check_count(count: int, max_rows: int) -> None:
    if not count:
        raise InvalidRequestError("inputs has no row; allowed is at least one", "/inputs")
    if count > max_rows:
        raise too_many_rows(count, max_rows)
