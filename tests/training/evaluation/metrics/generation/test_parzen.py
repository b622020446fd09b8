"""Parzen windows against the mixture that they are."""

from __future__ import annotations

import pytest
import torch
from torch.distributions import Categorical, Independent, MixtureSameFamily, Normal

from training.evaluation.metrics.generation.parzen import log_density, squared_distances


def rows(seed: int, size: int, dimensions: int) -> torch.Tensor:
    return torch.randn(size, dimensions, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("sigma", [0.1, 0.7, 2.0])
def test_a_mixture_of_gaussians(sigma: float) -> None:
    points, centres = rows(0, 20, 3), rows(1, 50, 3)
    parts = Independent(Normal(centres, sigma), 1)
    expected = MixtureSameFamily(Categorical(logits=torch.zeros(50)), parts).log_prob(points)
    assert torch.allclose(log_density(squared_distances(points, centres), sigma, 3), expected)


def test_one_centre_is_one_gaussian() -> None:
    points = rows(0, 20, 2)
    density = log_density(squared_distances(points, torch.zeros(1, 2, dtype=torch.float64)), 0.5, 2)
    assert torch.allclose(density, Normal(0.0, 0.5).log_prob(points).sum(-1))


def test_the_density_integrates_to_one() -> None:
    line = torch.linspace(-10, 10, 4001, dtype=torch.float64).unsqueeze(-1)
    density = log_density(squared_distances(line, rows(1, 30, 1)), 0.3, 1).exp()
    assert float(torch.trapezoid(density, line[:, 0])) == pytest.approx(1, abs=1e-6)
