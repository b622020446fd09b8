"""Rows of a table as a model takes them, with what an answer says about them: unknown, outside, ignored."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.columns import Column, number_in
from models.parts import describe_parts
from models.specs import InputSpec
from models.tables import TableSchema
from service.errors import InvalidRequestError
from service.handlers.table_faults import check_faults
from service.http.named_rows import ABSENT, NamedRows


@dataclass(frozen=True)
class TableRows:
    """Rows of a table as features.

    Attributes:
        features: Raw rows ``(B, *shape)``; of sequences of different lengths, an array of arrays.
        outside: Names of the columns of each row whose value is far beyond the observed range; ``None`` if the model
            does not know the ranges.
        excess: Largest distance of each row beyond the observed range, in widths of that range.
        unknown: Names of the columns of each row whose category no training row has.
        ignored: Names of columns that were sent, and that the model does not predict from.
    """

    features: NDArray[Any]
    outside: list[list[str]] | None
    excess: NDArray[np.float32]
    unknown: list[list[str]]
    ignored: list[str]

    @property
    def known(self) -> NDArray[np.bool_]:
        """``True`` for each row that the model can answer for."""
        return np.array([not names for names in self.unknown], np.bool_)


def read_named(spec: InputSpec, named: NamedRows, *, abstain: bool) -> TableRows:
    """Return rows by column name as features.

    Args:
        spec: Input of the model.
        named: The rows.
        abstain: ``True`` if a row with an unknown category is not answered, where it is refused otherwise.

    Raises:
        InvalidRowsError: with every cell that cannot be used, and the columns that are missing or not known.
        InvalidRequestError: if the model takes no rows by name, or sequences where these are none.
    """
    schema = schema_of(spec)
    if (spec.kind == "sequence") != (named.steps is not None):
        allowed = "lists of records, a record a step" if spec.kind == "sequence" else "records, one a row"
        raise InvalidRequestError(f"the rows have the wrong form for this model; allowed are {allowed}", "/inputs")
    cells = {column.name: _cells(column, named) for column in schema.columns}
    encoded = schema.encode(cells)
    present = [fault for fault in encoded.faults if _cell(named, fault.row, fault.column) is not ABSENT]
    unknown = [fault for fault in present if fault.unknown and abstain]
    refused = [fault for fault in present if not (fault.unknown and abstain)]
    check_faults(schema, named, refused)
    row_of = np.arange(named.count) if named.steps is None else np.arange(len(named.steps)).repeat(named.steps)
    names: list[list[str]] = [[] for _ in range(named.count if named.steps is None else len(named.steps))]
    for fault in unknown:
        if fault.column not in names[row_of[fault.row]]:
            names[row_of[fault.row]].append(fault.column)
    ignored = [name for name in named.columns if name not in cells]
    return _table_rows(schema, _in_rows(encoded.features, named.steps), names, ignored)


def check_position(spec: InputSpec, rows: NDArray[Any]) -> None:
    """Raise unless rows of features can be sent as they are.

    Raises:
        InvalidRequestError: with a record that the model takes, or the inputs of one of several; or if there is no row.
    """
    if spec.parts:
        raise InvalidRequestError(
            f"this model takes rows by the names of its inputs, {describe_parts(spec)}: send records with them",
            "/inputs",
        )
    if not len(rows):
        raise InvalidRequestError("inputs has no row; allowed is at least one", "/inputs")
    if spec.table is not None and not spec.table.is_positional:
        raise InvalidRequestError(
            "this model takes rows by name alone: dates and missing values are several features, which are ours to"
            f" know; send records such as {spec.table.example_text}",
            "/inputs",
        )


def read_positional(spec: InputSpec, rows: NDArray[np.float32]) -> TableRows | None:
    """Return checked rows of features that were sent as they are; ``None`` if the model has no table.

    Raises:
        InputValueError: if a one-hot is none.
    """
    if spec.table is None:
        return None
    spec.table.check_one_hots(rows)
    return _table_rows(spec.table, rows, [[] for _ in rows], [])


def schema_of(spec: InputSpec) -> TableSchema:
    """Return the columns that records of a model have: those of its table, or else its named features as numbers.

    Raises:
        InvalidRequestError: if the model takes images, or its columns have no names.
    """
    if spec.table is not None:
        return spec.table
    if spec.kind == "image" or not spec.names:
        there = "takes images" if spec.kind == "image" else "has no names for its columns"
        raise InvalidRequestError(f"this model {there}; send its rows by position, as numbers", "/inputs")
    return TableSchema(tuple(Column(name, "number") for name in spec.names))


def _table_rows(schema: TableSchema, features: NDArray[Any], unknown: list[list[str]], ignored: list[str]) -> TableRows:
    steps = features.dtype == object or features.ndim > 2
    beyond = np.stack([schema.outside(row).max(0) for row in features]) if steps else schema.outside(features)
    names = [column.name for column in schema.columns]
    outside = [[name for name, far in zip(names, row, strict=True) if far] for row in beyond.tolist()]
    ranged = any(column.low is not None for column in schema.columns)
    return TableRows(features, outside if ranged else None, beyond.max(1), unknown, ignored)


def _in_rows(features: NDArray[np.float32], steps: Sequence[int] | None) -> NDArray[Any]:
    """Return the features of all steps as one array for each sequence; unchanged if rows are none."""
    if steps is None:
        return features
    rows = np.empty(len(steps), object)
    rows[:] = np.split(features, np.cumsum(steps)[:-1])
    return rows


def _cell(named: NamedRows, row: int, name: str) -> object:
    return named.columns[name][row] if name in named.columns else ABSENT


def _cells(column: Column, named: NamedRows) -> Sequence[object]:
    """Return the cells of a column, ``None`` where there is none; numbers that are written as texts are numbers."""
    cells = [None if cell is ABSENT else cell for cell in named.columns.get(column.name, [None] * named.count)]
    if not (named.are_texts and column.kind == "number"):
        return cells
    return [number_in(cell) if isinstance(cell, str) else cell for cell in cells]
