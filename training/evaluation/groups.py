"""Groups of rows: those of one category of a column, or of one part of its range."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from models.checkpoints.checkpoint import Model
from models.errors import did_you_mean, list_names
from models.prediction.predictor import Predictor
from models.specs import InputSpec
from training.data import Dataset
from training.errors import DataError
from training.evaluation.cautions import FEW_ROWS
from training.evaluation.evaluate import FamilyMetrics
from training.evaluation.measurement import Metrics
from training.evaluation.metrics.prediction import measure_predictor
from training.evaluation.predictor import PredictorEvaluation

_PARTS = 4
"""Number of parts of a range of numbers, with equally many test rows each."""
_MOST_NAMES = 20
_MISSING = "missing"


@dataclass(frozen=True)
class Group:
    """Test rows that are alike in one column.

    Attributes:
        name: Category, or the part of the range.
        rows: Numbers of the rows in the test split, ``(N,)``.
    """

    name: str
    rows: Tensor


@dataclass(frozen=True)
class GroupMetrics:
    """Figures of one group.

    Attributes:
        name: Name of the group.
        rows: Number of its test rows.
        metrics: Figures by name; one that a group does not allow is missing.
    """

    name: str
    rows: int
    metrics: Metrics


def find_groups(inputs: InputSpec, rows: Tensor, column: str) -> list[Group]:
    """Return the groups of rows by a column, in the order of its categories or of its values; none is empty.

    A column of up to as many different numbers as there are parts has a group for each number.

    Args:
        inputs: Specification of the rows.
        rows: Raw rows of a table, ``(N, features)``.
        column: Name of a column that the model predicts from.

    Raises:
        DataError: if the rows are no table, or it has no such column.
    """
    if inputs.kind != "table":
        there = "have several inputs" if inputs.parts else f"are {inputs.kind}s"
        raise DataError(f"--by groups the rows of a table by a column; these rows {there}")
    known = inputs.names if inputs.table is None else tuple(one.name for one in inputs.table.columns)
    if column not in known:
        left_out = [] if inputs.table is None else [one.name for one in inputs.table.left_out]
        reason = ", which the model does not predict from" if column in left_out else ""
        there_are = did_you_mean(column, known) or f"; columns are: {list_names(known, _MOST_NAMES)}"
        raise DataError(f"--by {column}: the model has no such column{reason}{there_are}")
    features = rows.double().numpy()
    if inputs.table is None:
        return _parts(features[:, inputs.names.index(column)], features[:, inputs.names.index(column)].tolist())
    found = next(one for one in inputs.table.columns if one.name == column)
    cells = [record[column] for record in inputs.table.decode(rows.numpy())]
    if found.kind == "category":
        return _categories(cells)
    return _parts(features[:, inputs.names.index(found.features[0])], cells)


def check_groups(model: Model, dataset: Dataset, column: str) -> None:
    """Refuse a column that cannot group the rows, before anything is measured.

    Raises:
        DataError: if there is no such column, or the model is a generator.
    """
    if not isinstance(model, Predictor):
        raise DataError("--by groups the rows of a table by a column; a generator has none")
    find_groups(model.inputs, dataset.test.rows(slice(1)).inputs, column)


def measure_groups(evaluation: PredictorEvaluation, family: FamilyMetrics, column: str) -> list[GroupMetrics]:
    """Return all figures of every group of a test split.

    Args:
        evaluation: The evaluation of all rows.
        family: Function that measures what only models of its family have.
        column: Name of the column that groups the rows.

    Raises:
        DataError: if the rows have no such column.
    """
    dataset, measured = evaluation.dataset, []
    for group in find_groups(evaluation.predictor.inputs, dataset.test.rows(slice(None)).inputs, column):
        part = replace(dataset, test=dataset.test.rows(group.rows), truth=None)
        metrics = measure_predictor(replace(evaluation, dataset=part, ood=None))
        metrics |= family(evaluation.predictor, part, evaluation.samples, evaluation.seed)
        measured.append(GroupMetrics(group.name, len(group.rows), metrics))
    return measured


def find_group_cautions(column: str, groups: Sequence[GroupMetrics]) -> list[str]:
    """Return a sentence on groups of few rows, if there are any."""
    few = [f"{group.name} ({group.rows})" for group in groups if group.rows < FEW_ROWS]
    if not few:
        return []
    return [
        f"Fewer than {FEW_ROWS} test rows in these groups of {column}, whose shares are known to ±6 points at best:"
        f" {list_names(few, _MOST_NAMES)}."
    ]


def _categories(cells: Sequence[object]) -> list[Group]:
    names = np.array([_MISSING if cell is None else str(cell) for cell in cells], object)
    return [Group(name, torch.from_numpy((names == name).nonzero()[0])) for name in sorted(set(names))]


def _parts(values: NDArray[np.float64], cells: Sequence[object]) -> list[Group]:
    """Return a group for each value where they are few, else for each part of the range, named by its ends."""
    missing = np.array([cell is None for cell in cells])
    seen, place = np.unique(values[~missing], return_inverse=True)
    if len(seen) > _PARTS:
        inner = np.unique(np.quantile(values[~missing], np.linspace(0, 1, _PARTS + 1)[1:-1]))
        place = np.searchsorted(inner, values[~missing], side="right")
    there = (~missing).nonzero()[0]
    groups = []
    for part in np.unique(place):
        rows = there[place == part]
        low, high = (_show(cells[rows[end]]) for end in (values[rows].argmin(), values[rows].argmax()))
        groups.append(Group(low if low == high else f"{low} to {high}", torch.from_numpy(rows)))
    return groups + ([Group(_MISSING, torch.from_numpy(missing.nonzero()[0]))] if missing.any() else [])


def _show(cell: object) -> str:
    return f"{cell:g}" if isinstance(cell, float) else str(cell)
