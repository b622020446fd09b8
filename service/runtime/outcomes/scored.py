"""The score of an outcome beside those of the calibration rows."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.guarantees.adaptive import adapted_score


@dataclass(frozen=True)
class Scored:
    """An outcome that was scored as the calibration rows were.

    Attributes:
        score: Score of the outcome; minus infinity for the likeliest class, which every set holds.
        scores: Scores of the calibration rows, after as many draws, ``(n,)``.
    """

    score: float
    scores: NDArray[np.float32]

    def missed(self, current: float, level: float) -> float:
        """Return 1 if the set that stands for a current level does not hold the outcome, else 0."""
        return float(self.score > adapted_score(self.scores, current, level))
