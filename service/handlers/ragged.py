"""Answers at every step of sequences of different lengths: they end where the sequence does."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

_NOT_BY_STEP = ("ood_score", "decision", "alarms", "covariance")


def name_no_step_after_the_end(labels: NDArray[np.str_], mean: NDArray[np.float64]) -> NDArray[np.str_]:
    """Return labels ``(B, steps)`` that are empty after the end of a sequence, where the mean is NaN."""
    named: NDArray[np.str_] = np.where(np.isnan(mean[..., 0]), "", labels)
    return named


def end_with_rows(entries: Mapping[str, Any], rows: NDArray[np.float32]) -> dict[str, Any]:
    """Return an answer's entries without the steps after the end of each sequence.

    Args:
        entries: Entries, those of every step ``(B, steps, ...)``, draws ``(S, B, steps, ...)``, and others.
        rows: Raw rows ``(B, steps, features)``, NaN after the end of each.
    """
    lengths = (~np.isnan(rows).any(-1)).sum(1).tolist()
    return {name: _ended(name, entry, lengths) for name, entry in entries.items()}


def _ended(name: str, entry: Any, lengths: list[int]) -> Any:
    if name == "draws" and entry is not None:
        return [_ended("", draw, lengths) for draw in entry]
    if isinstance(entry, dict) and name != "p_values":
        return {part: _ended(part, value, lengths) for part, value in entry.items()}
    by_step = isinstance(entry, list | np.ndarray) and name not in _NOT_BY_STEP
    return [steps[:length] for steps, length in zip(entry, lengths, strict=True)] if by_step else entry
