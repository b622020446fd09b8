"""Sequences from a table whose rows are their steps."""

from __future__ import annotations

import itertools

import torch
from torch import Tensor

from models.columns import seconds_of
from models.specs import VOID
from training.data.cells import quoted
from training.data.dataset import Split
from training.data.table import Table
from training.data.targets import Target
from training.errors import DataError


def ordered_steps(table: Table, sequence: str, time: str, steps: int | None) -> dict[str, list[int]]:
    """Return the rows of each sequence in the order of its steps.

    Args:
        table: The table.
        sequence: Column that tells which sequence a row belongs to.
        time: Column that orders the rows of a sequence.
        steps: Number of last steps to keep, of a shorter sequence all; ``None`` keeps all.

    Raises:
        DataError: for a time that is none, or twice the same one in a sequence.
    """
    when = _moments(table, time)
    rows_of: dict[str, list[int]] = {}
    cells = table.columns[sequence]
    for row, key in enumerate(cells.spread(cells.values)):
        rows_of.setdefault(str(key), []).append(row)
    for key, rows in rows_of.items():
        rows.sort(key=lambda row: when[row])
        if again := [b for a, b in itertools.pairwise(rows) if when[a] == when[b]]:
            raise DataError(f"{table.where(again[0], time)}: {sequence} {key!r} has this time twice")
    return {key: rows[-steps:] if steps else rows for key, rows in rows_of.items()}


def assemble(features: Tensor, predicted: Target, rows: dict[str, list[int]], length: int | None = None) -> Split:
    """Assemble sequences of steps; NaN fills the end of those that are shorter than others.

    A target that is the same in all steps of every sequence is one for the sequence, else one for every step.
    Sequences of different lengths need a network that reads them step by step.

    Args:
        features: Features of all rows, ``(N, features)``.
        predicted: Target of all rows.
        rows: Rows of each sequence in the order of its steps.
        length: Number of steps of all, with those after the end; ``None`` for that of the longest.
    """
    length, width = length or max(map(len, rows.values())), features.shape[1]
    per_sequence = all(bool((predicted.values[steps] == predicted.values[steps[0]]).all()) for steps in rows.values())
    inputs = torch.full((len(rows), length, width), torch.nan)
    targets = [predicted.values[steps[-1]] for steps in rows.values()] if per_sequence else []
    for i, steps in enumerate(rows.values()):
        inputs[i, : len(steps)] = features[steps]
        if not per_sequence:
            targets.append(_padded(predicted.values[steps], length))
    return Split(inputs, torch.stack(targets))


def _moments(table: Table, time: str) -> list[float]:
    cells = table.columns[time]
    moments = [table.numbers.number(value) for value in cells.values]
    moments = [
        seconds_of(str(value)) if moment is None else moment
        for value, moment in zip(cells.values, moments, strict=True)
    ]
    if None in moments:
        row = int(cells.where([moment is None for moment in moments])[0])
        raise DataError(
            f"{table.where(row, time)}: {quoted(cells.values[cells.index[row]])} is no time; a number or a date such as"
            " 2024-12-31T23:59:00 is"
        )
    return [float(str(moment)) for moment in cells.spread(moments)]


def _padded(values: Tensor, length: int) -> Tensor:
    fill = torch.nan if values.is_floating_point() else VOID
    return torch.cat([values, values.new_full((length - len(values), *values.shape[1:]), fill)])
