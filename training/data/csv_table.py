"""Columns of text from a CSV file: whole lines under a header, no cell empty."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path

from training.errors import DataError

MISSING = frozenset({"", "?", "na", "n/a", "nan", "null"})
"""What stands for a missing value, in small letters."""

_DELIMITERS = ",;\t"


@dataclass(frozen=True)
class Table:
    """What a file says, still as text.

    Attributes:
        place: The file, as it is named in messages.
        columns: Cells of each column by its name, in the order of the header.
        lines: Where in the file each row begins, the header being line 1.
    """

    place: str
    columns: dict[str, list[str]]
    lines: list[int]

    def where(self, row: int, column: str) -> str:
        """A cell, for a message."""
        return f"{self.place}: row {row + 1} (line {self.lines[row]}), column {column!r}"

    def cells(self, column: str) -> list[str]:
        """A column without a missing value.

        Raises:
            DataError: naming those that exist, or the cell that is missing.
        """
        self.check_has(column)
        for row, cell in enumerate(self.columns[column]):
            if cell.lower() in MISSING:
                raise DataError(
                    f"{self.where(row, column)}: the value is missing; fill it in, or leave out the row or the column"
                )
        return self.columns[column]

    def check_has(self, column: str) -> None:
        """Raise a ``DataError`` naming the columns that exist unless this one does."""
        if column not in self.columns:
            raise DataError(f"{self.place} has no column {column!r}; it has: {', '.join(self.columns)}")


def read(path: Path, place: str) -> Table:
    """The table in a file; separated by commas, semicolons or tabs, whichever its header has most of.

    Args:
        place: How to name it in messages.

    Raises:
        DataError: if it is empty, not text, or its lines do not have the header's columns.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise DataError(f"{place} is not text in UTF-8: byte {error.start} is none of it") from error
    if not text.strip():
        raise DataError(f"{place} is empty; a header line with the columns' names and rows below it are wanted")
    header = text.lstrip().split("\n", 1)[0]
    reader = csv.reader(text.splitlines(keepends=True), delimiter=max(_DELIMITERS, key=header.count), strict=True)
    rows, lines, before = [], [], 0
    try:
        for row in reader:
            if any(cell.strip() for cell in row):
                rows.append([cell.strip() for cell in row])
                lines.append(before + 1)
            before = reader.line_num
    except csv.Error as error:
        raise DataError(f"{place}, line {before + 1} is not CSV: {error}") from error
    names = _names(rows[0], place)
    _check_rows(rows, lines, place)
    return Table(place, dict(zip(names, map(list, zip(*rows[1:], strict=True)), strict=True)), lines[1:])


def _names(header: list[str], place: str) -> list[str]:
    if all(is_number(name) for name in header):
        raise DataError(
            f"{place} has no header: its first line holds only numbers; the columns' names are wanted there"
        )
    if "" in header:
        raise DataError(f"{place}: column {header.index('') + 1} has no name in the header")
    if twice := sorted({name for name in header if header.count(name) > 1}):
        raise DataError(f"{place} has more than one column named {twice[0]!r}; every column has a name of its own")
    return header


def _check_rows(rows: list[list[str]], lines: list[int], place: str) -> None:
    if len(rows) == 1:
        raise DataError(f"{place} has a header and no row below it")
    for number, (row, line) in enumerate(zip(rows, lines, strict=True)):
        if len(row) != len(rows[0]):
            raise DataError(
                f"{place}: row {number} (line {line}) has {len(row)} values; the header has {len(rows[0])} columns"
            )


def is_number(cell: str) -> bool:
    """Whether this is a number as other programs write it, infinity included.

    >>> [is_number(cell) for cell in ("-1.5e3", "inf", "1_000", "1,5", "12 kg")]
    [True, True, False, False, False]
    """
    try:
        float(cell)
    except ValueError:
        return False
    return "_" not in cell
