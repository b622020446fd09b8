"""Everything that is wrong with a file, said at once and with its places."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from training.data.dataset import Finding
from training.errors import DataError

MOST_PLACES = 10
"""Largest number of places of one problem that are named."""


class TableError(DataError):
    """Everything that is wrong with a table.

    Attributes:
        findings: Finding on each column.
    """

    def __init__(self, message: str, findings: Sequence[Finding]) -> None:
        super().__init__(message)
        self.findings = tuple(findings)


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong, wherever it is.

    Attributes:
        column: Column where it is.
        remedy: Advice on what the user can do about it.
        what: Fault of a cell, such as ``is not a number``.
        rows: Rows where it is, counted from 0; empty if it is no matter of single rows.
        cell: Function from a row to its cell in words.
    """

    column: str
    remedy: str
    what: str = ""
    rows: Sequence[int] = ()
    cell: Callable[[int], str] = str


@dataclass
class Problems:
    """The problems of a table, collected until all are known.

    Attributes:
        place: Name of the file or folder in messages.
        where: Function from a row and a column's name to their place in words.
        lines: Problems found so far, a line each.
    """

    place: str
    where: Callable[[int, str], str]
    lines: list[str] = field(default_factory=list)

    def add(self, problem: Problem) -> None:
        """Add a problem."""
        self.lines.append(self._line(problem))

    def check(self, findings: Sequence[Finding]) -> None:
        """Raise if there is any problem.

        Args:
            findings: Finding on each column.

        Raises:
            TableError: with all of them; the first line says how many where there are several.
        """
        if len(self.lines) == 1:
            raise TableError(self.lines[0], findings)
        if self.lines:
            listed = "".join(f"\n{line.removeprefix(f'{self.place}: ')}" for line in self.lines)
            raise TableError(f"{self.place} has {len(self.lines)} problems:{listed}", findings)

    def _line(self, problem: Problem) -> str:
        column, rows = problem.column, problem.rows
        if not rows:
            return f"{self.place}: column {column!r} {problem.remedy}"
        if len(rows) == 1:
            return f"{self.where(rows[0], column)}: {problem.cell(rows[0])} {problem.what}; {problem.remedy}"
        places = (self.where(row, "").removeprefix(f"{self.place}: ") for row in rows[:MOST_PLACES])
        shown = ", ".join(f"{problem.cell(row)} in {place}" for row, place in zip(rows, places, strict=False))
        more = f" and {len(rows) - MOST_PLACES} more" * (len(rows) > MOST_PLACES)
        found = f"column {column!r}, {len(rows)} cells {_plural(problem.what)}: {shown}{more}"
        return f"{self.place}: {found}; {problem.remedy}"


def _plural(what: str) -> str:
    verb, _, rest = what.partition(" ")
    return f"{ {'is': 'are', 'counts': 'count'}.get(verb, verb) } {rest}"
