"""Columns of numbers that may mean something else than they say."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from shlex import quote

import numpy as np

from training.data.cells import Cells
from training.data.identifiers import is_named_so
from training.data.table import Table

_SENTINELS = (-999.0, -9999.0, -99999.0, -99.0, -9.0, -1.0, 99.0, 999.0, 9999.0, 99999.0, 999999.0)
"""Numbers that many programs write where a value is missing."""
_GROUPED = re.compile(r"[-+]?[1-9]\d{0,2}(\.\d{3})+")
_FEWEST_VALUES = 5


def doubts(table: Table, columns: Sequence[str]) -> Iterator[str]:
    """Iterate over sentences on columns of numbers that are taken as they are, though they look like something else.

    Args:
        table: The table, with its missing cells known.
        columns: Columns of numbers, predicted or predicted from.
    """
    for name in columns:
        cells = table.columns[name]
        if _are_grouped(table, cells):
            yield (
                f"column {name!r} has three digits after every point, which are taken for decimals; if the point groups"
                " thousands, say --thousands . --decimal ,"
            )
        if (number := _sentinel(table, cells)) is not None:
            yield (
                f"column {name!r} has {number:.0f} in {_rows_of(table, cells, number)} rows, far from all its other"
                f" numbers, taken for a number; if it marks a missing value, say --na-values {number:.0f}"
            )
        if table.has_types and any(isinstance(value, str) for value in cells.values):
            yield f"column {name!r} is text but holds numbers alone, taken for these; else say --categorical {name}"
        if is_named_so(name) and len(cells.values) < cells.counts.sum() and _are_whole(table, cells):
            yield (
                f"column {name!r} is named like an identifier, but its values repeat: it is used as a number;"
                f" --drop {quote(name)} leaves it out"
            )


def _are_grouped(table: Table, cells: Cells) -> bool:
    """Return whether all numbers of a text file that has no commas between columns have three digits after points."""
    text = table.parts[0].text
    if text is None or text.delimiter == "," or table.numbers.decimal != "." or len(cells.values) < _FEWEST_VALUES:
        return False
    return all(isinstance(value, str) and _GROUPED.fullmatch(value) for value in cells.values)


def _sentinel(table: Table, cells: Cells) -> float | None:
    """Return the number that a column has instead of missing ones: the lowest or highest, far from all others."""
    numbers = np.unique([n for value in cells.values if (n := table.numbers.number(value)) is not None])
    if len(numbers) < _FEWEST_VALUES:
        return None
    for number, others in ((numbers[0], numbers[1:]), (numbers[-1], numbers[:-1])):
        width = others[-1] - others[0]
        if number in _SENTINELS and np.abs(others - number).min() > width:
            return float(number)
    return None


def _rows_of(table: Table, cells: Cells, number: float) -> int:
    same = np.array([table.numbers.number(value) == number for value in cells.values])
    return int(cells.counts[same].sum())


def _are_whole(table: Table, cells: Cells) -> bool:
    return all(number is not None and number.is_integer() for number in map(table.numbers.number, cells.values))
