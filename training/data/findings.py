"""What was found in a table and what becomes of it, a line for each column."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from models.columns import Column
from models.specs import OutputSpec
from models.tables import TableSchema
from training.data.cells import Cells
from training.data.dataset import Finding
from training.data.table import Table

HEADINGS = ("column", "kind", "unit", "values", "missing", "becomes")


def findings_of(table: Table, schema: TableSchema, outputs: OutputSpec, others: dict[str, str]) -> tuple[Finding, ...]:
    """Return what was found, in the order of the header.

    Args:
        table: The table, with its missing cells known.
        schema: What becomes of its columns.
        outputs: What is predicted.
        others: What becomes of columns that are neither features, left out nor predicted.
    """
    features = {column.name: column for column in schema.columns}
    left_out = {column.name: column.reason for column in schema.left_out}
    found = []
    for name, cells in table.columns.items():
        gaps = int(cells.missing.sum())
        if name in features:
            column = features[name]
            found.append(Finding(name, column.kind, column.unit, column.allowed, gaps, _features(column)))
        elif name in schema.targets:
            kind, values = _target(table, outputs, cells)
            found.append(Finding(name, kind, "", values, gaps, "what is predicted"))
        else:
            becomes = others.get(name) or f"left out, {left_out.get(name, '')}"
            found.append(Finding(name, "", "", f"{len(cells.values)} different", gaps, becomes))
    found += [Finding(name, why, "", "", 0, "left out") for name, why in table.unreadable.items()]
    return tuple(found)


def as_rows(findings: Sequence[Finding]) -> list[tuple[str, ...]]:
    """Return the cells of a table of findings, to show under :data:`HEADINGS`."""
    return [(f.column, f.kind, f.unit, f.values, str(f.missing) if f.missing else "", f.becomes) for f in findings]


def _features(column: Column) -> str:
    count = len(column.features)
    filled = f"; a missing value becomes {column.fill} and is marked" if column.fill is not None else ""
    return f"{'1 feature' if count == 1 else f'{count} features'}{filled}"


def _target(table: Table, outputs: OutputSpec, cells: Cells) -> tuple[str, str]:
    if outputs.task != "regression":
        return "class", ", ".join(outputs.names)
    numbers = np.array([table.numbers.number(value) for value in cells.values], np.float64)
    return "number", f"{numbers.min():g} to {numbers.max():g}"
