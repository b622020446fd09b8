"""The bases of the likelihoods of real values, whose every figure is in the target's own units."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod

import torch
from torch import Tensor

from models.prediction.family import Family
from models.prediction.likelihood import Likelihood
from models.prediction.uncertainty import Conditionals, gaussian_entropy, mixture_quantile
from models.specs import OutputSpec, Support


class Regression(Likelihood, ABC):
    """A distribution of a real vector, independent in its components; a value that is NaN was not observed.

    Attributes:
        support: Values that a target can have, which decides how it is standardised.
    """

    task = "regression"
    support: Support = "real"

    def in_units(self, standardised: Conditionals, outputs: OutputSpec) -> Conditionals:
        """Undo the standardisation of targets ``(S, B, ..., D)``; entropies shift by the log of the unit."""
        mean = standardised.mean.new_tensor(outputs.mean, dtype=torch.float64)
        scale = standardised.mean.new_tensor(outputs.scale, dtype=torch.float64)
        return Conditionals(
            mean=standardised.mean * scale + mean,
            variance=standardised.variance * scale.square(),
            entropy=standardised.entropy + scale.log().sum(),
            skew=standardised.skew,
        )

    @abstractmethod
    def family(self, skew: Tensor | None) -> Family:
        """Return the family of distributions whose mean and variance the draws, or all of them together, have.

        Args:
            skew: Skew of the :class:`~models.prediction.uncertainty.Conditionals`, or of the answer, whose
                distributions these are.
        """


class MomentRegression(Regression, Family, ABC):
    """A likelihood whose mean and variance decide all else: it is a family of distributions itself."""

    def family(self, skew: Tensor | None) -> Family:
        return self


class Gaussian(MomentRegression, ABC):
    """A distribution of a real vector with independent Gaussian noise."""

    @abstractmethod
    def mean_and_log_variance(self, output: Tensor) -> tuple[Tensor, Tensor]:
        """Return mean and log-variance, both ``(..., size)`` in standardised units."""

    def nll(self, output: Tensor, target: Tensor, noise: Tensor | None = None) -> Tensor:
        """Return the negative log-likelihood in nats, ``(..., B, *positions)``."""
        mean, log_variance = self.mean_and_log_variance(output)
        known = ~target.isnan()
        squared = (target.where(known, 0.0) - mean).square() * (-log_variance).exp()
        return 0.5 * (math.log(2 * math.pi) + log_variance + squared).where(known, 0.0).sum(-1)

    def hessian(self, output: Tensor, target: Tensor) -> Tensor:
        r"""Return the Fisher information, :math:`\sigma^{-2}` of a mean and 1/2 of a log-variance, ``(R, C, C)``.

        It is 0 where an output is out of the bounds that a likelihood keeps it in.
        """
        with torch.enable_grad():
            output = output.detach().requires_grad_()
            mean, log_variance = self.mean_and_log_variance(output)
            predicted = torch.cat([mean, log_variance], -1)[..., : self.outputs]
            (slope,) = torch.autograd.grad(predicted.sum(), output)
        known = (~target.isnan()).to(output)
        information = torch.cat([known * (-log_variance.detach()).exp(), known / 2], -1)[..., : self.outputs]
        return (information * slope).diag_embed()

    def conditionals(self, output: Tensor, noise: Tensor | None = None) -> Conditionals:
        """Return each draw's mean and variance ``(S, B, *positions, size)``, standardised, and entropy in nats."""
        mean, log_variance = self.mean_and_log_variance(output)
        variance = log_variance.exp()
        return Conditionals(mean, variance, gaussian_entropy(variance))

    def log_prob(self, values: Tensor, mean: Tensor, variance: Tensor) -> Tensor:
        return -0.5 * (math.log(2 * math.pi) + variance.log() + (values - mean).square() / variance)

    def cdf(self, values: Tensor, mean: Tensor, variance: Tensor) -> Tensor:
        below: Tensor = torch.special.ndtr((values - mean) / variance.sqrt())
        return below

    def entropy(self, mean: Tensor, variance: Tensor) -> Tensor:
        return gaussian_entropy(variance)

    def quantile(self, mean: Tensor, variance: Tensor, level: float) -> Tensor:
        return mixture_quantile(mean, variance, level)
