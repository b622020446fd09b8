"""The refusal of rows by name: every column and every cell that a model cannot use, ten of them in words."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial

from models.columns import Column, Fault, show
from models.errors import find_nearest, list_names
from models.tables import TableSchema
from service.errors import FieldError, InvalidRowsError
from service.http.named_rows import ABSENT, NamedRows

_MOST_ERRORS = 10
_LONGEST_NAME = 40
_MOST_NAMES = 20


def check_faults(schema: TableSchema, named: NamedRows, refused: Sequence[Fault]) -> None:
    """Raise if there is any fault; only those that the answer names are written.

    Args:
        schema: Columns of the model.
        named: The rows.
        refused: Cells that cannot be used.

    Raises:
        InvalidRowsError: with the number of faults and the first ten, row by row.
    """
    faults: list[tuple[int, Callable[[], FieldError]]] = [
        *_column_faults(schema, named),
        *((fault.row, partial(_field_error, named, fault)) for fault in refused),
    ]
    if not faults:
        return
    faults.sort(key=lambda fault: fault[0])
    errors = [write() for _, write in faults[:_MOST_ERRORS]]
    first = errors[0]
    count = f"{len(faults)} faults in the rows, the first at {first.pointer}: {first.detail}"
    one = f"{first.detail} (at {first.pointer})"
    raise InvalidRowsError(count if len(faults) > 1 else one, first.pointer, errors)


def _field_error(named: NamedRows, fault: Fault) -> FieldError:
    return FieldError(named.cell_pointer(fault.row, fault.column), fault.detail)


def _column_faults(schema: TableSchema, named: NamedRows) -> Iterator[tuple[int, Callable[[], FieldError]]]:
    """Yield the columns that the model does not know, and those that a row, or every row, lacks."""
    known = {column.name for column in schema.columns}
    beside = {*schema.targets, *(column.name for column in schema.left_out)}
    for name, cells in named.columns.items():
        if name not in known | beside:
            row = next(row for row, cell in enumerate(cells) if cell is not ABSENT)
            yield row, partial(_unknown_column, schema, named, name, row)
    for column in schema.columns:
        if column.name not in named.columns:
            yield 0, partial(_absent, named, column, 0, f"all {named.count} rows" * (named.count > 1))
        else:
            for row, cell in enumerate(named.columns[column.name]):
                if cell is ABSENT:
                    yield row, partial(_absent, named, column, row)


def _unknown_column(schema: TableSchema, named: NamedRows, name: str, row: int) -> FieldError:
    names = [column.name for column in schema.columns]
    close = find_nearest(name, names) if len(name) <= _LONGEST_NAME else None
    hint = "" if close is None else f"; did you mean {show(close)}?"
    pointer = named.cell_pointer(row, name) if len(name) <= _LONGEST_NAME else named.row_pointer(row)
    detail = f"there is no column {show(name)}{hint}; columns are: {list_names(names, _MOST_NAMES)}"
    return FieldError(pointer, detail)


def _absent(named: NamedRows, column: Column, row: int, where: str = "") -> FieldError:
    instead = ", or null where it is not known" if column.fill is not None else ""
    detail = (
        f"the column {show(column.name)} is missing from {where or 'the row'}; allowed are: {column.allowed}{instead}"
    )
    return FieldError(named.cell_pointer(row, column.name), detail)
