"""Rows by name as a model takes them: those of a table, or the inputs of a model that takes several."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.columns import show
from models.errors import InputShapeError, InputValueError, find_nearest
from models.parts import check_part, check_values, describe_parts, join_values, named_error
from models.specs import InputSpec
from service.errors import InvalidRequestError, UnsupportedTypeError
from service.handlers.tables import TableRows, read_named, read_positional
from service.http.named_arrays import NamedArrays
from service.http.named_rows import ABSENT, NamedRows, from_records
from service.http.negotiation import JSON, NPY
from service.http.request_body import numbers_from_json

Named = NamedRows | NamedArrays


def read_by_name(spec: InputSpec, named: Named, *, abstain: bool) -> TableRows:
    """Return rows by name as a model takes them: by column of a table, or by the names of its inputs.

    Args:
        spec: Input of the model.
        named: The rows.
        abstain: ``True`` if a row with an unknown category is not answered, where it is refused otherwise.

    Raises:
        CredenceError: naming the input, and pointing to the row where it is wrong.
        InvalidRequestError: likewise.
        UnsupportedTypeError: if arrays by name are sent to a model of one input.
    """
    if spec.parts:
        return _read_parts(spec, named, abstain=abstain)
    if isinstance(named, NamedArrays):
        raise UnsupportedTypeError(f"this model has one input, without a name; allowed are its rows as {NPY} or {JSON}")
    return read_named(spec, named, abstain=abstain)


def _read_parts(spec: InputSpec, named: Named, *, abstain: bool) -> TableRows:
    """Return the features ``(B, size)`` of rows that have several parts, and what is to be said of their columns."""
    if isinstance(named, NamedRows) and named.steps is not None:
        raise InvalidRequestError(
            f"a row is a list of records; allowed is one record a row, with {describe_parts(spec)}", "/inputs"
        )
    _check_names(spec, named)
    read = {name: _read_part(name, part, named, abstain=abstain) for name, part in spec.parts.items()}
    return _together(spec, read)


def _columns(named: Named) -> Any:
    return named.columns if isinstance(named, NamedRows) else named.arrays


def _check_names(spec: InputSpec, named: Named) -> None:
    """Refuse an input that the model does not have, and one that a row lacks."""
    columns, allowed = _columns(named), f"a row has {describe_parts(spec)}"
    for name in columns:
        if name not in spec.parts:
            close = find_nearest(name[:_LONGEST], list(spec.parts))
            hint = "" if close is None else f"; did you mean {show(close)}?"
            row = _first(columns[name], absent=False)
            raise InvalidRequestError(f"there is no input {show(name)}{hint}; {allowed}", named.cell_pointer(row, name))
    for name in spec.parts:
        row = _first(columns[name], absent=True) if name in columns else 0
        if row is not None:
            detail = f"the input {show(name)} is missing from row {row}; {allowed}"
            raise InvalidRequestError(detail, named.cell_pointer(row, name))


_LONGEST = 100
"""Characters of a name that is compared with others."""


def _first(cells: Any, *, absent: bool) -> Any:
    """Return the number of the first row that lacks a cell, or that has one; ``None`` if there is none."""
    if isinstance(cells, np.ndarray):
        return None if absent else 0
    return next((i for i, cell in enumerate(cells) if (cell is ABSENT) == absent), None)


def _read_part(name: str, part: InputSpec, named: Named, *, abstain: bool) -> TableRows:
    values = _columns(named)[name]
    if not isinstance(values, np.ndarray) and _is_record(values[0]):
        return _of_records(name, part, values, named, abstain=abstain)
    checked = check_part(name, part, _numbers(name, values, named), named.cell_pointer)
    nothing = TableRows(checked, None, np.zeros(len(checked), np.float32), [[] for _ in checked], [])
    return read_positional(part, checked) or nothing


def _is_record(cell: object) -> bool:
    while isinstance(cell, list) and cell:
        cell = cell[0]
    return isinstance(cell, dict)


def _numbers(name: str, values: NDArray[Any] | Sequence[object], named: Named) -> NDArray[Any]:
    if isinstance(values, np.ndarray):
        return values
    try:
        return numbers_from_json(list(values), at="/values")
    except (InputShapeError, InputValueError) as error:
        raise named_error(error, name, named.cell_pointer) from error


def _of_records(name: str, part: InputSpec, values: Sequence[Any], named: Named, *, abstain: bool) -> TableRows:
    """Return a part whose values are given by the names of its columns."""
    if part.table is None and not part.names:
        shape = " x ".join(map(str, part.shape))
        detail = f"the input {show(name)} has no names for its values; send {shape} numbers"
        raise InvalidRequestError(detail, named.cell_pointer(0, name))
    records = from_records(list(values), [named.cell_pointer(row, name) for row in range(len(values))])
    read = read_named(part, records, abstain=abstain)
    features = read.features
    if features.dtype != object:
        features[~read.known] = part.example().numpy()[0]  # nobody is answered for these rows
    return replace(read, features=check_values(name, part, features, named.cell_pointer))


def _together(spec: InputSpec, read: dict[str, TableRows]) -> TableRows:
    """Return the rows of all parts as one, columns with the name of their part ahead: ``patient.age``."""
    features = join_values(spec, {name: rows.features for name, rows in read.items()})
    outside = _prefixed({name: rows.outside for name, rows in read.items()}, len(features))
    unknown = _prefixed({name: rows.unknown for name, rows in read.items()}, len(features))
    ranged = any(rows.outside is not None for rows in read.values())
    excess = np.max([rows.excess for rows in read.values()], 0)
    ignored = [f"{name}.{column}" for name, rows in read.items() for column in rows.ignored]
    return TableRows(features, outside if ranged else None, excess, unknown, ignored)


def _prefixed(columns: Mapping[str, list[list[str]] | None], rows: int) -> list[list[str]]:
    """Return the columns that are named of each row, those of all parts together."""
    given = {name: named for name, named in columns.items() if named is not None}
    return [[f"{name}.{column}" for name, named in given.items() for column in named[row]] for row in range(rows)]
