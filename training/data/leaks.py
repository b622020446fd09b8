"""Columns that give away what is to be predicted."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from training.data.table import Table

_SAME = 1 - 1e-9
_FEWEST_ROWS = 10


def leaks(table: Table, columns: Sequence[str], targets: Sequence[str]) -> Iterator[str]:
    """Iterate over sentences on columns that follow from a target, value by value, or in proportion to it.

    Args:
        table: The table.
        columns: Columns to predict from.
        targets: Columns to predict.
    """
    for target in targets:
        for name in columns:
            if _gives_away(table, name, target):
                yield (
                    f"column {name!r} gives the target {target!r} away: each has one value for a value of the other;"
                    f" if it is not known when a prediction is asked for, leave it out with --drop {name}"
                )


def _gives_away(table: Table, name: str, target: str) -> bool:
    a, b = table.columns[name], table.columns[target]
    both = ~a.missing & ~b.missing
    if both.sum() < _FEWEST_ROWS:
        return False
    pairs = len(np.unique(a.index[both] * len(b.values) + b.index[both]))
    different = len(np.unique(b.index[both]))
    if pairs == len(np.unique(a.index[both])) == different and different < both.sum():
        return True
    x, y = (
        np.array([table.numbers.number(value) for value in cells.values] + [None], np.float64)[cells.index[both]]
        for cells in (a, b)
    )
    if np.isnan(x).any() or np.isnan(y).any() or not x.std() or not y.std():
        return False
    return bool(abs(np.corrcoef(x, y)[0, 1]) > _SAME)
