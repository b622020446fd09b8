r"""Regression with heavy tails: an outlier now and then does not widen the noise of all other rows."""

from __future__ import annotations

import math

import numpy as np
import torch
from scipy.special import stdtr
from torch import Tensor, nn
from torch.nn import functional as F

from models.prediction.regression import MomentRegression
from models.prediction.uncertainty import Conditionals

_LEAST_FREEDOM = 2.1
"""Degrees of freedom at least: with 2 or fewer there is no variance to report."""
_INITIAL = 4.0
_MOST = 20.0


class StudentT(MomentRegression):
    r"""Student's t noise: the network predicts location and log of the squared scale, the tails are learnt.

    The degrees of freedom :math:`\nu = 2.1 + \mathrm{softplus}(\rho)` are one learnt value per target. A draw has

    .. math:: E[y] = \mu, \qquad \mathrm{Var}[y] = \sigma^2 \frac{\nu}{\nu - 2}, \qquad
              H[y] = \ln \sigma + \tfrac{\nu + 1}{2} \left(\psi(\tfrac{\nu + 1}{2}) - \psi(\tfrac{\nu}{2})\right)
              + \ln\left(\sqrt{\nu} B(\tfrac{\nu}{2}, \tfrac12)\right)

    The aleatoric variance is the mean of the draws' variances, the epistemic one the variance of their locations. The
    log of the squared scale is kept within 20 of 0, in standardised units.

    References:
        Lange, Little & Taylor (1989), Robust Statistical Modeling Using the t Distribution.
    """

    def __init__(self, size: int) -> None:
        super().__init__(size)
        self.rho = nn.Parameter(torch.full((size,), _INITIAL))

    @property
    def outputs(self) -> int:
        return 2 * self.size

    @property
    def freedom(self) -> Tensor:
        """Return the degrees of freedom of every target, ``(size,)``."""
        return _LEAST_FREEDOM + F.softplus(self.rho)

    def nll(self, output: Tensor, target: Tensor, noise: Tensor | None = None) -> Tensor:
        """Return the negative log-likelihood in nats, ``(..., B, *positions)``."""
        location, log_square = self._location_and_log_square(output)
        known = ~target.isnan()
        density = _log_density(target.where(known, 0.0) - location, log_square, self.freedom)
        return -density.where(known, 0.0).sum(-1)

    def conditionals(self, output: Tensor, noise: Tensor | None = None) -> Conditionals:
        """Return each draw's mean and variance ``(S, B, *positions, size)``, standardised, and entropy in nats."""
        location, log_square = self._location_and_log_square(output)
        variance = log_square.exp() * self._variance_of_unit()
        return Conditionals(location, variance, self.entropy(location, variance))

    def log_prob(self, values: Tensor, mean: Tensor, variance: Tensor) -> Tensor:
        log_square = (variance.double() / self._variance_of_unit().double()).log()
        return _log_density(values - mean, log_square, self.freedom.double())

    def cdf(self, values: Tensor, mean: Tensor, variance: Tensor) -> Tensor:
        units = (values - mean) / (variance.double() / self._variance_of_unit().double()).sqrt()
        freedom, at = (part.detach().double().cpu().numpy() for part in (self.freedom, units))
        return torch.from_numpy(np.asarray(stdtr(freedom, at))).to(units)

    def entropy(self, mean: Tensor, variance: Tensor) -> Tensor:
        nu = self.freedom.to(variance)
        log_scale = 0.5 * (variance / self._variance_of_unit().to(variance)).log()
        digammas = torch.digamma((nu + 1) / 2) - torch.digamma(nu / 2)
        return (log_scale + (nu + 1) / 2 * digammas - _log_peak(nu)).sum(-1)

    def _location_and_log_square(self, output: Tensor) -> tuple[Tensor, Tensor]:
        location, log_square = output.chunk(2, dim=-1)
        return location, log_square.clamp(-_MOST, _MOST)

    def _variance_of_unit(self) -> Tensor:
        """Return the variance where the scale is 1, ``(size,)``."""
        return self.freedom / (self.freedom - 2)


def _log_peak(nu: Tensor) -> Tensor:
    """Return the log density at the location where the scale is 1."""
    return torch.lgamma((nu + 1) / 2) - torch.lgamma(nu / 2) - 0.5 * (math.pi * nu).log()


def _log_density(error: Tensor, log_square: Tensor, nu: Tensor) -> Tensor:
    tail = torch.log1p(error.square() * (-log_square).exp() / nu)
    return _log_peak(nu) - 0.5 * log_square - (nu + 1) / 2 * tail
