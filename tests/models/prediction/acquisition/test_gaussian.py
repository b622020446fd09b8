"""Information in real labels, beside the covariance of all of them written out."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from models.errors import InputShapeError
from models.prediction.acquisition.gaussian import GaussianInformation


def some_gaussians(shape: tuple[int, int, int], seed: int = 0) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(shape, generator=generator).double(), torch.rand(shape, generator=generator).double() + 0.1


def covariance(means: Tensor) -> Tensor:
    """The covariance of the labels' means ``(B * D, B * D)``, divisor ``S``."""
    centred = (means - means.mean(0)).flatten(1)
    return centred.T @ centred / len(means)


def information(means: Tensor, variances: Tensor) -> float:
    """The mutual information of all labels and the draw."""
    noise = variances.mean(0).flatten()
    return float(0.5 * (torch.logdet(covariance(means) + torch.diag(noise)) - noise.log().sum()))


@pytest.mark.parametrize("targets", [1, 2])
def test_gains_add_up_to_the_joint_information(targets: int) -> None:
    means, variances = some_gaussians((30, 6, targets))
    pool, rows, total = GaussianInformation(means, variances), [4, 0, 5, 4], 0.0
    for row in rows:  # the same row twice has two labels
        total += float(pool.gains(torch.tensor([row])))
        pool.add(row)
    assert total == pytest.approx(information(means[:, rows], variances[:, rows]), abs=1e-10)


def test_one_gain_is_the_difference_of_two_entropies() -> None:
    means, variances = some_gaussians((40, 5, 1))
    ratio = means.var(0, correction=0) / variances.mean(0)
    expected = 0.5 * torch.log1p(ratio).squeeze(-1)
    torch.testing.assert_close(GaussianInformation(means, variances).gains(torch.arange(5)), expected)


def test_units_do_not_matter() -> None:
    means, variances = some_gaussians((20, 4, 1))
    in_other_units = GaussianInformation(1000 * means + 7, 1e6 * variances)
    gains = GaussianInformation(means, variances).gains(torch.arange(4))
    torch.testing.assert_close(in_other_units.gains(torch.arange(4)), gains)


@pytest.mark.parametrize("targets", [1, 2])
def test_information_about_other_labels_is_that_of_their_pair(targets: int) -> None:
    means, variances = some_gaussians((25, 5, targets), seed=1)
    pool, others = [0, 1, 2], [3, 4]
    expected = [
        sum(
            information(means[:, [row]], variances[:, [row]])
            + information(means[:, [other]], variances[:, [other]])
            - information(means[:, [row, other]], variances[:, [row, other]])
            for other in others
        )
        / len(others)
        for row in pool
    ]
    about = GaussianInformation(means[:, pool], variances[:, pool]).about(
        GaussianInformation(means[:, others], variances[:, others])
    )
    torch.testing.assert_close(about, torch.tensor(expected, dtype=torch.float64))


def test_noise_that_is_none_is_refused() -> None:
    means, variances = some_gaussians((4, 3, 1))
    with pytest.raises(InputShapeError, match="variances are positive"):
        GaussianInformation(means, 0 * variances)
    with pytest.raises(InputShapeError, match="variances are positive"):
        GaussianInformation(means, variances[:, :2])
