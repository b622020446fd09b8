r"""From a network's raw output to a distribution of the outcome.

A likelihood says how many outputs the network needs, what an observed outcome costs (negative log-likelihood, in
nats) and what one draw predicts. Regression works on standardised targets; the predictor restores
units.

A row may have one outcome, one per step of a sequence or one per pixel of an image: those *positions* are axes between
the rows and the last axis, which holds the outputs. So shapes are ``(B, *positions, outputs)``, with the draws, if any,
leading. An outcome that was not observed (a void pixel, a step beyond the end) costs nothing.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod

from torch import Tensor, nn

from models.prediction.uncertainty import Conditionals, gaussian_entropy
from models.specs import Task


class Likelihood(nn.Module, ABC):
    """Distribution of an outcome of ``size`` classes or targets, given the network's output.

    Attributes:
        task: What one outcome is; a segmentation is a classification of every pixel.
    """

    task: Task

    def __init__(self, size: int) -> None:
        super().__init__()
        self.size = size

    @property
    @abstractmethod
    def outputs(self) -> int:
        """How many outputs the network must have."""

    @abstractmethod
    def nll(self, output: Tensor, target: Tensor, noise: Tensor | None = None) -> Tensor:
        """Negative log-likelihood of each outcome in nats, ``(B, *positions)``; 0 of one that was not observed.

        Args:
            output: ``(B, *positions, outputs)``; with draws leading, so is the result.
            target: Class indices ``(B, *positions)``, or values ``(B, *positions, size)``.
            noise: From :meth:`sample_noise`; without it, that of seed 0.
        """

    @abstractmethod
    def conditionals(self, output: Tensor, noise: Tensor | None = None) -> Conditionals:
        """What every draw predicts, from outputs ``(S, B, *positions, outputs)``.

        Args:
            noise: From :meth:`sample_noise`; without it, that of seed 0.
        """

    def observed(self, target: Tensor) -> Tensor:
        """Which outcomes count, boolean ``(B, *positions)``: those with any value that is not NaN."""
        return ~target.isnan().all(-1)

    def sample_noise(self, seed: int = 0, step: int = 0, samples: int | None = None) -> Tensor | None:
        """What an expectation over the outcome's own noise is averaged over; ``None`` where it has a closed form.

        A prediction uses the noise of one constant seed, the same for all rows and draws: an answer repeats, and the
        error of so few samples does not pass for a difference between the draws. Training asks for each step's own.

        Args:
            samples: How many; ``None`` is the likelihood's own number.
        """
        return None


class Gaussian(Likelihood, ABC):
    """A real vector with independent Gaussian noise; a value that is NaN was not observed."""

    task = "regression"

    @abstractmethod
    def mean_and_log_variance(self, output: Tensor) -> tuple[Tensor, Tensor]:
        """Both of shape ``(..., size)``."""

    def nll(self, output: Tensor, target: Tensor, noise: Tensor | None = None) -> Tensor:
        mean, log_variance = self.mean_and_log_variance(output)
        known = ~target.isnan()
        squared = (target.where(known, 0.0) - mean).square() * (-log_variance).exp()
        return 0.5 * (math.log(2 * math.pi) + log_variance + squared).where(known, 0.0).sum(-1)

    def conditionals(self, output: Tensor, noise: Tensor | None = None) -> Conditionals:
        mean, log_variance = self.mean_and_log_variance(output)
        variance = log_variance.exp()
        return Conditionals(mean, variance, gaussian_entropy(variance))
