"""SWAG: a draw is one set of weights from a Gaussian fitted to the iterates of gradient descent."""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch
from torch import Tensor, nn

from models.catalogue import NonNegative
from models.errors import ModelStructureError
from models.noise import Normal, Site
from models.prediction.regularised import Regularised

_LEAST_ITERATES = 2
"""Least number of iterates: one point has no spread."""


class SWAG(Regularised):
    r"""A Gaussian over the weights, low rank plus diagonal, around the mean of the iterates of gradient descent.

    The network is trained like a deterministic one. At a constant learning rate its weights :math:`\theta_i` wander
    about a minimum as far as the data let them; one iterate is collected after each epoch. A draw is

    .. math:: \theta = \bar\theta + \tfrac{1}{\sqrt 2} \Sigma_\mathrm{diag}^{1/2} z_1
              + \tfrac{1}{\sqrt{2 (K - 1)}} D z_2, \qquad z_1 \sim N(0, I_P),\; z_2 \sim N(0, I_K)

    with :math:`\bar\theta` and :math:`\Sigma_\mathrm{diag}` the mean and the variance of every weight over all
    iterates, and :math:`D` the last ``K`` iterates' deviations from the mean as it was when each was collected.

    Statistics of batch normalisation are averaged over the same iterates and shared by all draws. The paper measures
    them anew for every draw; a request comes without the training data that this takes.

    Args:
        network: Any network. Dropout, if it has any, is kept for training alone.
        input_shape: Shape of one row.
        rank: Number ``K`` of deviations kept, at least 2: each takes as much memory as the network.
        start: Share of the run, in [0, 1), after which iterates are collected.
        length_scale: Length scale of the weight decay, as in MC-dropout.

    Attributes:
        collected: Number of iterates so far, a scalar.
        mean: Mean over the iterates of the ``P`` weights, then of the ``Q`` statistics of normalisation, ``(P + Q,)``.
        variance: Variance of every weight over the iterates, divisor ``collected``, ``(P,)``.
        deviations: The last iterates' deviations, ``(K, P)``, in no particular order; zero where there is none yet.

    References:
        Maddox et al. (2019), A Simple Baseline for Bayesian Uncertainty in Deep Learning, section 3 and algorithm 1.
    """

    collected: Tensor
    mean: Tensor
    variance: Tensor
    deviations: Tensor

    def __init__(
        self,
        network: nn.Module,
        input_shape: tuple[int, ...],
        rank: int = 20,
        start: float = 0.5,
        length_scale: NonNegative = 0.1,
    ) -> None:
        super().__init__(network, input_shape, length_scale)
        if rank < _LEAST_ITERATES or not 0 <= start < 1:
            raise ValueError(f"rank is at least {_LEAST_ITERATES} and start from 0 to below 1, not {rank} and {start}")
        self.start = start
        weights = sum(parameter.numel() for parameter in network.parameters())
        self.sites = (Site("diagonal", (weights,), Normal()), Site("low rank", (rank,), Normal()))
        self.register_buffer("collected", torch.tensor(0))
        self.register_buffer("mean", torch.zeros(sum(tensor.numel() for tensor in self._tensors().values())))
        self.register_buffer("variance", torch.zeros(weights))
        self.register_buffer("deviations", torch.zeros(rank, weights))

    @property
    def can_sample(self) -> bool:
        return int(self.collected) >= _LEAST_ITERATES

    @torch.no_grad()
    def after_epoch(self, progress: float) -> None:
        """Collect the weights as they are now, once the run has come to the share ``start``.

        Args:
            progress: Share of the run that is done, in (0, 1].
        """
        if progress < self.start:
            return
        self.collected += 1
        iterate = torch.cat([tensor.flatten() for tensor in self._tensors().values()])
        # Welford's update: a mean of squares less the squared mean would leave nothing but rounding in float32.
        before = iterate - self.mean
        self.mean += before / self.collected
        after = iterate - self.mean
        weights = len(self.variance)
        self.variance += ((before * after)[:weights] - self.variance) / self.collected
        self.deviations[(int(self.collected) - 1) % len(self.deviations)] = after[:weights]

    def transform_noise(self, noise: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Return the weights that standard normal noise picks.

        Args:
            noise: ``diagonal`` of shape ``(S, P)`` and ``low rank`` of shape ``(S, K)``.

        Returns:
            Weights, and statistics of normalisation, by the network's names, ``S`` leading.

        Raises:
            ModelStructureError: if fewer than two iterates have been collected.
        """
        if not self.can_sample:
            raise ModelStructureError(
                f"SWAG draws from at least {_LEAST_ITERATES} iterates of the weights and has collected"
                f" {int(self.collected)}: train it for more epochs, or with a smaller start"
            )
        rank = min(int(self.collected), len(self.deviations))
        diagonal = (self.variance / 2).sqrt() * noise["diagonal"]
        low_rank = noise["low rank"] @ self.deviations / math.sqrt(2 * (rank - 1))
        return self._by_name(diagonal + low_rank)

    def mean_function(self) -> dict[str, Tensor]:
        """Return the mean of the iterates as the one draw, ``(1, ...)``; empty before any is collected."""
        return self._by_name(torch.zeros_like(self.variance).unsqueeze(0)) if self.collected else {}

    def _tensors(self) -> dict[str, Tensor]:
        """Return the network's weights by name, then what else is no whole number: statistics of normalisation."""
        weights = dict(self.network.named_parameters())
        others = {name: t for name, t in self.network.state_dict().items() if name not in weights}
        return weights | {name: t for name, t in others.items() if t.is_floating_point()}

    def _by_name(self, deviations: Tensor) -> dict[str, Tensor]:
        """Return tensors in the network's shapes, ``S`` leading, of weights that are ``(S, P)`` off the mean."""
        like = self._tensors()
        flat = self.mean + nn.functional.pad(deviations, (0, len(self.mean) - len(self.variance)))
        parts = torch.split(flat, [tensor.numel() for tensor in like.values()], dim=1)
        return {n: part.view(len(flat), *like[n].shape) for n, part in zip(like, parts, strict=True)}
