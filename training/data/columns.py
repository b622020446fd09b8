"""Columns of text as numbers: the features of a network and its target."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from training.data.csv_table import Table, is_number
from training.data.options import Options
from training.errors import DataError

MOST_CATEGORIES = 100
"""Largest number of different texts in a column of categories: more are names, addresses and other free text."""

_WRITTEN_OTHERWISE = re.compile(r"[$€£]?\s?[-+]?\d[\d.,' ]*\s?[%$€£]?")
"""Other ways to write a number: ``1,5`` or ``1 000`` or ``5 %``."""

_LARGEST = float(np.finfo(np.float32).max)


@dataclass(frozen=True)
class Features:
    """Features as numbers, one column per name.

    Attributes:
        values: Features ``(N, features)``, float32.
        names: Names of the features. A column of numbers keeps its own; a column of categories becomes one of 0 and 1
            for each category, such as ``colour=red``.
    """

    values: Tensor
    names: tuple[str, ...]


@dataclass(frozen=True)
class Target:
    """A column that is predicted.

    Attributes:
        values: Indices of the classes ``(N,)``, int64, or values ``(N, 1)``, float32.
        names: Names of the classes, or of the column.
        classes: True for classes.
    """

    values: Tensor
    names: tuple[str, ...]
    classes: bool


def features(tables: Sequence[Table], options: Options, others: Iterable[str | None]) -> Features:
    """Return all columns but some as numbers, from tables with the same columns below one another.

    Args:
        tables: The tables, the first of which has the training rows.
        options: Options on how to read them.
        others: Columns that are no features: the target, an id, a time.

    Raises:
        DataError: naming the first cell that cannot become a number.
    """
    left_out = {*others, *options.drop}
    chosen = [name for name in tables[0].columns if name not in left_out]
    for name in (*options.drop, *options.categorical):
        tables[0].check_has(name)
    if not chosen:
        raise DataError(f"{tables[0].place} has no column to predict from")
    if twice := sorted({*options.categorical, *options.drop} & {options.target}):
        raise DataError(
            f"{tables[0].place}: {twice[0]!r} is what to predict, so --drop and --categorical do not apply to it; if"
            " its numbers are classes, say --task classification"
        )
    encoded = [_encoded(tables, name, name in options.categorical) for name in chosen]
    values, names = np.concatenate([part for part, _ in encoded], 1), [name for _, part in encoded for name in part]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise DataError(f"{tables[0].place}: a column and a category are both named {twice[0]!r}; rename one of them")
    return Features(torch.from_numpy(values), tuple(names))


def target(tables: Sequence[Table], options: Options) -> Target:
    """Return the column of the target: text is classes, numbers are a regression unless ``task`` says otherwise.

    Classes are those of the first table, in alphabetical or numerical order.

    Args:
        tables: The tables, the first of which has the training rows.
        options: Options on how to read them.

    Raises:
        DataError: if the column is not named, or if it holds a value that does not belong there.
    """
    name = options.target
    if name is None:
        raise DataError(
            f"{tables[0].place}: say what to predict with --target; there are: {', '.join(tables[0].columns)}"
        )
    cells = [cell for table in tables for cell in table.cells(name)]
    numeric = all(is_number(cell) for cell in cells)
    if options.task != "classification" and (numeric or options.task == "regression" or _mostly_numbers(cells)):
        values = _numbers(tables, name, "if this column is classes, say --task classification")
        return Target(torch.from_numpy(values[:, None]), (name,), classes=False)
    if options.task is None:
        _check_texts(tables, name, "if it is the name of a class, say --task classification")
    names = ordered(set(tables[0].cells(name)))
    if len(names) < 2:
        raise DataError(f"{tables[0].place}: column {name!r} has one class only, {names[0]!r}; at least two are needed")
    return Target(torch.tensor(list(_indices(tables, name, names))), names, classes=True)


def ordered(names: Iterable[str]) -> tuple[str, ...]:
    """Sort names as numbers if all are numbers, else by the alphabet.

    >>> ordered({"10", "9"}), ordered({"b", "a", "10"})
    (('9', '10'), ('10', 'a', 'b'))
    """
    several = sorted(names)
    return tuple(sorted(several, key=float) if all(map(is_number, several)) else several)


def _encoded(tables: Sequence[Table], name: str, categorical: bool) -> tuple[NDArray[np.float32], tuple[str, ...]]:
    cells = [cell for table in tables for cell in table.cells(name)]
    if not categorical and _mostly_numbers(cells):
        hint = f"if the numbers of this column are names of categories, say --categorical {name}"
        return _numbers(tables, name, hint)[:, None], (name,)
    if not categorical:
        _check_texts(tables, name, f"if it is the name of a category, say --categorical {name}")
    categories = ordered(set(cells))
    if len(categories) > MOST_CATEGORIES:
        raise DataError(
            f"{tables[0].place}: column {name!r} has {len(categories)} different texts; at most {MOST_CATEGORIES} can"
            f" become features; leave the column out with --drop {name}"
        )
    index = {category: i for i, category in enumerate(categories)}
    one_hot = np.zeros((len(cells), len(categories)), np.float32)
    one_hot[np.arange(len(cells)), [index[cell] for cell in cells]] = 1
    return one_hot, tuple(f"{name}={category}" for category in categories)


def _numbers(tables: Sequence[Table], name: str, hint: str) -> NDArray[np.float32]:
    values = []
    for table, row, cell in _cells(tables, name):
        if not is_number(cell):
            raise DataError(f"{table.where(row, name)}: {cell!r} is not a number; {hint}")
        if not abs(float(cell)) <= _LARGEST:
            raise DataError(f"{table.where(row, name)}: {cell!r} is not a finite float32 number")
        values.append(float(cell))
    return np.array(values, np.float32)


def _check_texts(tables: Sequence[Table], name: str, hint: str) -> None:
    for table, row, cell in _cells(tables, name):
        if is_number(cell):
            raise DataError(f"{table.where(row, name)}: {cell!r} is a number, but most of this column is text; {hint}")
        if _WRITTEN_OTHERWISE.fullmatch(cell):
            raise DataError(f"{table.where(row, name)}: {cell!r} is not written as a number such as 1234.5; {hint}")


def _indices(tables: Sequence[Table], name: str, classes: tuple[str, ...]) -> Iterable[int]:
    index = {label: i for i, label in enumerate(classes)}
    for table, row, cell in _cells(tables, name):
        if cell not in index:
            raise DataError(
                f"{table.where(row, name)}: the class {cell!r} is in no training row; those of {tables[0].place} are:"
                f" {', '.join(classes)}"
            )
        yield index[cell]


def _cells(tables: Sequence[Table], name: str) -> Iterable[tuple[Table, int, str]]:
    return ((table, row, cell) for table in tables for row, cell in enumerate(table.cells(name)))


def _mostly_numbers(cells: Sequence[str]) -> bool:
    return 2 * sum(map(is_number, cells)) >= len(cells)
