r"""From a network's raw output to a distribution of the outcome.

A likelihood says how many outputs the network needs, what an observed outcome costs (negative log-likelihood, in
nats) and what one draw predicts. Regression works on standardised targets; :mod:`models.predictor` restores units.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from models.uncertainty import Conditionals, categorical_entropy, gaussian_entropy


class Likelihood(nn.Module, ABC):
    """Distribution of an outcome of ``size`` classes or targets, given the network's output."""

    task: str

    def __init__(self, size: int) -> None:
        super().__init__()
        self.size = size

    @property
    @abstractmethod
    def outputs(self) -> int:
        """How many outputs the network must have."""

    @abstractmethod
    def nll(self, output: Tensor, target: Tensor) -> Tensor:
        """Negative log-likelihood of each row in nats, ``(B,)``, of outputs ``(B, outputs)``."""

    @abstractmethod
    def conditionals(self, output: Tensor) -> Conditionals:
        """What every draw predicts, from outputs ``(S, B, outputs)``."""


class Categorical(Likelihood):
    """One of ``size`` classes; the outputs are logits and a target is a class index."""

    task = "classification"

    @property
    def outputs(self) -> int:
        return self.size

    def nll(self, output: Tensor, target: Tensor) -> Tensor:
        return F.cross_entropy(output, target, reduction="none")

    def conditionals(self, output: Tensor) -> Conditionals:
        probs = output.softmax(-1)
        return Conditionals(probs, probs * (1 - probs), categorical_entropy(probs))


class Gaussian(Likelihood, ABC):
    """A real vector with independent Gaussian noise; a target has shape ``(B, size)``."""

    task = "regression"

    @abstractmethod
    def mean_and_log_variance(self, output: Tensor) -> tuple[Tensor, Tensor]:
        """Both of shape ``(..., size)``."""

    def nll(self, output: Tensor, target: Tensor) -> Tensor:
        mean, log_variance = self.mean_and_log_variance(output)
        squared = (target - mean).square() * (-log_variance).exp()
        return 0.5 * (math.log(2 * math.pi) + log_variance + squared).sum(-1)

    def conditionals(self, output: Tensor) -> Conditionals:
        mean, log_variance = self.mean_and_log_variance(output)
        variance = log_variance.exp()
        return Conditionals(mean, variance, gaussian_entropy(variance))


class HomoscedasticGaussian(Gaussian):
    """The same noise for every row: one learnt value per target."""

    def __init__(self, size: int) -> None:
        super().__init__(size)
        self.log_variance = nn.Parameter(torch.zeros(size))

    @property
    def outputs(self) -> int:
        return self.size

    def mean_and_log_variance(self, output: Tensor) -> tuple[Tensor, Tensor]:
        return output, self.log_variance.expand_as(output)


class HeteroscedasticGaussian(Gaussian):
    """Noise that depends on the input: the network also predicts the log-variance.

    References:
        Kendall & Gal (2017), eq. 8: the log-variance is numerically stabler than the variance.
    """

    @property
    def outputs(self) -> int:
        return 2 * self.size

    def mean_and_log_variance(self, output: Tensor) -> tuple[Tensor, Tensor]:
        mean, log_variance = output.chunk(2, dim=-1)
        return mean, log_variance


LIKELIHOODS: dict[str, type[Likelihood]] = {
    "categorical": Categorical,
    "homoscedastic_gaussian": HomoscedasticGaussian,
    "heteroscedastic_gaussian": HeteroscedasticGaussian,
}
