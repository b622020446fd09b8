r"""Information in real labels, with means and noise of the draws taken as those of a joint Gaussian.

The draws' means of the pool have a covariance :math:`\Sigma`, and the noise is the mean of the draws' variances,
:math:`\Lambda`. In units of the noise, what a batch's labels tell about the function is

.. math:: I = \tfrac12 \ln \det (I + \Lambda^{-1/2} \Sigma \Lambda^{-1/2})

For other likelihoods than a Gaussian, and for draws whose means are not normally distributed, it is an approximation
by the first two moments.
"""

from __future__ import annotations

import math
from typing import Self

import torch
from torch import Tensor

from models.errors import InputShapeError
from models.prediction.acquisition.information import (
    Information,
    Proceed,
    check_draws,
    check_same_draws,
    go_on,
    split_rows,
)


class GaussianInformation(Information):
    r"""The information that real labels hold about the function.

    The draws are the weights of a linear model: the deviations of their means, in units of the noise, are ``S``
    features of each target, so a label updates an ``S x S`` precision and no covariance of the pool is needed.

    Args:
        means: Means of ``S`` draws for ``B`` rows and ``D`` targets, ``(S, B, D)``.
        variances: Variances of the noise, in the same shape.

    References:
        Houlsby et al. (2011), Bayesian Active Learning for Classification and Preference Learning, section 2.
        Kirsch et al. (2019), BatchBALD: Efficient and Diverse Batch Acquisition, section 3.
    """

    def __init__(self, means: Tensor, variances: Tensor) -> None:
        check_draws(means)
        if variances.shape != means.shape or not (variances > 0).all():
            raise InputShapeError("variances are positive, and have the shape of the means")
        means, noise = means.double(), variances.double().mean(0)
        signals = (means - means.mean(0)) / (noise * len(means)).sqrt()
        self.rows = means.shape[1]
        self._signals = signals.permute(1, 2, 0)  # (B, D, S)
        self._precision = torch.eye(len(means), dtype=torch.float64)

    def gains(self, rows: Tensor) -> Tensor:
        signals = self._signals[rows]
        factor = torch.linalg.cholesky(self._precision)
        whitened = torch.linalg.solve_triangular(factor, signals.flatten(0, 1).T, upper=False).T
        gains: Tensor = 0.5 * torch.logdet(_covariance(whitened.reshape(signals.shape)))
        return gains

    def add(self, row: int) -> None:
        self._precision = self._precision + self._signals[row].T @ self._signals[row]

    def about(self, targets: Self, proceed: Proceed = go_on) -> Tensor:
        check_same_draws(len(self._precision), len(targets._precision))
        own, others = _whiten(self._signals), _whiten(targets._signals)
        per_row = math.prod(others.shape[:2]) * own.shape[1]
        parts = []
        for rows in split_rows(self.rows, per_row):
            proceed()
            parts.append(_correlated(own[rows], others))
        return torch.cat(parts).clamp_min(0.0)


def _covariance(signals: Tensor) -> Tensor:
    """Return the covariance ``(B, D, D)`` of the labels of each row, in units of the noise."""
    covariance: Tensor = torch.eye(signals.shape[1], dtype=torch.float64) + signals @ signals.mT
    return covariance


def _whiten(signals: Tensor) -> Tensor:
    """Return the signals ``(B, D, S)`` of labels that are uncorrelated and of variance 1."""
    factors = torch.linalg.cholesky(_covariance(signals))
    whitened: Tensor = torch.linalg.solve_triangular(factors, signals, upper=False)
    return whitened


def _correlated(own: Tensor, others: Tensor) -> Tensor:
    """Return the mutual information ``(b,)`` of labels, in nats, on average over the others ``(T, D, S)``."""
    correlations = torch.einsum("bds,tes->btde", own, others)
    unexplained = torch.eye(own.shape[1], dtype=torch.float64) - correlations @ correlations.mT
    information: Tensor = -0.5 * torch.logdet(unexplained).mean(1)
    return information
