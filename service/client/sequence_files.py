"""Tables whose rows are the steps of sequences: read whole, put in order, and sent as lists of records."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa

from service.client.batches import Batch, StepForm, TextForm
from service.client.errors import InputFileError
from service.client.rows import as_rows


def sequence_batches(
    table: pa.Table, path: Path, size: int, form: TextForm, steps: StepForm, longest: int
) -> Iterator[Batch]:
    """Yield the sequences of a table, in the order in which the file names them, some at a time.

    Args:
        table: All rows of the file.
        path: The file, for messages.
        size: Number of sequences in a batch.
        form: Form of the texts, with the names of the columns that hold numbers.
        steps: Columns that tell sequences apart and order their steps.
        longest: Largest number of steps that the model takes.

    Raises:
        InputFileError: if a column is not there, a step has no time, or a sequence has one twice or too many steps.
    """
    for name in (steps.id, steps.time):
        if name not in table.column_names:
            raise InputFileError(f"{path}: there is no column {name!r}; columns are: {', '.join(table.column_names)}")
    cells = {name: table[name].to_pylist() for name in table.column_names}
    names, times = cells.pop(steps.id), _moments(cells.pop(steps.time), path, steps)
    columns = {name: list(map(_number, column)) if name in form.numbers else column for name, column in cells.items()}
    sequences = _in_order(names, times, path, steps)
    for name, rows in sequences.items():
        if len(rows) > longest:
            hint = f"--steps {longest} keeps the last of each"
            raise InputFileError(f"{path}: {name!r} has {len(rows)} steps, and the model takes {longest}; {hint}")
    keys = list(sequences)
    for start in range(0, len(keys), size):
        ids = keys[start : start + size]
        records = [[{name: column[row] for name, column in columns.items()} for row in sequences[key]] for key in ids]
        yield Batch(as_rows(records), ids, min(1.0, (start + size) / len(keys)), "sequence")


def _in_order(names: Sequence[Any], times: Sequence[float], path: Path, steps: StepForm) -> dict[str, list[int]]:
    """Return the rows of each sequence that are kept, in the order of their times."""
    rows_of: dict[str, list[int]] = {}
    for row, name in enumerate(names):
        if name is None or name == "":
            raise InputFileError(f"{path}: row {row} has nothing in {steps.id!r}, which tells sequences apart")
        rows_of.setdefault(str(name), []).append(row)
    for name, rows in rows_of.items():
        rows.sort(key=lambda row: times[row])
        if again := [b for a, b in itertools.pairwise(rows) if times[a] == times[b]]:
            raise InputFileError(f"{path}: row {again[0]}: {steps.id} {name!r} has this {steps.time!r} twice")
    return {name: rows[-steps.last :] if steps.last else rows for name, rows in rows_of.items()}


def _moments(values: Sequence[Any], path: Path, steps: StepForm) -> list[float]:
    moments = [_moment(value) for value in values]
    if None in moments:
        row = moments.index(None)
        allowed = "a number or a date such as 2024-12-31T23:59:00 is"
        raise InputFileError(f"{path}: row {row}, column {steps.time!r}: {values[row]!r} is no time; {allowed}")
    return [moment for moment in moments if moment is not None]


def _moment(value: Any) -> float | None:
    """Return a time as a number; a date in seconds since 1970, in UTC where it names no time zone."""
    number = _number(value)
    if isinstance(number, int | float) and math.isfinite(number):
        return float(number)
    try:
        moment = datetime.fromisoformat(str(value.isoformat() if isinstance(value, date) else value).strip())
    except ValueError:
        return None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def _number(value: Any) -> Any:
    """Return the finite number that a text holds, and all else as it is."""
    try:
        number = float(value) if isinstance(value, str) and "_" not in value else math.nan
    except ValueError:
        return value
    return number if math.isfinite(number) else value
