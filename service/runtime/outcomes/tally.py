"""Sums over outcomes, and the figures that they make: coverage with its band, error and calibration."""

from __future__ import annotations

from typing import Any

import msgspec
import numpy as np

from models.guarantees.martingale import coverage_band
from service.runtime.outcomes.judging import Judgement

_BINS = 10


class Tally(msgspec.Struct):
    """Sums over the outcomes of all rows, of a class or of a group.

    Attributes:
        rows: Number of outcomes.
        judged: Number of those whose answer had a set or an interval.
        covered: Number of those that it held; the part that it held of an outcome of several parts.
        error, nll, brier, square: Sums over the outcomes.
        bins: Number of predictions, sum of confidences and number of right ones in ten bins of confidence.
    """

    rows: int = 0
    judged: int = 0
    covered: float = 0.0
    error: float = 0.0
    nll: float | None = 0.0
    brier: float | None = 0.0
    square: float | None = 0.0
    bins: list[list[float]] = msgspec.field(default_factory=lambda: [[0.0] * 3 for _ in range(_BINS)])

    def add(self, one: Judgement) -> None:
        """Count an outcome."""
        self.rows += 1
        self.error += one.error
        if one.missed is not None:
            self.judged += 1
            self.covered += 1 - one.missed
        for name in ("nll", "brier", "square"):  # a sum that lacks one outcome is unknown
            so_far, more = getattr(self, name), getattr(one, name)
            setattr(self, name, None if so_far is None or more is None else so_far + more)
        places = np.minimum((one.confidences * _BINS).astype(int), _BINS - 1).tolist()
        for place, confidence, correct in zip(places, one.confidences.tolist(), one.correct.tolist(), strict=True):
            count, confident, right = self.bins[place]
            self.bins[place] = [count + 1, confident + confidence, right + correct]

    @property
    def coverage(self) -> float | None:
        """Share of the outcomes that their sets held; ``None`` without any."""
        return self.covered / self.judged if self.judged else None

    def figures(self) -> dict[str, Any]:
        """Return the means; ``None`` where the answers do not tell."""
        means = {name: getattr(self, name) for name in ("nll", "brier", "square")}
        low, high = coverage_band(self.covered, self.judged)
        return {
            "rows": self.rows,
            "coverage": self.coverage,
            "coverage_low": low if self.judged else None,
            "coverage_high": high if self.judged else None,
            "error": self.error / self.rows if self.rows else None,
            **{name: None if total is None or not self.rows else total / self.rows for name, total in means.items()},
            "ece": self.calibration_error(),
        }

    def calibration_error(self) -> float | None:
        """Return the mean distance of confidence from accuracy over ten bins (ECE); ``None`` for a regression."""
        count = sum(n for n, _, _ in self.bins)
        return sum(abs(confident - right) for _, confident, right in self.bins) / count if count else None
