"""Classification with Gaussian noise on the logits: the data's own noise, learnt per input."""

from __future__ import annotations

import math
from collections.abc import Iterator

import torch
from torch import Tensor

from models.noise import Normal, Site, draw_noise
from models.prediction.draws import CHUNK_BYTES
from models.prediction.likelihood import Likelihood
from models.prediction.uncertainty import Conditionals, categorical_entropy
from models.specs import VOID


class LogitNormal(Likelihood):
    r"""A distribution of one of ``size`` classes, whose logits have Gaussian noise.

    The logits are :math:`f + \sigma \epsilon` with :math:`\epsilon \sim N(0, 1)`.

    The network predicts every logit's mean and log-variance. The probability of a class is the softmax averaged over
    ``T`` samples of the noise,

    .. math:: p_c = \frac{1}{T} \sum_t \mathrm{softmax}(f + \sigma \epsilon_t)_c

    and what is minimised is minus the logarithm of that mean (not the mean of logarithms).

    Args:
        size: Number of classes.
        aleatoric_samples: Number ``T`` of noise samples; the first 10 of 100 are those of 10.

    References:
        Kendall & Gal (2017), What Uncertainties Do We Need in Bayesian Deep Learning for Computer Vision?, eq. 12.
    """

    task = "classification"

    def __init__(self, size: int, aleatoric_samples: int = 100) -> None:
        super().__init__(size)
        if aleatoric_samples < 1:
            raise ValueError(f"aleatoric_samples is at least 1, not {aleatoric_samples}")
        self.aleatoric_samples = aleatoric_samples

    @property
    def outputs(self) -> int:
        return 2 * self.size

    def nll(self, output: Tensor, target: Tensor, noise: Tensor | None = None) -> Tensor:
        """Return the negative log-likelihood in nats, ``(..., B, *positions)``."""
        parts = list(self._logits(output, noise))
        index = target.clamp_min(0).expand(output.shape[:-1])[..., None, None]
        log_probs = [logits.log_softmax(-1) for logits in parts]
        picked = torch.cat([p.gather(-1, index.expand(*p.shape[:-1], 1)).squeeze(-1) for p in log_probs], -1)
        cost = math.log(picked.shape[-1]) - picked.logsumexp(-1)
        return cost.where(self.observed(target), 0.0)

    def conditionals(self, output: Tensor, noise: Tensor | None = None) -> Conditionals:
        """Return each draw's probabilities ``(S, B, *positions, size)``, their variance and their entropy in nats."""
        total, samples = torch.zeros_like(output[..., : self.size]), 0
        for logits in self._logits(output, noise):
            total += logits.softmax(-1).sum(-2)
            samples += logits.shape[-2]
        probs = total / samples
        return Conditionals(probs, probs * (1 - probs), categorical_entropy(probs))

    def observed(self, target: Tensor) -> Tensor:
        """Return which class indices ``(B, *positions)`` are not void."""
        return target != VOID

    def sample_noise(self, seed: int = 0, step: int = 0, samples: int | None = None) -> Tensor:
        """Return standard normal noise ``(T, size)``, shared by all rows, positions and draws."""
        site = Site("logits", (samples or self.aleatoric_samples, self.size), Normal())
        return draw_noise([site], seed, step + 1, step)["logits"][0]

    def _logits(self, output: Tensor, noise: Tensor | None) -> Iterator[Tensor]:
        """Yield noisy logits ``(..., t, size)``, a few samples at a time; the ``t`` add up to ``T``."""
        mean, log_variance = (half.unsqueeze(-2) for half in output.chunk(2, dim=-1))
        deviation = (0.5 * log_variance).exp()
        drawn = (self.sample_noise() if noise is None else noise).to(output.device)
        for part in torch.split(drawn, max(1, CHUNK_BYTES // max(1, output.nbytes)), dim=-2):
            yield mean + deviation * part
