r"""Adaptive conformal inference: a level that follows the outcomes, so that coverage holds under drift.

After every outcome the level that is used moves by :math:`\gamma (\mathrm{missed}_t - \alpha)`: up after a miss, and
down a little otherwise. Whatever the data do, the share of missed outcomes over :math:`T` rows is within
:math:`O(1 / \gamma T)` of :math:`\alpha`, as long as a wide enough set exists.

Below the level that was asked for, sets are those of the level that is used. Above it the score of the level that was
asked for is stretched, by as much as the quantiles of a Gaussian's errors grow: calibration rows say little of their
own tail and nothing of what is beyond it.

References:
    Gibbs & Candès (2021), Adaptive Conformal Inference Under Distribution Shift.
    Angelopoulos, Candès & Tibshirani (2023), Conformal PID Control for Time Series Prediction; of scores in place of
    levels.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from models.guarantees.conformal import score_quantile

_STEP = 0.01
"""Step at 90 % and below, so that a few hundred rows will do; nearer to 1 it falls with the root of the error."""
_USUAL_ERROR = 0.1
_LEAST = 1e-6
"""Rows by which the highest level is lower, so that rounding does not ask for one more than there are."""


class Reach(NamedTuple):
    """The sets to be used in place of those of the level that was asked for.

    Attributes:
        level: Level whose score is used, in [0, 1).
        stretch: Factor of that score, at least 1.
    """

    level: float
    stretch: float


def adapt(current: float, level: float, missed: float) -> float:
    """Return the level after an outcome, which may be above 1; never below 0, so that it is soon back from there.

    Args:
        current: Level before it.
        level: Level that is to hold.
        missed: 1 if the set of the current level missed the outcome, 0 if not; the share that was missed of an outcome
            of several parts.
    """
    error = 1 - level
    return max(0.0, current + _STEP * math.sqrt(min(1.0, error / _USUAL_ERROR)) * (missed - error))


def reach(current: float, level: float, calibration_rows: int) -> Reach:
    """Return the sets that stand for a current level.

    Args:
        current: Level that the outcomes so far have led to.
        level: Level that is to hold.
        calibration_rows: Number of rows that the scores were computed on.
    """
    usual = min(level, (calibration_rows - _LEAST) / (calibration_rows + 1))
    growth = 1 / (2 * (1 - level) * math.log(1 / (1 - level)))  # of the logarithm of a Gaussian's quantile, by level
    return Reach(min(current, usual), math.exp(growth * max(current - usual, 0.0)))


def adapted_score(scores: NDArray[np.float32], current: float, level: float) -> float:
    """Return the score up to which outcomes belong to the sets that stand for a current level.

    Args:
        scores: Non-conformity scores of the calibration rows, ``(n,)``; NaN where the outcome was not observed.
        current: Level that the outcomes so far have led to.
        level: Level that is to hold.
    """
    used = reach(current, level, int((~np.isnan(scores)).sum()))
    return score_quantile(scores, used.level) * used.stretch if used.level > 0 else 0.0
