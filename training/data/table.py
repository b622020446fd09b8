"""Tables: columns of cells, and where in which file each row is."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.errors import did_you_mean
from training.data.cells import AS_PROGRAMS_DO, Cells, NumberFormat, joined
from training.errors import DataError


@dataclass(frozen=True)
class Text:
    """The text of a CSV file, in which a row's line is looked up when a message names it.

    Attributes:
        content: The text, from the header on.
        delimiter: Character between its columns.
        first: Line of the header.
    """

    content: str
    delimiter: str
    first: int = 1

    @cached_property
    def lines(self) -> list[int]:
        """Line on which each record begins, the header included."""
        reader, lines, before = self._reader(), [], 0
        for record in reader:
            if record:
                lines.append(self.first + before)
            before = reader.line_num
        return lines

    def find_broken_quote(self) -> tuple[int, str] | None:
        """Return the line of the first record whose quotes are not as they should be, and what is wrong with them."""
        reader, line = self._reader(strict=True), self.first
        try:
            for _ in reader:
                line = self.first + reader.line_num
        except csv.Error as error:
            return line, str(error)
        return None

    def records(self) -> Iterator[list[str]]:
        """Iterate over the records, the header first."""
        return (record for record in self._reader() if record)

    def _reader(self, *, strict: bool = False) -> Any:
        return csv.reader(io.StringIO(self.content, newline=""), delimiter=self.delimiter, strict=strict)


@dataclass(frozen=True)
class Part:
    """One file of a table.

    Attributes:
        place: Name of the file in messages.
        numbers: Number of each row in the file, the first below the header being 1, ``(rows,)``.
        text: Its text, if it is a file of text.
    """

    place: str
    numbers: NDArray[np.int64]
    text: Text | None = None

    def where(self, number: int) -> str:
        """Return the place of a row, for a message."""
        line = f" (line {self.text.lines[number]})" if self.text else ""
        return f"{self.place}: row {number}{line}"


@dataclass(frozen=True)
class Table:
    """A table, perhaps from several files below one another.

    Attributes:
        place: Name of the file or folder in messages.
        columns: Cells of each column by its name, in the order of the header.
        parts: Files that its rows are from, in their order.
        numbers: Format of its numbers.
        unreadable: Columns of which no feature can be made, and why.
        faults: Rows that could not be read, a line each.
        notes: Decisions taken in reading it, a sentence each.
    """

    place: str
    columns: Mapping[str, Cells]
    parts: tuple[Part, ...]
    numbers: NumberFormat = AS_PROGRAMS_DO
    unreadable: Mapping[str, str] = field(default_factory=dict)
    faults: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    def __len__(self) -> int:
        return sum(len(part.numbers) for part in self.parts)

    @property
    def slices(self) -> dict[str, slice]:
        """The rows of each part, by its place."""
        stops = np.cumsum([0, *(len(part.numbers) for part in self.parts)]).tolist()
        return {part.place: slice(a, b) for part, (a, b) in zip(self.parts, pairwise(stops), strict=True)}

    @property
    def has_types(self) -> bool:
        """``True`` if its columns have types, so that a number in a column of text is meant as text."""
        return all(part.text is None for part in self.parts)

    @property
    def trained(self) -> slice:
        """The rows of the first part, from which all training rows are."""
        return slice(len(self.parts[0].numbers))

    def where(self, row: int, column: str) -> str:
        """Return the place of a cell, or with an empty column of a row, for a message."""
        for part in self.parts:
            if row < len(part.numbers):
                place = part.where(int(part.numbers[row]))
                return f"{place}, column {column!r}" if column else place
            row -= len(part.numbers)
        raise IndexError(row)

    def check_has(self, column: str) -> None:
        """Raise a ``DataError`` naming the columns that exist unless this one does."""
        if column not in self.columns and column not in self.unreadable:
            known = [*self.columns, *self.unreadable]
            listed = f"it has: {', '.join(known)}{did_you_mean(column, known)}"
            if len(known) == 1 and not self.has_types:
                listed += "; if another character separates its columns, name it with --delimiter"
            raise DataError(f"{self.place} has no column {column!r}; {listed}")

    def without(self, marks: frozenset[str]) -> Table:
        """Return the table with the cells missing that hold one of the marks."""
        return replace(self, columns={name: cells.without(marks) for name, cells in self.columns.items()})

    def rows(self, chosen: NDArray[np.bool_]) -> Table:
        """Return some of the rows."""
        parts = [
            replace(part, numbers=part.numbers[chosen[place]])
            for part, place in zip(self.parts, self.slices.values(), strict=True)
        ]
        columns = {name: cells.rows(chosen) for name, cells in self.columns.items()}
        return replace(self, columns=columns, parts=tuple(parts))


def join(tables: Sequence[Table], place: str) -> Table:
    """Return tables with the same columns below one another.

    Args:
        tables: The tables, the first of which has the training rows.
        place: Name of all of them in messages.

    Raises:
        DataError: naming the columns of two that differ.
    """
    first = tables[0]
    for table in tables[1:]:
        if set(table.columns) != set(first.columns):
            raise DataError(
                f"{table.place} has the columns {', '.join(table.columns)}; {first.place} has"
                f" {', '.join(first.columns)}"
            )
    return replace(
        first,
        place=place,
        columns={name: joined([table.columns[name] for table in tables]) for name in first.columns},
        parts=tuple(part for table in tables for part in table.parts),
        unreadable={name: why for table in tables for name, why in table.unreadable.items()},
        faults=tuple(fault for table in tables for fault in table.faults),
        notes=tuple(note for table in tables for note in table.notes),
    )
