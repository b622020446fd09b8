"""Columns that say which row it is, or nothing at all: models do not predict from them unless they are told to."""

from __future__ import annotations

import re

import numpy as np
from numpy.typing import NDArray

from training.data.cells import Cells

MOST_CATEGORIES = 100
"""Largest number of different texts in a column of categories: more are names, addresses and other free text."""

_FEWEST_ROWS = 10
"""Number of rows from which a value for each row is no coincidence."""
_NEARLY_ALL = 0.9
_EXACT = 2**24
"""Whole number from which on float32 does not have every one."""
_COARSE = 1e-3
"""Largest step of float32, in deviations of the column, at which its numbers are still told apart."""
_NAMED_SO = frozenset(
    ["id", "ids", "uuid", "guid", "key", "pk", "index", "idx", "no", "nr", "num", "number", "row", "record"]
)
_YEARS = range(1800, 2201)


def reason_for_texts(cells: Cells) -> str:
    """Return why a column of text is left out; empty if it is one of categories."""
    rows, different = int(cells.counts.sum()), len(cells.values)
    if rows >= _FEWEST_ROWS and different >= _NEARLY_ALL * rows:
        return f"an identifier or free text: {different} different values in {rows} rows"
    if different > MOST_CATEGORIES:
        return f"free text or names: {different} different values, more than the {MOST_CATEGORIES} of categories"
    return ""


def reason_for_numbers(name: str, cells: Cells, numbers: NDArray[np.float64]) -> str:
    """Return why a column of numbers is left out; empty if it is something to predict from.

    Args:
        name: Name of the column.
        cells: Its cells.
        numbers: The number that each different value is.
    """
    rows, different = int(cells.counts.sum()), len(cells.values)
    whole = bool((numbers == np.floor(numbers)).all())
    if whole and different == rows >= _FEWEST_ROWS:
        if is_named_so(name):
            return f"an identifier by its name: {different} different whole numbers in {rows} rows"
        low, high = numbers.min(), numbers.max()
        if high - low == rows - 1 and not (low in _YEARS and high in _YEARS):
            return f"an identifier: it counts the rows, from {low:.0f} to {high:.0f}"
        if np.abs(numbers).max() > _EXACT:
            return f"an identifier: {different} different whole numbers up to {high:.0f}"
    return reason_of_precision(cells, numbers)


def reason_of_precision(cells: Cells, numbers: NDArray[np.float64]) -> str:
    """Return why float32, in which models compute, cannot tell a column's numbers apart; empty if it can."""
    step = float(np.spacing(np.float32(np.abs(numbers).max(initial=0))))
    deviation = float(np.repeat(numbers, cells.counts).std()) if len(numbers) else 0.0
    if len(cells.values) > 1 and step > _COARSE * deviation:
        same = len(np.unique(numbers.astype(np.float32)))
        return (
            f"float32 cannot tell its values apart: {len(cells.values)} different ones become {same}; subtract what"
            " they have in common"
        )
    return ""


def is_named_so(name: str) -> bool:
    """Return whether a column is an identifier by its name.

    >>> [is_named_so(name) for name in ("id", "customerID", "Row No.", "user_id", "width", "paid")]
    [True, True, True, True, False, False]
    """
    words = re.findall(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])", name)
    return bool(words) and words[-1].casefold() in _NAMED_SO
