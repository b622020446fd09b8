r"""The base of every likelihood: from a network's raw output to a distribution of the outcome.

A likelihood says how many outputs the network needs, what an observed outcome costs (negative log-likelihood, in
nats) and what one draw predicts. Regression works on standardised targets; the predictor restores
units.

A row may have one outcome, one per step of a sequence or one per pixel of an image: those *positions* are axes between
the rows and the last axis, which holds the outputs. So shapes are ``(B, *positions, outputs)``, with the draws, if any,
leading. An outcome that was not observed (a void pixel, a step beyond the end) costs nothing.
"""

from __future__ import annotations

from abc import ABC, abstractmethod

import torch
from torch import Tensor, nn

from models.prediction.uncertainty import Conditionals
from models.specs import OutputSpec, Task


class Likelihood(nn.Module, ABC):
    """Distribution of an outcome of ``size`` classes or targets, given the network's output.

    Attributes:
        task: Kind of one outcome; a segmentation is a classification of every pixel.
        conformal_method: Name of the conformal sets or intervals that are made of it.
        is_fitted_by_nll: Whether the :meth:`cost` that training minimises is the negative log-likelihood.
    """

    task: Task
    conformal_method: str = "conformal"
    is_fitted_by_nll: bool = True

    def __init__(self, size: int) -> None:
        super().__init__()
        self.size = size

    @property
    @abstractmethod
    def outputs(self) -> int:
        """Return the number of outputs that the network must have."""

    @abstractmethod
    def nll(self, output: Tensor, target: Tensor, noise: Tensor | None = None) -> Tensor:
        """Return the negative log-likelihood of each outcome in nats, ``(B, *positions)``; 0 if it was not observed.

        Args:
            output: Outputs ``(B, *positions, outputs)``; with draws leading, so is the result.
            target: Class indices ``(B, *positions)``, or values ``(B, *positions, size)``.
            noise: Noise from :meth:`sample_noise`; if left out, that of seed 0.
        """

    def cost(self, output: Tensor, target: Tensor, noise: Tensor | None = None) -> Tensor:
        """Return what training minimises, in nats in the shape of :meth:`nll`: that, unless a likelihood has another.

        Args:
            output: Outputs, as of :meth:`nll`.
            target: Outcomes, as of :meth:`nll`.
            noise: Noise, as of :meth:`nll`.
        """
        return self.nll(output, target, noise)

    def hessian(self, output: Tensor, target: Tensor) -> Tensor:
        """Return the Hessian of each row's cost in its outputs, positive semi-definite, ``(R, outputs, outputs)``.

        Where there is a closed form it is the Fisher information, the expected Hessian. This one differentiates
        :meth:`cost` twice and leaves out directions in which it bends down.

        Args:
            output: Outputs ``(R, outputs)``.
            target: Targets ``(R, ...)``; one that was not observed has no curvature.
        """
        with torch.enable_grad():
            output = output.detach().requires_grad_()
            (gradient,) = torch.autograd.grad(self.cost(output, target).sum(), output, create_graph=True)
            columns = [
                torch.autograd.grad(part.sum(), output, retain_graph=True, materialize_grads=True)[0]
                for part in gradient.unbind(-1)
            ]
        values, vectors = torch.linalg.eigh(torch.stack(columns, -1))
        bent: Tensor = vectors * values.clamp_min(0.0).unsqueeze(-2) @ vectors.mT
        return bent

    @abstractmethod
    def conditionals(self, output: Tensor, noise: Tensor | None = None) -> Conditionals:
        """Return what every draw predicts, from outputs ``(S, B, *positions, outputs)``.

        Args:
            noise: Noise from :meth:`sample_noise`; if left out, that of seed 0.
        """

    def in_units(self, standardised: Conditionals, outputs: OutputSpec) -> Conditionals:
        """Return conditionals ``(S, B, ..., size)`` in the units of the raw targets; probabilities have none."""
        return standardised

    def observed(self, target: Tensor) -> Tensor:
        """Return which outcomes count, boolean ``(B, *positions)``: those with any value that is not NaN."""
        return ~target.isnan().all(-1)

    def sample_noise(self, seed: int = 0, step: int = 0, samples: int | None = None) -> Tensor | None:
        """Return samples ``(samples, ...)`` of the outcome's own noise; ``None`` where a closed form needs none.

        A prediction uses the noise of one constant seed, the same for all rows and draws: an answer repeats, and the
        error of so few samples does not pass for a difference between the draws. Training asks for each step's own.

        Args:
            seed: Seed of the noise.
            step: Step of a training run.
            samples: Number of samples; ``None`` is the likelihood's own number.
        """
        return None
