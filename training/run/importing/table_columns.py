"""The columns of a stranger's table, by which the features of a network get names."""

from __future__ import annotations

from pathlib import Path

import msgspec

from models.columns import Column
from models.errors import list_names
from models.specs import InputSpec
from models.tables import TableSchema
from training.data.options import Options
from training.data.reading import read
from training.data.targets import target_names
from training.data.whole import tables_of
from training.errors import ImportModelError

_MOST_NAMES = 8


def name_columns(
    inputs: InputSpec, place: Path, options: Options
) -> tuple[InputSpec, tuple[str, ...], tuple[str, ...]]:
    """Return inputs whose features are columns of a table, the columns to predict, and in words what was made of it.

    Columns are numbers, in the order of the file, unless a schema has said what they are.

    Args:
        inputs: Specification of the inputs.
        place: File or folder of the rows; where it is no table, nothing is to be named.
        options: Options on how to read it.

    Raises:
        DataError: if the table cannot be read, or if no column to predict is named.
        ImportModelError: if it has not as many columns as the network has features.
    """
    tables = tables_of(place) if inputs.kind in ("table", "sequence") else []
    if not tables:
        return inputs, (), ()
    table = read(tables[0], options)
    targets = target_names(table, options)
    if inputs.table is not None:
        schema = msgspec.structs.replace(inputs.table, targets=targets)
        return msgspec.structs.replace(inputs, table=schema), targets, ()
    apart = {*targets, options.id, options.time, *options.drop}
    names = inputs.names or tuple(name for name in table.columns if name not in apart)
    if len(names) != inputs.shape[-1]:
        raise ImportModelError(
            f"{table.place} has {len(names)} columns beside {', '.join(targets)}, and a row of the network"
            f" {inputs.shape[-1]} features; --drop leaves columns out, or an --inputs file names those to take"
        )
    schema = TableSchema(tuple(Column(name, "number") for name in names), targets=targets)
    told = f"features are the columns {list_names(names, _MOST_NAMES)}, in this order, as numbers"
    return msgspec.structs.replace(inputs, names=schema.features, table=schema), targets, (told,)
