r"""Quantile regression: a median, a lower and an upper quantile of each target, by the pinball loss."""

from __future__ import annotations

import math
from typing import Annotated

import torch
from msgspec import Meta
from torch import Tensor, nn
from torch.nn import functional as F

from models.prediction.regression import Regression
from models.prediction.split_laplace import SplitLaplace
from models.prediction.uncertainty import Conditionals

Lower = Annotated[float, Meta(gt=0, le=0.4)]
Upper = Annotated[float, Meta(ge=0.6, lt=1)]

_LEAST_GAP = 1e-4
"""Least distance of a quantile from the median, in standardised units."""
_LEAST_SHARE = 0.01
"""Share of either gap that the other one has at least: where half of the targets are one value, say 0, a gap would
shrink to nothing, and deviations in its units would grow without bound."""


class Quantile(Regression):
    r"""Three quantiles of each target, whose density is exponential on either side of the median.

    The network predicts the median and the gaps to a lower and an upper quantile. A gap is a softplus, so quantiles
    never cross. What training minimises is the pinball loss

    .. math:: \rho_p(e) = \max(p e, (p - 1) e), \qquad e = y - q_p

    of the three, as the mean of their working likelihoods: the asymmetric Laplace densities
    :math:`\frac{p (1 - p)}{\sigma_p} e^{-\rho_p(e) / \sigma_p}` with a learnt scale for every target and level. So it
    is in nats, a divergence of weights counts against it as against any likelihood, and an outcome counts once.

    The distribution of the outcome is another one, whose quantiles are those that the network predicts: the
    :class:`~models.prediction.split_laplace.SplitLaplace` of scales :math:`s_- = (m - q_l) / \ln(0.5 / p_l)` and
    :math:`s_+ = (q_u - m) / \ln(0.5 / (1 - p_u))`. Mean, variance, entropy and :meth:`nll` are its. It is not fitted by
    its own likelihood, as that would move the quantiles: the median of greatest likelihood lies off, on the side of the
    smaller scale. Working likelihoods have no such bias, but no distribution has all three of them.

    Args:
        size: Number of targets.
        lower: Level of the lower quantile.
        upper: Level of the upper quantile.

    References:
        Koenker & Bassett (1978), Regression Quantiles.
        Yu & Moyeed (2001), Bayesian Quantile Regression.
    """

    conformal_method = "conformal quantile"
    is_fitted_by_nll = False

    def __init__(self, size: int, lower: Lower = 0.05, upper: Upper = 0.95) -> None:
        super().__init__(size)
        self.levels = (lower, 0.5, upper)
        at = torch.special.ndtri(torch.tensor(self.levels))
        pinball = -0.5 * (at.square() + math.log(2 * math.pi))  # logarithm of the mean loss of a standard normal
        self.log_scale = nn.Parameter(pinball.unsqueeze(-1).repeat(1, size))

    @property
    def outputs(self) -> int:
        return 3 * self.size

    def quantiles(self, output: Tensor) -> Tensor:
        """Return the lower quantile, the median and the upper one, ``(..., 3, size)`` in standardised units."""
        median, below, above = self._median_and_gaps(output)
        return torch.stack([median - below, median, median + above], -2)

    def cost(self, output: Tensor, target: Tensor, noise: Tensor | None = None) -> Tensor:
        """Return the mean cost of the three working likelihoods in nats, ``(..., B, *positions)``."""
        known = ~target.isnan()
        level = self._levels(output)
        error = target.where(known, 0.0).unsqueeze(-2) - self.quantiles(output)
        pinball = torch.maximum(level * error, (level - 1) * error)
        costs = pinball * (-self.log_scale).exp() + self.log_scale - (level * (1 - level)).log()
        return costs.mean(-2).where(known, 0.0).sum(-1)

    def nll(self, output: Tensor, target: Tensor, noise: Tensor | None = None) -> Tensor:
        """Return the negative log-likelihood in nats, ``(..., B, *positions)``."""
        known, drawn = ~target.isnan(), self.conditionals(output)
        density = self.family(drawn.skew).log_prob(target.where(known, 0.0), drawn.mean, drawn.variance)
        return -density.where(known, 0.0).sum(-1)

    def hessian(self, output: Tensor, target: Tensor) -> Tensor:
        r"""Return the Fisher information of the working likelihoods, ``(R, outputs, outputs)``.

        A quantile has :math:`p (1 - p) / \sigma_p^2`; the pinball loss itself has no second derivative.
        """
        with torch.enable_grad():
            output = output.detach().requires_grad_()
            levels = self.quantiles(output).unbind(-2)
            slopes = torch.stack([torch.autograd.grad(q.sum(), output, retain_graph=True)[0] for q in levels], 1)
        of_target = slopes.view(*slopes.shape[:2], 3, self.size)  # of the targets' quantiles in their own outputs
        level = self._levels(output)
        information = level * (1 - level) * (-2 * self.log_scale.detach()).exp() / len(self.levels)
        weights = information * (~target.isnan()).unsqueeze(1).to(output)
        targets = torch.eye(self.size).to(output)
        hessian = torch.einsum("rld,rlad,rlbd,de->radbe", weights, of_target, of_target, targets)
        return hessian.flatten(3, 4).flatten(1, 2)

    def conditionals(self, output: Tensor, noise: Tensor | None = None) -> Conditionals:
        """Return each draw's mean, variance and skew ``(S, B, *positions, size)``, and entropy in nats."""
        median, below, above = self._median_and_gaps(output)
        lower, _, upper = self.levels
        below, above = below / math.log(0.5 / lower), above / math.log(0.5 / (1 - upper))
        mean, skew = median + (above - below) / 2, (above - below) / (above + below)
        variance = 0.75 * (above.square() + below.square()) + 0.5 * above * below
        return Conditionals(mean, variance, self.family(skew).entropy(mean, variance), skew)

    def family(self, skew: Tensor | None) -> SplitLaplace:
        assert skew is not None  # every answer of this likelihood has one
        return SplitLaplace(skew)

    def _median_and_gaps(self, output: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return the median and the gaps to the quantiles below and above it, ``(..., size)`` each."""
        median, below, above = output.chunk(3, dim=-1)
        below, above = F.softplus(below) + _LEAST_GAP, F.softplus(above) + _LEAST_GAP
        return median, below + _LEAST_SHARE * above, above + _LEAST_SHARE * below

    def _levels(self, output: Tensor) -> Tensor:
        return output.new_tensor(self.levels).unsqueeze(-1)
