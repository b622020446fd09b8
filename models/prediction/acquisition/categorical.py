r"""Information in the labels of a classifier: the joint distribution of a batch's labels, draw by draw.

Given a draw the labels of a batch are independent, so the joint distribution of their configurations is

.. math:: p(y_1, \ldots, y_k) = \frac{1}{S} \sum_s \prod_i p_s(y_i)

Each configuration of the labels so far weighs the draws anew, and what the next label adds is the mutual information
under these weights, on average over the configurations: :math:`C^k` of them while they are few, a sample of them after.
"""

from __future__ import annotations

from typing import Self

import torch
from torch import Tensor

from models.noise import Site, Uniform, draw_noise
from models.prediction.acquisition.information import (
    MOST_VALUES,
    Information,
    Proceed,
    check_draws,
    check_same_draws,
    go_on,
    split_rows,
)
from models.prediction.uncertainty import categorical_entropy

MOST_CONFIGURATIONS = 10_000
"""Configurations of labels up to which all are looked at."""
SAMPLED_CONFIGURATIONS = 2_000


class CategoricalInformation(Information):
    """The information that class labels hold about the function.

    Args:
        probs: Class probabilities of ``S`` draws for ``B`` rows, ``(S, B, C)``.
        seed: Seed of the sampled configurations.
        most: Most configurations of labels that are all looked at; fewer where ``S`` is so large that their weights
            would not fit in memory.
        sampled: Number of configurations in a sample of more, before equal ones are put together.

    References:
        Houlsby et al. (2011), Bayesian Active Learning for Classification and Preference Learning.
        Kirsch et al. (2019), BatchBALD: Efficient and Diverse Batch Acquisition, section 3 and eq. 14.
    """

    def __init__(
        self, probs: Tensor, seed: int = 0, most: int = MOST_CONFIGURATIONS, sampled: int = SAMPLED_CONFIGURATIONS
    ) -> None:
        check_draws(probs)
        self._probs = probs.double()
        self._entropies = categorical_entropy(self._probs)
        draws, self.rows, self._classes = probs.shape
        self._seed, self._added = seed, 0
        self._most, self._sampled = _limits(draws, self._classes, most, sampled)
        self._weights = torch.full((1, draws), 1 / draws, dtype=torch.float64)  # of the draws, (M, S)
        self._masses = torch.ones(1, dtype=torch.float64)  # of the configurations, (M,)

    def gains(self, rows: Tensor) -> Tensor:
        block = max(1, MOST_VALUES // (len(self._weights) * self._classes))
        return torch.cat([self._gains(part) for part in torch.split(rows, block)])

    def add(self, row: int) -> None:
        probs = self._probs[:, row]
        masses = (self._masses[:, None] * (self._weights @ probs)).flatten()  # of (configuration, class)
        kept, masses = self._keep(masses / masses.sum())
        weights = self._weights[kept // self._classes] * probs.T[kept % self._classes]
        self._weights, self._masses = weights / weights.sum(1, keepdim=True), masses
        self._added += 1

    def about(self, targets: Self, proceed: Proceed = go_on) -> Tensor:
        check_same_draws(len(self._probs), len(targets._probs))
        others = targets._probs.flatten(1) / len(self._probs)  # (S, T * C)
        own = categorical_entropy(self._probs.mean(0)) + categorical_entropy(targets._probs.mean(0)).mean()
        joint = []
        for rows in split_rows(self.rows, self._classes * others.shape[1]):
            proceed()
            pairs = torch.einsum("sbc,so->bco", self._probs[:, rows], others)
            joint.append(torch.special.entr(pairs).sum((1, 2)) / targets.rows)
        return (own - torch.cat(joint)).clamp_min(0.0)

    def _gains(self, rows: Tensor) -> Tensor:
        probs = self._probs[:, rows]
        mixed = (self._weights @ probs.flatten(1)).view(-1, *probs.shape[1:])  # (M, b, C)
        expected = self._weights @ self._entropies[:, rows]
        return self._masses @ (categorical_entropy(mixed) - expected).clamp_min(0.0)

    def _keep(self, masses: Tensor) -> tuple[Tensor, Tensor]:
        """Return which configurations are kept, and their masses: all, or a systematic sample of them."""
        possible = masses.nonzero().squeeze(1)
        if len(possible) <= self._most:
            return possible, masses[possible]
        self.is_exact = False
        offset = draw_noise([Site("configurations", (), Uniform(0.0, 1.0))], self._seed, self._added + 1, self._added)
        points = (torch.arange(self._sampled) + offset["configurations"].double()) / self._sampled
        found = torch.searchsorted(masses.cumsum(0), points, right=True).clamp_max(len(masses) - 1)
        kept, counts = torch.unique(found, return_counts=True)
        return kept, counts.double() / self._sampled


def count_configurations(draws: int, classes: int, labels: int) -> list[int]:
    """Return how many configurations are looked at before each of some labels is added, the first one's before any.

    >>> count_configurations(draws=20, classes=10, labels=6)
    [1, 10, 100, 1000, 10000, 2000]
    """
    most, sampled = _limits(draws, classes)
    counts = [1]
    for _ in range(labels - 1):
        more = counts[-1] * classes
        counts.append(more if more <= most else sampled)
    return counts


def _limits(
    draws: int, classes: int, most: int = MOST_CONFIGURATIONS, sampled: int = SAMPLED_CONFIGURATIONS
) -> tuple[int, int]:
    """Return the most configurations that are all looked at, and the size of a sample of more."""
    most = max(classes, min(most, 2 * MOST_VALUES // draws))
    return most, min(most, sampled)
