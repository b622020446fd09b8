"""A table made ready: every decision taken, and every problem said at once."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from msgspec.structs import replace as replace_struct
from numpy.typing import NDArray

from models.columns import Column, category_of
from models.tables import LeftOut, TableSchema
from training.data import missing
from training.data.cells import Cells
from training.data.columns import Chosen, choose
from training.data.dates import moment_of
from training.data.doubts import doubts
from training.data.findings import findings_of
from training.data.leaks import leaks
from training.data.options import Options
from training.data.problems import Problems
from training.data.table import Table
from training.data.targets import Target, predicted, target_names
from training.errors import DataError


@dataclass(frozen=True)
class Prepared:
    """A table in which every cell that is used can be used.

    Attributes:
        table: The table, with its missing cells known.
        target: Columns that are predicted.
        schema: Its columns, with what fills their missing values where that is allowed.
        notes: Decisions taken without being told, a sentence each.
    """

    table: Table
    target: Target
    schema: TableSchema
    notes: tuple[str, ...]


def prepare(raw: Table, options: Options) -> Prepared:
    """Decide what becomes of each column, and of missing values.

    Args:
        raw: The table as it was read.
        options: Decisions of the user.

    Raises:
        DataError: with every problem of the table.
    """
    _check_options(raw, options)
    table = raw.without(frozenset(options.marks))
    targets = target_names(table, options)
    others = [*targets, *(name for name in (options.id, options.time) if name is not None)]
    problems = Problems(table.place, table.where, list(table.faults))
    chosen = choose(table, options, others, problems)
    gaps = missing.rows_with_a_gap(table, [*(column.name for column in chosen.columns), *others])
    if options.missing == missing.DROP_ROWS and gaps.any():
        return _without_gaps(raw, gaps, options)
    columns = _filled(chosen, table, raw, options, problems)
    missing.refuse(table, raw, others, problems, "leave out the row, as --missing drop-rows does")
    target = predicted(table, targets, options, problems)
    if not columns and not chosen.refused:
        reasons = "; ".join(f"{column.name!r} is left out: {column.reason}" for column in chosen.left_out)
        problems.lines.append(f"{table.place} has no column to predict from{f': {reasons}' * bool(reasons)}")
    beside = parts_of_sequences(options)
    problems.check(findings_of(table, columns, chosen.left_out, target, beside))
    left_out = (*chosen.left_out, *(LeftOut(name, why) for name, why in beside.items()))
    schema = TableSchema(tuple(columns), left_out, targets, options.marks)
    _check_names(schema, table)
    return Prepared(table, target, schema, (*table.notes, *target.notes, *_notes(chosen, columns, table, target)))


def parts_of_sequences(options: Options) -> dict[str, str]:
    """Return the columns that tell sequences apart and order their steps, each with what it is for."""
    if options.id is None or options.time is None:
        return {}
    return {options.id: "tells sequences apart", options.time: "orders steps"}


def observed(prepared: Prepared, rows: NDArray[np.bool_]) -> TableSchema:
    """Return the schema with the ranges of the training rows, and with their values for missing ones.

    Args:
        prepared: The table.
        rows: A mask of the training rows, ``(rows,)``.

    Raises:
        DataError: if a column has no value in them.
    """
    columns = tuple(_observed(column, prepared.table, rows) for column in prepared.schema.columns)
    return replace_struct(prepared.schema, columns=columns)


def _observed(column: Column, table: Table, rows: NDArray[np.bool_]) -> Column:
    cells = table.columns[column.name].rows(rows)
    if not cells.values:
        raise DataError(
            f"{table.place}: column {column.name!r} has no value in any training row; leave it out with --drop"
        )
    fill = None if column.fill is None else missing.fill_of(column, table, rows)
    if column.kind == "category":
        return replace_struct(column, fill=fill)
    read = (
        (lambda value: moment_of(category_of(value), column.date_format))
        if column.kind == "date"
        else table.numbers.number
    )
    known = [number for value in cells.values if (number := read(value)) is not None]
    return replace_struct(column, low=min(known), high=max(known), fill=fill)


def _without_gaps(raw: Table, gaps: NDArray[np.bool_], options: Options) -> Prepared:
    if gaps[raw.trained].all():
        raise DataError(f"{raw.place}: every row has a missing value, so --missing drop-rows leaves none")
    prepared = prepare(raw.rows(~gaps), options)
    dropped = f"{int(gaps.sum())} of {len(raw)} rows have a missing value and are dropped (--missing drop-rows)"
    return replace(prepared, notes=(dropped, *prepared.notes))


def _filled(chosen: Chosen, table: Table, raw: Table, options: Options, problems: Problems) -> list[Column]:
    """Return the columns, those with something in place of missing values that may have some."""
    if options.missing != missing.IMPUTE:
        remedy = "fill it in, or say --missing impute or --missing drop-rows"
        missing.refuse(table, raw, [*(column.name for column in chosen.columns), *chosen.refused], problems, remedy)
        return chosen.columns
    columns = []
    trained = np.zeros(len(table), np.bool_)
    trained[table.trained] = True
    for column in chosen.columns:
        gaps = table.columns[column.name].missing
        if gaps[table.trained].any():
            columns.append(replace_struct(column, fill=missing.fill_of(column, table, trained)))
        else:
            missing.refuse(table, raw, [column.name], problems, "no training row lacks it, so nothing fills it")
            columns.append(column)
    return columns


def _check_options(table: Table, options: Options) -> None:
    named = (*options.drop, *options.categorical, *options.numeric, *options.keep, *options.date_formats)
    for name in (*named, *(name for name in (options.id, options.time) if name is not None)):
        table.check_has(name)
    if (options.id is None) != (options.time is None):
        raise DataError(f"{table.place}: sequences need both --id and --time; there are: {', '.join(table.columns)}")
    if options.steps is not None and options.id is None:
        raise DataError(f"{table.place}: --steps is for sequences, which need --id and --time")
    kinds = {"categorical": options.categorical, "numeric": options.numeric, "date-format": tuple(options.date_formats)}
    for option, columns in (kinds | {"keep": options.keep}).items():
        for other, others in (kinds | {"drop": options.drop}).items():
            if option != other and (twice := sorted(set(columns) & set(others))):
                raise DataError(
                    f"{table.place}: --{option} and --{other} are both given for {twice[0]!r}; one is allowed"
                )


def _check_names(schema: TableSchema, table: Table) -> None:
    names = schema.features
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise DataError(f"{table.place}: a column and a category are both named {twice[0]!r}; rename one of them")


def _notes(chosen: Chosen, columns: list[Column], table: Table, target: Target) -> Iterator[str]:
    for left_out in chosen.left_out:
        usable = left_out.reason != "by --drop" and table.columns[left_out.name].rows(table.trained).values
        keep = f"; --keep {left_out.name} uses it all the same" if usable else ""
        yield f"column {left_out.name!r} is left out: {left_out.reason}{keep}"
    yield from chosen.notes
    for column in columns:
        if column.fill is not None:
            count = int(table.columns[column.name].missing.sum())
            yield f"column {column.name!r} lacks {count} values, which are filled and marked by a feature of their own"
        if column.kind == "category" and (single := ", ".join(sorted(_of_one_row(table.columns[column.name])))):
            yield f"column {column.name!r} has categories of one row, which is trained on: {single}"
    numbers = [column.name for column in columns if column.kind == "number"]
    yield from doubts(table, [*numbers, *target.columns] if not target.classes else numbers)
    yield from leaks(table, [column.name for column in columns], target.columns)


def _of_one_row(cells: Cells) -> list[str]:
    return [category_of(value) for value, count in zip(cells.values, cells.counts.tolist(), strict=True) if count == 1]
