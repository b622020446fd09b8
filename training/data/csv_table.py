"""CSV files as columns of text: complete lines under a header."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path

from training.errors import DataError

MISSING = frozenset({"", "?", "na", "n/a", "nan", "null"})
"""Texts that stand for a missing value, in small letters."""

_DELIMITERS = ",;\t"


@dataclass(frozen=True)
class Table:
    """A CSV file, still as text.

    Attributes:
        place: Name of the file in messages.
        columns: Cells of each column by its name, in the order of the header.
        lines: Line of the file on which each row begins, the header being line 1.
    """

    place: str
    columns: dict[str, list[str]]
    lines: list[int]

    def where(self, row: int, column: str) -> str:
        """Return the place of a cell, for a message."""
        return f"{self.place}: row {row + 1} (line {self.lines[row]}), column {column!r}"

    def cells(self, column: str) -> list[str]:
        """Return the cells of a column that has no missing value.

        Raises:
            DataError: naming the columns that exist, or the cell that is missing.
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
    """Read a table that is separated by commas, semicolons or tabs, whichever its header has most of.

    Args:
        path: The file.
        place: Name of the file in messages.

    Raises:
        DataError: if the file is empty or not text, or if its lines do not have the header's columns.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise DataError(f"{place} is not text in UTF-8: byte {error.start} is not valid") from error
    if not text.strip():
        raise DataError(f"{place} is empty; a header line with the columns' names and rows below it are needed")
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
            f"{place} has no header: its first line holds only numbers; the columns' names are needed there"
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
    """Return whether a cell is a number as programs write it, infinity included.

    >>> [is_number(cell) for cell in ("-1.5e3", "inf", "1_000", "1,5", "12 kg")]
    [True, True, False, False, False]
    """
    try:
        float(cell)
    except ValueError:
        return False
    return "_" not in cell
