"""Intervals of a regression, and whether they hold what they promise."""

from __future__ import annotations

from torch import Tensor

from models.prediction.regression import Regression
from models.prediction.uncertainty import Conditionals

LEVEL = 0.9
"""Probability that the central interval is to hold."""


def central_interval(likelihood: Regression, drawn: Conditionals) -> tuple[Tensor, Tensor]:
    """Return both ends of the central 90 % of the predictive mixture, ``(B, ..., D)`` in the targets' units.

    Args:
        likelihood: Likelihood of the targets.
        drawn: Predictions of each draw, ``(S, B, ..., D)``.
    """
    tail = (1 - LEVEL) / 2
    family = likelihood.family(drawn.skew)
    low, high = (family.quantile(drawn.mean, drawn.variance, level) for level in (tail, 1 - tail))
    return low, high


def picp(targets: Tensor, low: Tensor, high: Tensor) -> float:
    """Return the prediction interval coverage probability; the nominal level is best.

    Args:
        targets: True values of any shape; NaN where nothing was observed, which does not count.
        low: Lower ends of the intervals, in the same shape and units.
        high: Upper ends of the intervals.
    """
    known = ~targets.isnan()
    return float(((targets >= low) & (targets <= high))[known].double().mean())


def mpiw(targets: Tensor, low: Tensor, high: Tensor) -> float:
    """Return the mean prediction interval width in the targets' units; narrow is better at the same coverage.

    Args:
        targets: True values of any shape; NaN where nothing was observed, which does not count.
        low: Lower ends of the intervals, in the same shape and units.
        high: Upper ends of the intervals.
    """
    return float((high - low)[~targets.isnan()].mean())
