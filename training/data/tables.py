"""Tables and sequences from CSV files: one file, one for each part, or one with published splits."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import torch
from torch import Tensor

from models.specs import VOID, InputSpec, OutputSpec
from training.data import csv_table
from training.data.columns import Features, Target, features, target
from training.data.csv_table import Table
from training.data.dataset import Dataset, Split, Splits, moments, table_spec, target_spec
from training.data.options import Options
from training.data.splitting import Parts, divide, hold_out_last
from training.errors import DataError

Partition = Callable[[Split], Splits]
"""Function of all rows, in the order of the files, that returns the four splits."""

VALIDATION_NAMES = ("val", "valid", "validation")
"""Names of a part that is held out for validation."""


class _Pair(msgspec.Struct):
    train: list[int]
    test: list[int]


def from_csv(path: Path, name: str, options: Options) -> Dataset:
    """Load a table with a header; with ``id`` and ``time`` its rows are the steps of sequences."""
    table = csv_table.read(path, path.name)
    return _dataset(name, [table], options, lambda rows: divide(Parts(rows), table.place))


def from_folder(folder: Path, name: str, options: Options) -> Dataset:
    """Load ``train.csv`` and ``test.csv``, perhaps ``val.csv``: parts that are held out already."""
    files = [folder / f"{part}.csv" for part in ("train", *VALIDATION_NAMES, "test")]
    tables = [csv_table.read(path, path.name) for path in files if path.is_file()]
    for table in tables[1:]:
        if list(table.columns) != list(tables[0].columns):
            raise DataError(
                f"{table.place} has the columns {', '.join(table.columns)}; {tables[0].place} has"
                f" {', '.join(tables[0].columns)}"
            )
    if options.id is not None:
        raise DataError(f"{folder.name}: sequences are read from one file, not from {tables[0].place} and others")
    return _dataset(name, tables, options, lambda rows: divide(_parts(rows, tables), folder.name))


def from_uci(folder: Path, name: str, options: Options) -> Dataset:
    """Load ``data.csv`` and one of the published pairs of train and test indices in ``splits.json``.

    The last fifth of its training rows is held out; :meth:`Dataset.refit` takes it in again, as the protocol does.

    References:
        Hernández-Lobato & Adams (2015), whose splits Gal & Ghahramani (2016) use.
    """
    table = csv_table.read(folder / "data.csv", "data.csv")
    number = options.split or 0
    train, test = _published(folder / "splits.json", number, len(table.lines))
    chosen = replace(options, target=options.target or "y")
    dataset = _dataset(
        name, [table], chosen, lambda rows: hold_out_last(rows.rows(train), rows.rows(test), f"split {number}")
    )
    _check_classes_are_trained(dataset, f"splits.json: split {number}")
    return dataset


def published_splits(folder: Path) -> int:
    """Return how many pairs of train and test indices a folder's ``splits.json`` holds.

    Raises:
        DataError: if the folder is of another kind.
    """
    for file in ("data.csv", "splits.json"):
        if not (folder / file).is_file():
            raise DataError(f"{folder} has no file {file}; a folder with data.csv and splits.json is needed")
    pairs = _pairs(folder / "splits.json")
    if not pairs:
        raise DataError("splits.json has no split")
    return len(pairs)


def _dataset(name: str, tables: Sequence[Table], options: Options, partition: Partition) -> Dataset:
    if options.id is not None or options.time is not None:
        return _sequences(name, tables[0], options, partition)
    predicted = target(tables, options)
    inputs = features(tables, options, [options.target])
    splits = partition(Split(inputs.values, predicted.values))
    return Dataset(name, table_spec(splits.train.inputs, inputs.names), _outputs(predicted, splits.train), *splits)


def _sequences(name: str, table: Table, options: Options, partition: Partition) -> Dataset:
    if options.id is None or options.time is None:
        raise DataError(f"{table.place}: sequences need both --id and --time; there are: {', '.join(table.columns)}")
    rows = _ordered_rows(table, options.id, options.time, options.steps)
    predicted = target([table], options)
    steps = features([table], options, [options.target, options.id, options.time])
    splits = partition(assemble(steps, predicted, rows))
    mean, scale = moments(splits.train.inputs)
    inputs = InputSpec("sequence", tuple(splits.train.inputs.shape[1:]), mean, scale, names=steps.names)
    return Dataset(name, inputs, _outputs(predicted, splits.train), *splits)


def assemble(features: Features, predicted: Target, rows: dict[str, list[int]]) -> Split:
    """Assemble sequences of steps; NaN fills the end of those that are shorter than the longest.

    A target that is the same in all steps of every sequence is one for the sequence, else one for every step.
    Sequences of different lengths need a network that reads them step by step.

    Args:
        features: Features of all lines, ``(N, features)``.
        predicted: Target of all lines.
        rows: Lines of each sequence in the order of its steps.
    """
    longest, width = max(map(len, rows.values())), features.values.shape[1]
    per_sequence = all(bool((predicted.values[steps] == predicted.values[steps[0]]).all()) for steps in rows.values())
    inputs = torch.full((len(rows), longest, width), torch.nan)
    targets = [predicted.values[steps[-1]] for steps in rows.values()] if per_sequence else []
    for i, steps in enumerate(rows.values()):
        inputs[i, : len(steps)] = features.values[steps]
        if not per_sequence:
            targets.append(_padded(predicted.values[steps], longest))
    return Split(inputs, torch.stack(targets))


def _ordered_rows(table: Table, sequence: str, time: str, steps: int | None) -> dict[str, list[int]]:
    when = [_moment(table, row, time, cell) for row, cell in enumerate(table.cells(time))]
    rows_of: dict[str, list[int]] = {}
    for row, key in enumerate(table.cells(sequence)):
        rows_of.setdefault(key, []).append(row)
    for key, rows in rows_of.items():
        rows.sort(key=lambda row: when[row])
        if again := [b for a, b in itertools.pairwise(rows) if when[a] == when[b]]:
            raise DataError(f"{table.where(again[0], time)}: {sequence} {key!r} has this time twice")
    return {key: rows[-steps:] if steps else rows for key, rows in rows_of.items()}


def _moment(table: Table, row: int, time: str, cell: str) -> float:
    if csv_table.is_number(cell):
        return float(cell)
    try:
        moment = datetime.fromisoformat(cell)
    except ValueError as error:
        raise DataError(
            f"{table.where(row, time)}: {cell!r} is no time; a number or a date such as 2024-12-31T23:59:00 is"
        ) from error
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def _padded(values: Tensor, length: int) -> Tensor:
    fill = torch.nan if values.is_floating_point() else VOID
    return torch.cat([values, values.new_full((length - len(values), *values.shape[1:]), fill)])


def _outputs(predicted: Target, train: Split) -> OutputSpec:
    return (
        OutputSpec("classification", predicted.names)
        if predicted.classes
        else target_spec(train.targets, predicted.names)
    )


def _parts(rows: Split, tables: Sequence[Table]) -> Parts:
    parts, start = {}, 0
    for table in tables:
        part = table.place.removesuffix(".csv")
        stop = start + len(table.lines)
        parts["validation" if part in VALIDATION_NAMES else part] = rows.rows(slice(start, stop))
        start = stop
    return Parts(**parts)


def _published(path: Path, number: int, rows: int) -> tuple[Tensor, Tensor]:
    pairs = _pairs(path)
    if not 0 <= number < len(pairs):
        raise DataError(f"{path.name} has no split {number}; it has {len(pairs)}, from 0")
    both = [*pairs[number].train, *pairs[number].test]
    if not both or min(both) < 0 or max(both) >= rows:
        raise DataError(f"{path.name}: split {number} names rows that are not among data.csv's {rows}")
    if len(set(both)) != len(both):
        raise DataError(f"{path.name}: split {number} names a row twice; train and test share none")
    train, test = (torch.tensor(part, dtype=torch.long) for part in (pairs[number].train, pairs[number].test))
    return train, test


def _pairs(path: Path) -> list[_Pair]:
    try:
        return msgspec.json.decode(path.read_bytes(), type=list[_Pair])
    except msgspec.DecodeError as error:
        raise DataError(f"{path.name} is not a list of pairs of row numbers, train and test") from error


def _check_classes_are_trained(dataset: Dataset, place: str) -> None:
    if dataset.outputs is None or dataset.outputs.task != "classification":
        return
    trained = set(dataset.train.targets.tolist())
    for index in dataset.test.targets.tolist():
        if index not in trained:
            raise DataError(f"{place}: the class {dataset.outputs.names[index]!r} is in the test rows only")
