"""Bayes by Backprop: a draw is one set of weights from a factorised Gaussian."""

from __future__ import annotations

import copy
import math
from collections.abc import Mapping
from typing import Annotated

import msgspec
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from models.catalogue import Positive
from models.noise import Normal, Site
from models.prediction.draws import Draws
from models.prediction.posterior import DROPOUT, Posterior, refuse_hidden_randomness


class GaussianPrior(msgspec.Struct, frozen=True, tag="gaussian", forbid_unknown_fields=True):
    """Independent ``N(0, scale^2)`` for every weight; the divergence has a closed form."""

    scale: Positive = 1.0

    def kl(self, mean: Tensor, deviation: Tensor, weight: Tensor) -> Tensor:
        """Return the divergence of ``N(mean, deviation^2)`` from the prior in nats, a scalar; no sample is needed."""
        ratio = (deviation / self.scale).square()
        return 0.5 * (ratio + (mean / self.scale).square() - 1 - ratio.log()).sum()


class ScaleMixturePrior(msgspec.Struct, frozen=True, tag="scale_mixture", forbid_unknown_fields=True):
    """Two zero-mean Gaussians, one wide and one narrow (the paper's eq. 7); the divergence is a one-sample estimate.

    Attributes:
        weight: The wide component's share, the paper's pi.
        wide: The larger standard deviation, the paper's sigma_1.
        narrow: The smaller one, sigma_2.
    """

    weight: Annotated[float, msgspec.Meta(gt=0, lt=1)] = 0.5
    wide: Positive = 1.0
    narrow: Positive = 0.0025

    def log_prob(self, weight: Tensor) -> Tensor:
        """Return the log density of every weight in nats, in the shape of ``weight``."""
        wide = math.log(self.weight) + _log_normal(weight, torch.tensor(self.wide))
        narrow = math.log1p(-self.weight) + _log_normal(weight, torch.tensor(self.narrow))
        return torch.logaddexp(wide, narrow)

    def kl(self, mean: Tensor, deviation: Tensor, weight: Tensor) -> Tensor:
        """Return ``log q(w) - log p(w)`` at sampled weights, a scalar: its mean over samples is the divergence in nats.

        Args:
            mean: Means of the posterior, of any shape.
            deviation: Standard deviations of that shape.
            weight: One sample of the shape of ``mean``, or several leading; then the result is their mean.
        """
        samples = weight.numel() / mean.numel()
        return (_log_normal(weight - mean, deviation) - self.log_prob(weight)).sum() / samples


class BayesByBackprop(Posterior):
    r"""A posterior in which every weight is an independent Gaussian.

    .. math:: w = \mu + \mathrm{softplus}(\rho)\, \epsilon, \qquad \epsilon \sim N(0, 1)

    The means are the network's own parameters, so the network alone is the posterior's mean. Its dropout is taken
    out, and the scale and shift of normalisation layers stay points.

    Args:
        network: Any network.
        input_shape: Not needed here; every posterior is built alike.
        prior: Prior of every weight.
        initial_rho: Initial value of every :math:`\rho`; about -5 to -3.

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
        """Return the standard deviation of every weight, in its shape, by the network's names."""
        return {name.replace("/", "."): F.softplus(rho) for name, rho in self.rho.items()}

    def transform_noise(self, noise: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Return weights ``(S, ...)`` by the network's names from standard normal noise of that shape."""
        means = dict(self.network.named_parameters())
        return {name: means[name] + deviation * noise[name] for name, deviation in self.deviations().items()}

    def kl(self, draws: Draws) -> Tensor:
        """Return the divergence from the prior in nats, a scalar: exact, or estimated from draws ``(S, ...)``."""
        means = dict(self.network.named_parameters())
        parts = [self.prior.kl(means[name], sd, draws[name]) for name, sd in self.deviations().items()]
        return torch.stack(parts).sum()

    @torch.no_grad()
    def signal_to_noise(self) -> dict[str, Tensor]:
        r"""Return :math:`|\mu| / \sigma` of every weight, in its shape, by its name; 0 for a pruned one."""
        means = dict(self.network.named_parameters())
        ratios = {name: means[name].abs() / deviation for name, deviation in self.deviations().items()}
        return {name: ratio.where(means[name] != 0, 0.0) for name, ratio in ratios.items()}

    @torch.no_grad()
    def prune(self, keep: float) -> BayesByBackprop:
        r"""Return a copy in which all weights but those of the highest :math:`|\mu| / \sigma` are 0 in every draw.

        A removed weight is a point, infinitely far from any prior with a density: a pruned posterior predicts, and is
        not trained further.

        Args:
            keep: Proportion of the weights that stay, counted over the whole network; above 0, at most 1.

        References:
            Blundell et al. (2015), section 5.1 and table 2.
        """
        if not 0 < keep <= 1:
            raise ValueError(f"the proportion of weights to keep is above 0 and at most 1, not {keep}")
        ratios = self.signal_to_noise()
        ranked = torch.cat([ratio.flatten() for ratio in ratios.values()]).argsort(descending=True, stable=True)
        stays = torch.zeros(len(ranked), dtype=torch.bool, device=ranked.device)
        stays[ranked[: round(keep * len(ranked))]] = True
        copied = copy.deepcopy(self)
        means = dict(copied.network.named_parameters())
        parts = torch.split(stays, [ratio.numel() for ratio in ratios.values()])
        for (name, ratio), part in zip(ratios.items(), parts, strict=True):
            removed = ~part.view_as(ratio)
            means[name].masked_fill_(removed, 0.0)
            copied.rho[name.replace(".", "/")].masked_fill_(removed, _NO_DEVIATION)
        return copied


_NO_DEVIATION = -200.0
"""A rho whose softplus is exactly 0 in float32, and which is finite, as a checkpoint's tensors must be."""

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
