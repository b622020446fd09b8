"""Missing values: refused with their places, filled with what is usual, or their rows dropped."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from datetime import UTC, datetime

import numpy as np
from numpy.typing import NDArray
from sklearn.impute import SimpleImputer

from models.columns import Column, category_of
from training.data.cells import Cells, quoted
from training.data.dates import moment_of
from training.data.problems import Problem, Problems
from training.data.table import Table

IMPUTE, DROP_ROWS = "impute", "drop-rows"


def rows_with_a_gap(table: Table, columns: Sequence[str]) -> NDArray[np.bool_]:
    """Return a mask of the rows that lack a value of any of some columns, ``(rows,)``."""
    gaps = [table.columns[name].missing for name in columns]
    return np.any(gaps, 0) if gaps else np.zeros(len(table), np.bool_)


def refuse(table: Table, raw: Table, columns: Sequence[str], problems: Problems, remedy: str) -> None:
    """Add the missing cells of some columns to the problems.

    Args:
        table: The table, with its missing cells known.
        raw: Table before marks were taken for missing.
        columns: The columns.
        problems: Collects the cells.
        remedy: Advice on what the user can do.
    """
    for name in columns:
        rows = np.flatnonzero(table.columns[name].missing).tolist()
        if rows:
            cells = raw.columns[name]
            marks = {quoted(cells.values[i]) for i in cells.index[rows].tolist() if i >= 0 and cells.values[i] != ""}
            hint = (
                f"; if {', '.join(sorted(marks))} stands for a value, name other marks with --na-values"
                if marks
                else ""
            )
            problems.add(Problem(name, remedy + hint, "counts as missing", rows, functools.partial(_cell, cells)))


def fill_of(column: Column, table: Table, rows: NDArray[np.bool_]) -> float | str:
    """Return what takes the place of a missing value: the median of some rows, of a category the most frequent one.

    Args:
        column: The column.
        table: The table.
        rows: A mask of the rows, ``(rows,)``.
    """
    cells = table.columns[column.name].rows(rows)
    if column.kind == "category":
        texts = np.array([[category_of(cells.values[i])] for i in cells.index.tolist() if i >= 0], object)
        return str(SimpleImputer(strategy="most_frequent").fit(texts).statistics_[0])
    read = (
        table.numbers.number
        if column.kind == "number"
        else lambda text: moment_of(category_of(text), column.date_format)
    )
    numbers = np.array([[read(cells.values[i])] for i in cells.index.tolist() if i >= 0], np.float64)
    median = float(SimpleImputer(strategy="median").fit(numbers).statistics_[0])
    if column.kind == "number":
        return median
    moment = datetime.fromtimestamp(median, UTC)
    return moment.strftime(column.date_format) if column.date_format else moment.replace(tzinfo=None).isoformat()


def _cell(cells: Cells, row: int) -> str:
    value = cells.values[cells.index[row]] if cells.index[row] >= 0 else ""
    return "the empty cell" if value == "" else quoted(value)
