"""Columns that are predicted: classes, or numbers."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from models.columns import LARGEST, category_of
from training.data.cells import Cells
from training.data.columns import WRITTEN_OTHERWISE, advice_on_notation, alike, ordered, refuse
from training.data.dates import formats_of
from training.data.identifiers import reason_of_precision
from training.data.options import Options
from training.data.problems import Problem, Problems
from training.data.table import Table
from training.errors import DataError

_FEW_ROWS = 5
"""Number of rows of a class below which its figures mean little."""
_FEWEST_ROWS = 10
"""Number of rows from which one value in all of them is no coincidence."""
_MOST_OF_ROWS = 0.5
"""Largest number of different texts that are classes, as a share of the rows."""
_MOST_RATINGS = 20
_ROWS_OF_A_RATING = 5


@dataclass(frozen=True)
class Target:
    """The target of a table.

    Attributes:
        values: Indices of the classes ``(N,)``, int64, or values ``(N, D)``, float32; of a missing one any.
        names: Names of the classes, or of the columns.
        classes: True for classes.
        columns: Names of the columns.
        notes: Decisions taken without being told, a sentence each.
    """

    values: Tensor
    names: tuple[str, ...]
    classes: bool
    columns: tuple[str, ...]
    notes: tuple[str, ...] = ()


def target_names(table: Table, options: Options) -> tuple[str, ...]:
    """Return the columns to predict; ``a,b`` is two where no column has that name.

    Raises:
        DataError: if none is named, if one is not there, or if it has another part too.
    """
    if not options.targets:
        raise DataError(f"{table.place}: say what to predict with --target; there are: {', '.join(table.columns)}")
    names = [
        name.strip()
        for text in options.targets
        for name in ([text] if text in table.columns or "," not in text else text.split(","))
    ]
    for name in names:
        table.check_has(name)
    used = {"drop": options.drop, "categorical": options.categorical, "numeric": options.numeric, "keep": options.keep}
    used |= {"date-format": tuple(options.date_formats), "id": (options.id or "",), "time": (options.time or "",)}
    for option, columns in used.items():
        if twice := sorted(set(names) & set(columns)):
            raise DataError(
                f"{table.place}: {twice[0]!r} is what to predict, so --{option} does not apply to it; if its numbers"
                " are classes, say --task classification"
            )
    return tuple(dict.fromkeys(names))


def predicted(table: Table, names: tuple[str, ...], options: Options, problems: Problems) -> Target:
    """Return the columns to predict: text is classes, numbers are a regression unless ``task`` says otherwise.

    Two different whole numbers, such as 0 and 1, are classes too. Classes are those of the rows that may be trained
    with, in alphabetical or numerical order.

    Args:
        table: The table, with its missing cells known.
        names: Columns to predict.
        options: Decisions of the user.
        problems: Collects cells that do not belong there.

    Raises:
        DataError: if the columns are of different kinds.
    """
    if options.task == "multilabel":
        raise DataError(
            f"{table.place}: several labels of a row are read from an NPZ file of x and y, y of 0 and 1 with a"
            " column for each label; of a table take --task classification, for one target"
        )
    empty = [name for name in names if _is_empty(table, name, problems)]
    if empty:
        return Target(torch.zeros(len(table), 1), names, False, names)
    if len(names) > 1:
        return _several(table, names, options, problems)
    cells = table.columns[names[0]]
    numbers = [table.numbers.number(value) for value in cells.values]
    most = 2 * cells.counts[[number is not None for number in numbers]].sum() >= cells.counts.sum()
    flags = None not in numbers and are_flags(numbers)
    if options.task == "regression" or (options.task is None and most and not flags):
        values = number_values(table, names[0], problems, "if this column is classes, say --task classification")
        return Target(torch.from_numpy(values[:, None]), names, False, names, _ratings(names[0], cells, numbers))
    if options.task is None and not flags:
        if not table.has_types:
            _check_texts(names[0], cells, numbers, problems)
        _check_repeated(names[0], cells, problems)
    classes = _classes(table, names[0], problems)
    if flags and options.task is None:
        found = f"target {names[0]!r} has two different numbers, {' and '.join(classes.names)}, taken for classes"
        return replace(classes, notes=(f"{found}; --task regression takes them as numbers", *classes.notes))
    return classes


def are_flags(numbers: list[float | None]) -> bool:
    """Return whether numbers are two different whole ones, which stand for no and yes rather than for amounts."""
    return len(set(numbers)) == 2 and all(number is not None and number.is_integer() for number in numbers)


def _check_texts(name: str, cells: Cells, numbers: list[float | None], problems: Problems) -> None:
    hint = "if it is the name of a class, say --task classification"
    numeric = [number is not None for number in numbers]
    refuse(name, cells, numeric, "is a number, but most of this column is text", hint, problems)
    texts = [str(value) if number is None else "" for value, number in zip(cells.values, numbers, strict=True)]
    otherwise = [bool(WRITTEN_OTHERWISE.fullmatch(text)) for text in texts]
    advice = advice_on_notation([text for text, other in zip(texts, otherwise, strict=True) if other])
    refuse(name, cells, otherwise, "is not written as a number such as 1234.5", f"{advice}; {hint}", problems)


def _check_repeated(name: str, cells: Cells, problems: Problems) -> None:
    """Add texts that are dates, or of which most rows have one of their own, to the problems: they are no classes."""
    texts = [category_of(value) for value in cells.values]
    if any(map(WRITTEN_OTHERWISE.fullmatch, texts)):
        return
    hint = "if they are classes all the same, say --task classification"
    every, rows = [True] * len(texts), int(cells.counts.sum())
    if formats_of(texts):
        refuse(name, cells, every, "is a date", f"write a number, such as days since a date; {hint}", problems)
    elif rows >= _FEWEST_ROWS and len(texts) > _MOST_OF_ROWS * rows:
        found = f"has {len(texts)} different texts in {rows} rows; if they hold numbers, write these alone"
        problems.add(Problem(name, f"{found}; {hint}"))


def _several(table: Table, names: tuple[str, ...], options: Options, problems: Problems) -> Target:
    columns = [table.columns[name] for name in names]
    numbers = [[table.numbers.number(value) for value in cells.values] for cells in columns]
    texts = [name for name, found in zip(names, numbers, strict=True) if all(number is None for number in found)]
    if texts or options.task == "classification":
        raise DataError(
            f"{table.place}: several targets are numbers, predicted together; fit a model for each target of classes,"
            f" such as {texts[0] if texts else names[0]!r}"
        )
    if options.task is None and all(are_flags(found) for found in numbers):
        raise DataError(
            f"{table.place}: the targets {', '.join(names)} have two different numbers each, as classes do; fit a model"
            " for each, or take them as numbers with --task regression"
        )
    values = [number_values(table, name, problems, "several targets are numbers, all of them") for name in names]
    return Target(torch.from_numpy(np.stack(values, 1)), names, False, names)


def _classes(table: Table, name: str, problems: Problems) -> Target:
    cells = table.columns[name]
    texts = [category_of(value) for value in cells.values]
    trained = table.columns[name].rows(table.trained)
    names = ordered({category_of(value) for value in trained.values})
    if len(names) < 2:
        problems.add(Problem(name, f"has one class only, {names[0]!r}; at least two are needed"))
    unknown = [text not in names for text in texts]
    known = f"classes of {table.parts[0].place} are: {', '.join(names)}"
    refuse(name, cells, unknown, "is a class of no training row", known, problems)
    place = {label: i for i, label in enumerate(names)}
    index = np.array([*(place.get(text, 0) for text in texts), 0])[cells.index]
    counts = dict.fromkeys(names, 0)
    for text, count in zip(texts, cells.counts.tolist(), strict=True):
        counts[text] = counts.get(text, 0) + count
    few = [f"{label} ({count})" for label, count in counts.items() if count < _FEW_ROWS]
    note = f"classes with fewer than {_FEW_ROWS} rows, on which no figure means much: {', '.join(few)}"
    notes = (note,) * bool(few)
    if twice := alike(names):
        notes = (f"classes that differ only in case, spaces or the form of accents: {', '.join(twice)}", *notes)
    return Target(torch.from_numpy(index), names, True, (name,), notes)


def number_values(table: Table, name: str, problems: Problems, hint: str) -> NDArray[np.float32]:
    """Return a column of numbers, ``(N,)``; of a cell that holds none, which is a problem, any."""
    cells = table.columns[name]
    numbers = [table.numbers.number(value) for value in cells.values]
    refuse(name, cells, [number is None for number in numbers], "is not a number", hint, problems)
    infinite = [number is not None and not abs(number) <= LARGEST for number in numbers]
    refuse(name, cells, infinite, "is not a finite float32 number", "leave out the row", problems)
    known = np.array([0.0 if number is None or bad else number for number, bad in zip(numbers, infinite, strict=True)])
    trained = cells.rows(table.trained)
    different = {table.numbers.number(value) for value in trained.values}
    if len(different) == 1 and None not in different and len(trained) >= _FEWEST_ROWS:
        problems.add(Problem(name, f"is {trained.values[0]} in every training row: there is nothing to predict"))
    if None not in numbers and not any(infinite) and (reason := reason_of_precision(cells, known)):
        problems.add(Problem(name, f"is what to predict, but {reason}"))
    return np.append(known, 0.0)[cells.index].astype(np.float32)


def _ratings(name: str, cells: Cells, numbers: list[float | None]) -> tuple[str, ...]:
    whole = all(number is not None and number.is_integer() for number in numbers)
    if whole and _ROWS_OF_A_RATING * len(numbers) <= cells.counts.sum() and len(numbers) <= _MOST_RATINGS:
        few = f"target {name!r} has {len(numbers)} different whole numbers, which are predicted as numbers"
        return (f"{few}; --task classification takes them for classes",)
    return ()


def _is_empty(table: Table, name: str, problems: Problems) -> bool:
    """Return whether a column has nothing that can be predicted, which is a problem."""
    if name in table.unreadable:
        problems.add(Problem(name, f"is {table.unreadable[name]}, which cannot be predicted"))
    elif not table.columns[name].rows(table.trained).values:
        problems.add(Problem(name, "is what to predict, but no training row has a value"))
    else:
        return False
    return True
