"""The Fréchet distance: known answers for Gaussians, and what must not change it."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.linalg import sqrtm
from torch import Tensor

from training.evaluation.metrics.generation.frechet import frechet_distance


def rows(seed: int, size: int = 400, features: int = 5) -> Tensor:
    return torch.randn(size, features, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def white(seed: int) -> Tensor:
    """Rows of mean 0 and covariance 1, exactly."""
    centred = rows(seed) - rows(seed).mean(0)
    return torch.linalg.solve_triangular(torch.linalg.cholesky(centred.T.cov()), centred.T, upper=False).T


def test_a_set_is_at_no_distance_from_itself_in_any_order() -> None:
    order = torch.randperm(400, generator=torch.Generator().manual_seed(1))
    assert frechet_distance(rows(0), rows(0)) == pytest.approx(0, abs=1e-9)
    assert frechet_distance(rows(0), rows(0)[order]) == pytest.approx(0, abs=1e-9)
    assert frechet_distance(rows(0), rows(1)[order]) == pytest.approx(frechet_distance(rows(0), rows(1)), abs=1e-9)


def test_a_shift_costs_its_squared_length() -> None:
    shift = torch.tensor([3.0, 0.0, 4.0, 0.0, 0.0], dtype=torch.float64)
    assert frechet_distance(white(0), white(1) + shift) == pytest.approx(25)


def test_another_scale_costs_the_squared_difference_of_the_deviations() -> None:
    scales = torch.tensor([1.0, 2.0, 0.5, 1.0, 3.0], dtype=torch.float64)
    assert frechet_distance(white(0), white(1) * scales) == pytest.approx(0 + 1 + 0.25 + 0 + 4)


def test_covariances_that_do_not_commute_against_the_matrix_square_root() -> None:
    first, second = rows(0) @ rows(2, 5), rows(1) @ rows(3, 5) + 1
    means, covariances = [x.mean(0).numpy() for x in (first, second)], [x.T.cov().numpy() for x in (first, second)]
    root = np.real(sqrtm(covariances[0] @ covariances[1]))
    expected = np.sum((means[0] - means[1]) ** 2) + np.trace(covariances[0] + covariances[1] - 2 * root)
    assert frechet_distance(first, second) == pytest.approx(expected)


def test_fewer_rows_than_features_are_no_trouble() -> None:
    few = rows(0, 10, 64)
    assert frechet_distance(few, few) == pytest.approx(0, abs=1e-3)
    assert frechet_distance(few, rows(1, 10, 64)) > 10
