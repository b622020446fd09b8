"""The calibration rows as a checkpoint keeps them: what the model said of each, after several numbers of draws.

Every guarantee is a function of these rows. Their inputs are not kept.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any

import msgspec
import numpy as np
import safetensors.numpy
from msgspec import Meta
from numpy.typing import NDArray

from models.errors import CheckpointError
from models.guarantees.conformal import rows_needed
from models.guarantees.risk import RISKS, RiskCurves

Numbers = NDArray[np.float32]
FILE = "calibration.safetensors"
CLASS = "class"
"""Name of what rows are grouped by, where that is their class."""
GROUP = "group:"
"""Beginning of the name of what rows are grouped by, where that is a column of a table."""
SEED = 0
"""Seed whose draws calibration rows are asked with: the one of requests that name none."""
FALSE_ALARM_RATE = 0.05
"""Share of rows of a model's own kind that it abstains from."""


class Calibration(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a manifest says about the calibration.

    Attributes:
        false_alarm_rate: Share of rows of the model's own kind that it abstains from.
        rows: Number of calibration rows.
        draws: Numbers of draws that were calibrated; empty in checkpoints that are older, whose thresholds held at 50
            draws alone and are not used.
        mixed: Numbers of draws that were calibrated with many seeds as well.
        evidence: Kinds of evidence that a decision looks at.
        groups: Names of the groups of rows, by what rows are grouped by: ``class``, and ``group:COLUMN`` for columns
            of a table.
        threshold: Threshold of an older checkpoint.
        scores: Scores of an older checkpoint.
    """

    false_alarm_rate: Annotated[float, Meta(gt=0, lt=1)]
    rows: Annotated[int, Meta(ge=1)]
    draws: tuple[int, ...] = ()
    mixed: tuple[int, ...] = ()
    evidence: tuple[str, ...] = ()
    groups: dict[str, tuple[str, ...]] = {}
    threshold: float | None = None
    scores: tuple[float, ...] = ()


@dataclass(frozen=True)
class CalibrationRows:
    """What a model said of ``n`` rows that it was not trained on, after each of ``K`` numbers of draws.

    Few draws of one seed are one function, or two, with peculiarities of their own. Rows of that seed vouch for answers
    of that seed; for those of any other, rows that were asked with many seeds do.

    Attributes:
        draws: Numbers of draws of :data:`SEED`, rising; 0 is the posterior's mean function.
        evidence: Evidence by its kind, ``(K, n)``, or ``(1, n)`` where the draws do not matter; NaN where there is
            none, as of a single function.
        scores: Non-conformity scores of the true outcomes by their kind, ``(K, n)``; none without a single outcome.
        doubt: What orders rows from sure to unsure, ``(K, n)``: one minus the largest probability, or the standard
            deviation of the outcome.
        loss: What a wrong answer costs, ``(K, n)``: 1 for a wrong class, the absolute error of a single target.
        groups: Index of the group of each row, ``(n,)``, by what they are grouped by.
        group_names: Names of the groups, by what they are grouped by.
        risk: Risk of missing an outcome at each threshold, where a row has many; ``None`` where it has one.
        mixed: Numbers of draws of other seeds, rising, each seed for some of the rows. They come after :attr:`draws`
            along the axis ``K`` of all arrays.
    """

    draws: tuple[int, ...]
    evidence: Mapping[str, Numbers]
    scores: Mapping[str, Numbers] = field(default_factory=dict)
    doubt: Numbers | None = None
    loss: Numbers | None = None
    groups: Mapping[str, NDArray[np.int64]] = field(default_factory=dict)
    group_names: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    risk: RiskCurves | None = None
    mixed: tuple[int, ...] = ()

    def __len__(self) -> int:
        return int(next(iter(self.evidence.values())).shape[-1])

    def position(self, samples: int, seed: int = SEED) -> int:
        """Return what an answer of so many draws of a seed is compared with: the largest number that is not larger.

        Beyond the numbers that were asked with many seeds, one seed's draws are as good as another's.
        """
        position = bisect_right(self.draws, samples) - 1
        if seed == SEED or not self.mixed or not self.mixed[0] <= self.draws[position] <= self.mixed[-1]:
            return position
        return len(self.draws) + bisect_right(self.mixed, samples) - 1

    def evidence_at(self, position: int) -> dict[str, Numbers]:
        """Return the evidence by its kind, ``(n,)``, after the number of draws at a position."""
        return {name: values[min(position, len(values) - 1)] for name, values in self.evidence.items()}

    def scores_after(self, samples: int, kind: str, seed: int = SEED) -> Numbers:
        """Return the scores of one kind, ``(n,)``, that an answer of so many draws of a seed is compared with."""
        scores: Numbers = self.scores[kind][self.position(samples, seed)]
        return scores

    def hold_by_class(self, level: float) -> bool:
        """Return whether every class, or label, has rows enough for a level of its own: it is the default then."""
        if self.risk is not None:
            counts = self.risk.rows[:-1]
        elif CLASS in self.groups:
            counts = np.bincount(self.groups[CLASS], minlength=len(self.group_names[CLASS]))
        else:
            return False
        return bool(len(counts)) and int(counts.min()) >= rows_needed(level)

    def summary(self) -> Calibration:
        """Return what the manifest says."""
        return Calibration(
            FALSE_ALARM_RATE, len(self), self.draws, self.mixed, tuple(self.evidence), dict(self.group_names)
        )

    def serialise(self) -> bytes:
        """Return the rows as the bytes of a safetensors file."""
        tensors: dict[str, NDArray[Any]] = {f"evidence/{name}": values for name, values in self.evidence.items()}
        tensors |= {f"scores/{name}": values for name, values in self.scores.items()}
        tensors |= {f"groups/{name}": values for name, values in self.groups.items()}
        tensors |= {name: values for name in ("doubt", "loss") if (values := getattr(self, name)) is not None}
        if self.risk is not None:
            tensors |= {"risk/thresholds": self.risk.thresholds, "risk/rows": self.risk.rows}
        return safetensors.numpy.save({name: np.ascontiguousarray(values) for name, values in tensors.items()})


def read(content: bytes, summary: Calibration) -> CalibrationRows:
    """Return the rows that :meth:`CalibrationRows.serialise` wrote.

    Raises:
        CheckpointError: if they are not those that the manifest tells of.
    """
    try:
        tensors = safetensors.numpy.load(content)
    except safetensors.SafetensorError as error:
        raise CheckpointError(f"{FILE}: {error}") from error
    numbers = len(summary.draws) + len(summary.mixed)
    risk = _risk_curves(tensors, numbers)
    parts: dict[str, dict[str, NDArray[Any]]] = {"evidence": {}, "scores": {}, "groups": {}, "doubt": {}, "loss": {}}
    allowed = {(numbers, summary.rows), (1, summary.rows)}
    for name, values in tensors.items():
        kind, _, key = name.partition("/")
        if kind not in parts or values.shape not in (allowed if kind != "groups" else {(summary.rows,)}):
            raise CheckpointError(f"{FILE}: {name} {values.shape} does not fit the manifest")
        parts[kind][key] = values
    if tuple(sorted(parts["evidence"])) != tuple(sorted(summary.evidence)) or parts["groups"].keys() != set(
        summary.groups
    ):
        raise CheckpointError(f"{FILE} does not hold the evidence and groups that the manifest lists")
    _check_evidence(parts["evidence"], [*summary.draws, *summary.mixed])
    _check_groups(parts["groups"], summary.groups)
    return CalibrationRows(
        summary.draws,
        {name: parts["evidence"][name] for name in summary.evidence},
        parts["scores"],
        parts["doubt"].get(""),
        parts["loss"].get(""),
        parts["groups"],
        summary.groups,
        risk,
        summary.mixed,
    )


def _check_evidence(evidence: Mapping[str, Numbers], draws: Sequence[int]) -> None:
    """Raise unless evidence is of all rows or, as of a single function, of none, and of some kind wherever it decides.

    Raises:
        CheckpointError: naming what is not.
    """
    spoken = {name: np.isfinite(values) for name, values in evidence.items()}
    for name, finite in spoken.items():
        if (finite.any(-1) != finite.all(-1)).any():
            raise CheckpointError(f"{FILE}: evidence/{name} holds NaN or infinity beside numbers")
    for position, number in enumerate(draws):
        decides = number > 1 or max(draws) <= 1
        if decides and not any(finite[min(position, len(finite) - 1)].all() for finite in spoken.values()):
            raise CheckpointError(f"{FILE} holds no evidence after {number} draws")


def _check_groups(groups: Mapping[str, NDArray[Any]], names: Mapping[str, Sequence[str]]) -> None:
    """Raise unless the group of every row is one that has a name.

    Raises:
        CheckpointError: naming what rows are grouped by.
    """
    for by, indices in groups.items():
        if indices.dtype != np.int64 or ((indices < 0) | (indices >= len(names[by]))).any():
            raise CheckpointError(f"{FILE}: groups/{by} holds others than the {len(names[by])} that the manifest names")


def _risk_curves(tensors: dict[str, NDArray[Any]], draws: int) -> RiskCurves | None:
    """Take the curves of risk out of tensors, if they are there."""
    thresholds, rows = tensors.pop("risk/thresholds", None), tensors.pop("risk/rows", None)
    if thresholds is None or rows is None:
        return None
    if thresholds.shape != (draws, len(rows), len(RISKS)):
        raise CheckpointError(f"{FILE}: risk/thresholds {thresholds.shape} does not fit the manifest")
    return RiskCurves(thresholds, rows)
