"""Answers for rows of which some are not known: those abstain, and have no statistics."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from service.handlers.decisions import Decisions
from service.handlers.tables import TableRows


def decide_all(decided: Decisions, known: NDArray[np.bool_]) -> Decisions:
    """Return decisions for all rows of a table: rows that are not known abstain.

    Args:
        decided: Decisions for the rows that are known.
        known: ``True`` for each row that the model can answer for.
    """
    if known.all():
        return decided
    decisions, alarms = iter(decided.decisions or []), iter(decided.alarms or [])
    return replace(
        decided,
        decisions=[next(decisions, None) if one else "abstain" for one in known],
        alarms=[next(alarms, None) if one else ["unknown"] for one in known],
    )


def spread(entries: Mapping[str, Any], known: NDArray[np.bool_]) -> dict[str, Any]:
    """Return entries for all rows: NaN among numbers, which JSON has as null, and ``None`` among texts.

    Args:
        entries: Entries for the rows that are known, decisions and alarms for all.
        known: ``True`` for each row that they are for.
    """
    if known.all():
        return dict(entries)
    whole = ("decision", "alarms")
    return {name: entry if name in whole else _spread(name, entry, known) for name, entry in entries.items()}


def describe(table: TableRows, *, names_unknown: bool) -> dict[str, Any]:
    """Return what an answer says about the rows of a table.

    Args:
        table: The rows.
        names_unknown: ``True`` if unknown categories were allowed, so that the answer names them.
    """
    notes: dict[str, Any] = {} if table.outside is None else {"outside": table.outside}
    if names_unknown:
        notes["unknown"] = table.unknown
    return notes | ({"ignored": table.ignored} if table.ignored else {})


def _spread(name: str, entry: Any, known: NDArray[np.bool_]) -> Any:
    if isinstance(entry, dict):
        return {part: _spread(name, value, known) for part, value in entry.items()}
    if isinstance(entry, list):
        rows, blank = iter(entry), _blank(entry[0])
        return [next(rows) if one else blank for one in known]
    if not isinstance(entry, np.ndarray):
        return entry
    for axis in {"draws": (1,), "covariance": (-2, -1)}.get(name, (0,)):
        entry = _spread_axis(entry, known, axis)
    return entry


def _blank(row: Any) -> Any:
    """Return no names in the place of a row's names, or of the names at each of its steps."""
    return [_blank(step) for step in row] if row and isinstance(row[0], list) else None


def _spread_axis(array: NDArray[Any], known: NDArray[np.bool_], axis: int) -> NDArray[Any]:
    shape = list(array.shape)
    shape[axis] = len(known)
    whole = np.full(shape, np.nan if array.dtype.kind == "f" else None)
    np.moveaxis(whole, axis, 0)[known] = np.moveaxis(array, axis, 0)[: known.sum()]  # none, or as many as are known
    return whole
