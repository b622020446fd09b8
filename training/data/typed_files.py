"""Tables in Arrow's own formats: Parquet and Feather, whose columns have types."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.feather
import pyarrow.parquet

from training.data.cells import Cells, of_arrow
from training.data.table import Part, Table
from training.errors import DataError

PARQUET = (".parquet", ".pq")
FEATHER = (".feather", ".arrow")
_INDEX = re.compile(r"__index_level_\d+__")
"""Name under which pandas writes an index that has none."""


def read_typed(path: Path, place: str) -> Table:
    """Read a table of typed columns: numbers, text, booleans, dates, and dictionaries of these.

    Args:
        path: The file.
        place: Name of the file in messages.

    Raises:
        DataError: if the file is damaged, or has no row.
    """
    read = pyarrow.parquet.read_table if path.suffix.lower() in PARQUET else pyarrow.feather.read_table
    try:
        table: pa.Table = read(str(path), use_threads=False)
    except (pa.ArrowException, OSError) as error:
        raise DataError(f"{place} cannot be read as {path.suffix[1:]}: {error}") from error
    index = [name for name in table.column_names if _INDEX.fullmatch(name)]
    table = table.drop_columns(index)
    names = [str(name).strip() for name in table.column_names]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise DataError(f"{place} has more than one column named {twice[0]!r}; every column has a name of its own")
    if "" in names:
        raise DataError(f"{place}: column {names.index('') + 1} has no name")
    if not len(table):
        raise DataError(f"{place} has no row")
    columns: dict[str, Cells] = {}
    unreadable: dict[str, str] = {}
    for name, column in zip(names, table.columns, strict=True):
        try:
            columns[name] = of_arrow(column)
        except (TypeError, pa.ArrowException) as error:
            unreadable[name] = str(error)
    notes = (f"{place}: the index of pandas, which has no name, is left out",) * bool(index)
    return Table(place, columns, (Part(place, np.arange(1, len(table) + 1)),), unreadable=unreadable, notes=notes)
