"""Standard errors of figures that are means over rows, and over training runs of several seeds."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from scipy.special import stdtrit
from torch import Tensor

from training.evaluation.metrics.per_row import Contributions

CHANCE = 0.01
"""Probability of a difference as large by chance alone, below which it counts."""


@dataclass(frozen=True)
class Estimate:
    """A mean over rows and runs.

    Attributes:
        value: The mean.
        error: Its standard error; NaN where there is one row only.
        freedom: Degrees of freedom of the error.
    """

    value: float
    error: float
    freedom: float

    @property
    def is_clear(self) -> bool:
        """Whether it differs from 0 by more than chance would have it in one of 100 cases (two-sided t test)."""
        if not self.error > 0:  # NaN, or no row differs from another
            return self.error == 0 and self.value != 0
        return abs(self.value) > float(stdtrit(self.freedom, 1 - CHANCE / 2)) * self.error


def estimate(runs: Sequence[Contributions]) -> Estimate:
    r"""Return a figure with its standard error.

    .. math:: \mathrm{SE}^2 = \sum_g \frac{\mathrm{Var}_n\, \bar c_{gn}}{N_g} + \frac{\mathrm{Var}_r\, \bar c_r}{R}

    The first part is what other test rows would change, for each group of rows; the second what other seeds would. A
    single run has no second part. The degrees of freedom are those of Welch & Satterthwaite.

    Args:
        runs: Contributions of the same rows in each run.
    """
    groups = [torch.stack(parts).mean(0) for parts in zip(*runs, strict=True)]
    parts = [(_variance(group) / len(group), len(group) - 1) for group in groups]
    if len(runs) > 1:
        means = torch.stack([run[0].mean() for run in runs])
        parts.append((_variance(means) / len(runs), len(runs) - 1))
    total = sum(variance for variance, _ in parts)
    spread = sum(variance**2 / freedom for variance, freedom in parts if freedom)
    return Estimate(float(groups[0].mean()), math.sqrt(total), total**2 / spread if spread > 0 else math.inf)


def difference(one: Sequence[Contributions], other: Sequence[Contributions]) -> Estimate:
    """Return the first figure less the second, of the same rows in runs of the same seeds, so that both are paired."""
    pairs = zip(one, other, strict=True)
    return estimate([tuple(a - b for a, b in zip(*pair, strict=True)) for pair in pairs])


def _variance(values: Tensor) -> float:
    return float(values.var()) if len(values) > 1 else math.nan
