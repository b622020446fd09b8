"""Intervals of a regression, and whether they hold what they promise."""

from __future__ import annotations

from torch import Tensor

from models.prediction.uncertainty import Conditionals, mixture_quantile

LEVEL = 0.9
"""Of the central interval."""


def central(drawn: Conditionals) -> tuple[Tensor, Tensor]:
    """Both ends of the central 90 % of the predictive mixture, ``(B, ..., D)``."""
    low, high = (mixture_quantile(drawn.mean, drawn.variance, level) for level in ((1 - LEVEL) / 2, (1 + LEVEL) / 2))
    return low, high


def picp(targets: Tensor, low: Tensor, high: Tensor) -> float:
    """Prediction interval coverage probability: the share of observed targets inside; the nominal level is best."""
    known = ~targets.isnan()
    return float(((targets >= low) & (targets <= high))[known].double().mean())


def mpiw(targets: Tensor, low: Tensor, high: Tensor) -> float:
    """Mean prediction interval width of the observed targets, in their units; narrow is better at the same coverage."""
    return float((high - low)[~targets.isnan()].mean())
