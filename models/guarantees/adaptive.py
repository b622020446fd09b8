r"""Adaptive conformal inference: a level that follows the outcomes, so that coverage holds under drift.

After every outcome the level that is used moves by :math:`\gamma (\mathrm{missed}_t - \alpha)`: up after a miss, and
down a little otherwise. Whatever the data do, the share of missed outcomes over :math:`T` rows is within
:math:`O(1 / \gamma T)` of :math:`\alpha`, as long as a wide enough set exists; for that, scores above all calibration
rows' are reached by stretching the largest of these.

References:
    Gibbs & Candès (2021), Adaptive Conformal Inference Under Distribution Shift.
"""

from __future__ import annotations

import math
from typing import NamedTuple

_STEP = 0.02
"""Step at 90 % and below; nearer to 1 it falls with the error that is allowed."""
_USUAL_ERROR = 0.1


class Reach(NamedTuple):
    """The sets to be used in place of those of the level that was asked for.

    Attributes:
        level: Level whose score is used, in [0, 1).
        stretch: Factor of that score, at least 1.
    """

    level: float
    stretch: float


def adapt(current: float, level: float, missed: float) -> float:
    """Return the level after an outcome, which may be outside [0, 1].

    Args:
        current: Level before it.
        level: Level that is to hold.
        missed: 1 if the set of the current level missed the outcome, 0 if not; the share that was missed of an outcome
            of several parts.
    """
    error = 1 - level
    return current + _STEP * min(1.0, error / _USUAL_ERROR) * (missed - error)


def reach(current: float, level: float, calibration_rows: int) -> Reach:
    """Return the sets that stand for a current level.

    Args:
        current: Level that the outcomes so far have led to.
        level: Level that is to hold.
        calibration_rows: Number of rows that the scores were computed on.
    """
    highest = calibration_rows / (calibration_rows + 1)
    return Reach(min(max(current, 0.0), highest), math.exp(max(current - highest, 0.0) / (1 - level)))
