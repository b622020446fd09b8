"""The continuous ranked probability score: a distance between a predictive distribution and what came true."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from models.prediction.regression import Regression
from models.prediction.uncertainty import Conditionals

_NODES = 64
"""Points of each of two integrals; of a Gaussian they leave no error that a figure shows."""
_TAIL = 5e-4
"""Probability on either side of the range that is integrated over."""


def crps(likelihood: Regression, drawn: Conditionals, targets: Tensor) -> Tensor:
    r"""Compute the continuous ranked probability score of the equal mixture of the draws, for any family.

    .. math:: \int_{-\infty}^{y} F(x)^2 \, dx + \int_{y}^{\infty} (1 - F(x))^2 \, dx

    It is in the target's units and generalises the absolute error, which it is for a prediction without spread. Both
    integrals are by Gauss-Legendre quadrature, between the outermost quantiles and the outcome.

    Args:
        likelihood: Likelihood of the targets.
        drawn: Predictions of each draw, ``(S, B, ..., D)``.
        targets: True values, ``(B, ..., D)``; NaN where nothing was observed.

    Returns:
        Float64 ``(B, ..., D)``; NaN where nothing was observed.

    References:
        Gneiting & Raftery (2007), Strictly Proper Scoring Rules, Prediction, and Estimation, eq. 20.
    """
    family = likelihood.family(drawn.skew)
    low, high = (family.quantile(drawn.mean, drawn.variance, level).double() for level in (_TAIL, 1 - _TAIL))
    targets = targets.to(low)
    middle = targets.where(~targets.isnan(), low).clamp(low, high)
    missed = (low - targets).clamp_min(0.0) + (targets - high).clamp_min(0.0)
    total = torch.zeros_like(low)
    for node, weight in zip(*np.polynomial.legendre.leggauss(_NODES), strict=True):
        for start, stop, above in ((low, middle, False), (middle, high, True)):
            cdf = family.cdf(start + (stop - start) * (node + 1) / 2, drawn.mean, drawn.variance).mean(0)
            total += weight / 2 * (stop - start) * (1 - cdf if above else cdf).square()
    return total + missed
