r"""Regression of what is never negative: the noise is Gaussian on the logarithm's scale."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from models.prediction.regression import Gaussian
from models.prediction.uncertainty import Conditionals
from models.specs import OutputSpec

_MOST_DEVIATIONS = 20.0
_LEAST_LOG_VARIANCE, _MOST_LOG_VARIANCE = -20.0, 2.0


class LogNormal(Gaussian):
    r"""Log-normal noise that depends on the input: the network predicts mean and log-variance of the logarithm.

    Logarithms of targets are standardised. With :math:`\ln y \sim N(m, s^2)` in a draw

    .. math:: E[y] = e^{m + s^2 / 2}, \qquad \mathrm{Var}[y] = (e^{s^2} - 1) e^{2 m + s^2}, \qquad
              H[y] = m + \tfrac12 \ln(2 \pi e s^2)

    so an answer is in the target's own units, and no interval reaches below 0. The aleatoric variance is the mean of
    the draws' variances, the epistemic one the variance of their means. Where the logarithms have the deviation 1 the
    mean is kept within 20 of 0 and the log-variance between -20 and 2: an exponential of absurd inputs is finite then.

    References:
        Limpert, Stahel & Abbt (2001), Log-normal Distributions across the Sciences.
    """

    support = "positive"

    @property
    def outputs(self) -> int:
        return 2 * self.size

    def mean_and_log_variance(self, output: Tensor) -> tuple[Tensor, Tensor]:
        """Return two tensors ``(..., size)`` of the standardised logarithm."""
        mean, log_variance = output.chunk(2, dim=-1)
        bounded = log_variance.clamp(_LEAST_LOG_VARIANCE, _MOST_LOG_VARIANCE)
        return mean.clamp(-_MOST_DEVIATIONS, _MOST_DEVIATIONS), bounded

    def in_units(self, standardised: Conditionals, outputs: OutputSpec) -> Conditionals:
        """Return mean, variance and entropy of targets ``(S, B, ..., D)`` from those of standardised logarithms."""
        log = super().in_units(standardised, outputs)
        mean = (log.mean + log.variance / 2).exp()
        return Conditionals(mean, log.variance.expm1() * mean.square(), log.entropy + log.mean.sum(-1))

    def log_prob(self, values: Tensor, mean: Tensor, variance: Tensor) -> Tensor:
        logarithm = values.double().log()
        return super().log_prob(logarithm, *_of_logarithm(mean, variance)) - logarithm

    def cdf(self, values: Tensor, mean: Tensor, variance: Tensor) -> Tensor:
        return super().cdf(values.double().log(), *_of_logarithm(mean, variance))

    def entropy(self, mean: Tensor, variance: Tensor) -> Tensor:
        centre, spread = _of_logarithm(mean, variance)
        return (centre + 0.5 * (math.log(2 * math.pi * math.e) + spread.log())).sum(-1)

    def quantile(self, mean: Tensor, variance: Tensor, level: float) -> Tensor:
        """Return the quantile ``(B, ..., D)`` of a mixture: the exponential of that of its logarithm."""
        return super().quantile(*_of_logarithm(mean, variance), level).exp()

    def signed_deviations(self, values: Tensor, mean: Tensor, variance: Tensor) -> Tensor:
        return super().signed_deviations(values.double().log(), *_of_logarithm(mean, variance))

    def around(
        self, mean: Tensor, variance: Tensor, below: float | Tensor, above: float | Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        low, high = super().around(*_of_logarithm(mean, variance), below, above)
        return low.exp(), high.exp()


def _of_logarithm(mean: Tensor, variance: Tensor) -> tuple[Tensor, Tensor]:
    """Return mean and variance of the logarithm of what is log-normal with this mean and variance."""
    mean = mean.double()
    spread = torch.log1p(variance.double() / mean.square())
    return mean.log() - spread / 2, spread
