"""Tables and sequences from files: one file, one for each part, or one with published splits."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import msgspec
import numpy as np
import torch
from msgspec.structs import replace as replace_struct
from numpy.typing import NDArray
from torch import Tensor

from models.specs import InputSpec, OutputSpec
from models.tables import TableSchema
from training.data.columns import values_of
from training.data.dataset import Dataset, Split, Splits, moments, table_spec, target_spec
from training.data.findings import findings_of
from training.data.missing import DROP_ROWS
from training.data.options import Options
from training.data.preparing import Prepared, observed, parts_of_sequences, prepare
from training.data.reading import find_table, read
from training.data.sequences import assemble, ordered_steps
from training.data.splitting import HELD_OUT, Parts, Rows, assign, hold_out_last, name_test_rows
from training.data.table import Table, join
from training.errors import DataError

Partition = Callable[[Split], Rows]
"""Function of all rows, in the order of the files, that returns the numbers of those of each split."""

VALIDATION_NAMES = ("val", "valid", "validation")
"""Names of a part that is held out for validation."""


class _Pair(msgspec.Struct):
    train: list[int]
    test: list[int]


def from_file(path: Path, name: str, options: Options) -> Dataset:
    """Load a table with a header; with ``id`` and ``time`` its rows are the steps of sequences."""
    table = read(path, options)
    dataset = _dataset(name, table, options, lambda rows: assign(Parts(rows), table.place, is_table=True))
    return replace(dataset, test_name=HELD_OUT)


def from_folder(folder: Path, name: str, options: Options) -> Dataset:
    """Load the tables ``train`` and ``test``, perhaps ``val``: parts that are held out already."""
    found = {part: find_table(folder, part) for part in ("train", *VALIDATION_NAMES, "test")}
    parts = {part: read(path, options) for part, path in found.items() if path is not None}
    if options.id is not None:
        raise DataError(f"{folder.name}: sequences are read from one file, not from several")
    table = join(list(parts.values()), folder.name)
    names = ["validation" if part in VALIDATION_NAMES else part for part in parts]

    def partition(rows: Split) -> Rows:
        counted = dict(zip(names, (rows.rows(place) for place in table.slices.values()), strict=True))
        return assign(Parts(**counted), folder.name, is_table=True)

    return replace(_dataset(name, table, options, partition), test_name=name_test_rows(names))


def from_uci(folder: Path, name: str, options: Options) -> Dataset:
    """Load the table ``data`` and one of the published pairs of train and test indices in ``splits.json``.

    The last fifth of its training rows is held out; :meth:`Dataset.refit` takes it in again, as the protocol does. All
    columns are predicted from, for the same reason.

    References:
        Hernández-Lobato & Adams (2015), whose splits Gal & Ghahramani (2016) use.
    """
    path = find_table(folder, "data")
    assert path is not None  # as the layout says
    table = read(path, options)
    number = options.split or 0
    if options.missing == DROP_ROWS:
        raise DataError(f"{folder.name}: --missing drop-rows does not go with splits.json, which numbers the rows")
    train, test = _published(folder / "splits.json", number, table)
    rows = hold_out_last(train, test, f"split {number}")
    chosen = replace(options, target=options.target or "y")
    told = {*chosen.targets, *chosen.drop, *chosen.categorical, *chosen.numeric, *chosen.date_formats}
    chosen = replace(chosen, keep=tuple(column for column in table.columns if column not in told))
    dataset = _dataset(name, table, chosen, lambda _: rows)
    _check_classes_are_trained(dataset, f"splits.json: split {number}")
    return replace(dataset, test_name=f"published test split {number}")


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


def _dataset(name: str, table: Table, options: Options, partition: Partition) -> Dataset:
    prepared = prepare(table, options)
    table, target = prepared.table, prepared.target
    steps = None
    if options.id is not None and options.time is not None:
        steps = ordered_steps(table, options.id, options.time, options.steps)
    rows = partition(_split(prepared, prepared.schema, steps))
    schema = observed(prepared, _training_rows(rows.train, steps, len(table)))
    every = _split(prepared, schema, steps)
    splits = Splits(*(every.rows(numbers) for numbers in rows))
    outputs = (
        OutputSpec("classification", target.names)
        if target.classes
        else target_spec(splits.train.targets, target.names)
    )
    found = findings_of(table, schema.columns, schema.left_out, target, parts_of_sequences(options))

    def place_of(part: str, row: int) -> str:
        number = int(getattr(rows, part)[row])
        return table.where(list(steps.values())[number][0] if steps else number, "")

    inputs = _inputs(splits.train, schema)
    return Dataset(name, inputs, outputs, *splits, notes=prepared.notes, findings=found, place_of=place_of)


def _split(prepared: Prepared, schema: TableSchema, steps: dict[str, list[int]] | None) -> Split:
    encoded = schema.encode({column.name: values_of(column, prepared.table) for column in schema.columns})
    if encoded.faults:
        fault = encoded.faults[0]
        raise DataError(f"{prepared.table.where(fault.row, fault.column)}: {fault.detail}")
    features = torch.from_numpy(encoded.features)
    if steps is None:
        return Split(features, prepared.target.values)
    return assemble(features, prepared.target, steps)


def _training_rows(numbers: Tensor, steps: dict[str, list[int]] | None, rows: int) -> NDArray[np.bool_]:
    """Return a mask of the table's rows that are trained on, given the numbers of the rows or sequences that are."""
    chosen = numbers.tolist()
    lines = list(steps.values()) if steps else []
    mask = np.zeros(rows, np.bool_)
    mask[[line for i in chosen for line in lines[i]] if steps else chosen] = True
    return mask


def _inputs(train: Split, schema: TableSchema) -> InputSpec:
    if train.inputs.ndim == 2:
        return replace_struct(table_spec(train.inputs, schema.features), table=schema)
    mean, scale = moments(train.inputs)
    return InputSpec("sequence", tuple(train.inputs.shape[1:]), mean, scale, names=schema.features, table=schema)


def _published(path: Path, number: int, table: Table) -> tuple[Tensor, Tensor]:
    pairs, rows = _pairs(path), len(table)
    if not 0 <= number < len(pairs):
        raise DataError(f"{path.name} has no split {number}; it has {len(pairs)}, from 0")
    both = [*pairs[number].train, *pairs[number].test]
    if not both or min(both) < 0 or max(both) >= rows:
        raise DataError(f"{path.name}: split {number} names rows that are not among {table.place}'s {rows}")
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
