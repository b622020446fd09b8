"""Findings on a table, a line for each column, with what becomes of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from models.columns import MOST_NAMES, Column
from models.errors import list_names
from models.tables import LeftOut
from training.data.cells import Cells
from training.data.dataset import Finding
from training.data.table import Table
from training.data.targets import Target
from training.data.units import unit_of

HEADINGS = ("column", "kind", "unit", "values", "missing", "becomes")


def findings_of(
    table: Table, columns: Sequence[Column], left_out: Sequence[LeftOut], target: Target, others: Mapping[str, str]
) -> tuple[Finding, ...]:
    """Return what was found, in the order of the header.

    Args:
        table: The table, with its missing cells known.
        columns: Columns that are predicted from.
        left_out: Columns that are not, and why.
        target: Columns that are predicted.
        others: Fate of the other columns, by name.
    """
    features, reasons = {column.name: column for column in columns}, {column.name: column.reason for column in left_out}
    found = []
    for name, cells in table.columns.items():
        gaps, column = int(cells.missing.sum()), features.get(name)
        if column is not None:
            found.append(Finding(name, column.kind, column.unit, column.allowed, gaps, _features(column)))
        elif name in target.columns:
            kind = "class" if target.classes else "number"
            found.append(Finding(name, kind, unit_of(name), _target(table, target, cells), gaps, "what is predicted"))
        else:
            becomes = others.get(name) or f"left out: {reasons[name]}" if name in {**others, **reasons} else "refused"
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


def _target(table: Table, target: Target, cells: Cells) -> str:
    if target.classes:
        return list_names(target.names, MOST_NAMES)
    numbers = [number for value in cells.values if (number := table.numbers.number(value)) is not None]
    return f"{min(numbers):g} to {max(numbers):g}" if numbers else ""
