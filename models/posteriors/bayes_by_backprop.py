"""Bayes by Backprop: a draw is one set of weights from a factorised Gaussian."""

from __future__ import annotations

import math
from collections.abc import Mapping

import msgspec
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from models.draws import Draws
from models.noise import Normal, Site
from models.posterior import DROPOUT, Posterior, refuse_hidden_randomness


class GaussianPrior(msgspec.Struct, frozen=True, tag="gaussian", forbid_unknown_fields=True):
    """Independent ``N(0, scale^2)`` for every weight; the divergence has a closed form."""

    scale: float = 1.0

    def kl(self, mean: Tensor, deviation: Tensor, weight: Tensor) -> Tensor:
        """Divergence of ``N(mean, deviation^2)`` from the prior in nats; the sampled ``weight`` is not needed."""
        ratio = (deviation / self.scale).square()
        return 0.5 * (ratio + (mean / self.scale).square() - 1 - ratio.log()).sum()


class ScaleMixturePrior(msgspec.Struct, frozen=True, tag="scale_mixture", forbid_unknown_fields=True):
    """Two zero-mean Gaussians, one wide and one narrow (the paper's eq. 7); the divergence is a one-sample estimate.

    Attributes:
        weight: The wide component's share, the paper's pi.
        wide: The larger standard deviation, the paper's sigma_1.
        narrow: The smaller one, sigma_2.
    """

    weight: float = 0.5
    wide: float = 1.0
    narrow: float = 0.0025

    def log_prob(self, weight: Tensor) -> Tensor:
        """Log density of every weight."""
        wide = math.log(self.weight) + _log_normal(weight, torch.tensor(self.wide))
        narrow = math.log1p(-self.weight) + _log_normal(weight, torch.tensor(self.narrow))
        return torch.logaddexp(wide, narrow)

    def kl(self, mean: Tensor, deviation: Tensor, weight: Tensor) -> Tensor:
        """``log q(w) - log p(w)`` at the sampled ``weight``: its mean over samples is the divergence, in nats."""
        return (_log_normal(weight - mean, deviation) - self.log_prob(weight)).sum()


class BayesByBackprop(Posterior):
    r"""Every weight is :math:`w = \mu + \mathrm{softplus}(\rho)\, \epsilon` with :math:`\epsilon \sim N(0, 1)`.

    The means are the network's own parameters, so the network alone is the posterior's mean. Its dropout is taken
    out, and the scale and shift of normalisation layers stay points.

    Args:
        network: Any network.
        input_shape: Not needed here; every posterior is built alike.
        prior: On every weight.
        initial_rho: Where every :math:`\rho` starts; about -5 to -3.

    References:
        Blundell et al. (2015), Weight Uncertainty in Neural Networks.
    """

    def __init__(
        self,
        network: nn.Module,
        input_shape: tuple[int, ...],
        prior: GaussianPrior | ScaleMixturePrior = GaussianPrior(),  # noqa: B008 - immutable
        initial_rho: float = -4.0,
    ) -> None:
        super().__init__()
        refuse_hidden_randomness(network)
        self.network = _without_dropout(network)
        self.prior = prior
        drawn = _weights(self.network)
        # A parameter's name may not hold a dot.
        self.rho = nn.ParameterDict(
            {name.replace(".", "/"): torch.full_like(mean, initial_rho) for name, mean in drawn.items()}
        )
        self.sites = tuple(Site(name, tuple(mean.shape), Normal()) for name, mean in drawn.items())

    def deviations(self) -> dict[str, Tensor]:
        """Standard deviation of every weight, by the network's names."""
        return {name.replace("/", "."): F.softplus(rho) for name, rho in self.rho.items()}

    def functions(self, noise: Mapping[str, Tensor]) -> dict[str, Tensor]:
        means = dict(self.network.named_parameters())
        return {name: means[name] + deviation * noise[name] for name, deviation in self.deviations().items()}

    def kl(self, function: Draws) -> Tensor:
        means = dict(self.network.named_parameters())
        parts = [self.prior.kl(means[name], sd, function[name]) for name, sd in self.deviations().items()]
        return torch.stack(parts).sum()


_NORMALISATION = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d, nn.LayerNorm, nn.GroupNorm)


def _log_normal(x: Tensor, deviation: Tensor) -> Tensor:
    return -0.5 * (x / deviation).square() - deviation.log() - 0.5 * math.log(2 * math.pi)


def _without_dropout(network: nn.Module) -> nn.Module:
    for module in network.modules():
        if isinstance(module, DROPOUT):
            module.p = 0.0
    return network


def _weights(network: nn.Module) -> dict[str, Tensor]:
    points = {
        f"{prefix}.{name}" if prefix else name
        for prefix, module in network.named_modules()
        if isinstance(module, _NORMALISATION)
        for name, _ in module.named_parameters(recurse=False)
    }
    return {name: p.detach() for name, p in network.named_parameters() if name not in points}
