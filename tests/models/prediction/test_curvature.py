"""A sum over rows, its determinant and a root of the covariance, against sums by hand."""

from __future__ import annotations

import math

import pytest
import torch

from models.prediction import curvature
from models.prediction.curvature import FullCurvature, KroneckerCurvature, likeliest_precision, log_evidence

CPU = torch.device("cpu")


def rows(count: int = 30) -> tuple[torch.Tensor, torch.Tensor]:
    """Features ``(R, 4)`` and Hessians ``(R, 3, 3)``."""
    generator = torch.Generator().manual_seed(0)
    roots = torch.randn(count, 3, 2, generator=generator)
    return torch.randn(count, 4, generator=generator), roots @ roots.mT


def test_the_whole_is_the_sum_of_products(monkeypatch: pytest.MonkeyPatch) -> None:
    features, hessians = rows()
    expected = sum(torch.kron(h, f.outer(f)) for f, h in zip(features.double(), hessians.double(), strict=True))
    assert isinstance(expected, torch.Tensor)
    for block_bytes in (1, 2**20):  # row by row, and all that were added at once
        monkeypatch.setattr(curvature, "_BLOCK_BYTES", block_bytes)
        full = FullCurvature(3, 4, CPU)
        for part in range(0, 30, 7):
            full.add(features[part : part + 7], hessians[part : part + 7])
        assert full.log_ratio(0.5) == pytest.approx(float((expected / 0.5 + torch.eye(12)).logdet()), rel=1e-6)
        root = full.factors(0.5)["root"].double()
        covariance = (expected + 0.5 * torch.eye(12)).inverse()
        torch.testing.assert_close(root @ root.T, covariance, rtol=1e-4, atol=1e-6)


def test_a_product_is_the_whole_where_all_rows_have_one_hessian() -> None:
    features, hessians = rows()
    full, product = FullCurvature(3, 4, CPU), KroneckerCurvature(3, 4, CPU)
    for one in (full, product):
        one.add(features, hessians[:1].expand(30, 3, 3))
    assert product.log_ratio(0.01) == pytest.approx(full.log_ratio(0.01), rel=1e-6)
    noise = torch.eye(12).view(12, 3, 4)
    spreads = [one.deviations(noise, one.factors(0.5)).flatten(1) for one in (full, product)]
    torch.testing.assert_close(*(deviations.T @ deviations for deviations in spreads), rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize(("eigenvalue", "norm"), [(50.0, 2.0), (3.0, 0.5), (1e5, 30.0)])
def test_the_likeliest_precision_solves_mackays_equation(eigenvalue: float, norm: float) -> None:
    eigenvalues = eigenvalue * torch.logspace(0, -3, 8, dtype=torch.float64)
    kinds = FullCurvature(1, 8, CPU), KroneckerCurvature(1, 8, CPU)
    for kind in kinds:
        kind.add(eigenvalues.sqrt().diag(), torch.ones(8, 1, 1))
    precision, other = (likeliest_precision(kind, norm) for kind in kinds)
    assert other == pytest.approx(precision, rel=2e-3)
    assert precision * norm == pytest.approx(float((eigenvalues / (eigenvalues + precision)).sum()), rel=2e-3)


def test_evidence_of_weights_that_nothing_decides_is_that_of_the_rows_alone() -> None:
    for kind in (FullCurvature, KroneckerCurvature):
        assert log_evidence(10.0, kind(2, 3, CPU), square_norm=0.0, nll=7.0) == pytest.approx(-7.0)
        assert kind(2, 3, CPU).log_ratio(0.1) == pytest.approx(0.0)


def test_a_prior_that_rounding_hides_is_no_candidate() -> None:
    full = FullCurvature(1, 2, CPU)
    full.matrix[0, :, 0] = -torch.eye(2, dtype=torch.float64)
    assert full.log_ratio(1e-6) == math.inf
