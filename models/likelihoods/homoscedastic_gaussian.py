"""Regression whose noise is the same everywhere."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from models.prediction.regression import Gaussian


class HomoscedasticGaussian(Gaussian):
    """Gaussian noise that is alike for every row: one learnt value per target."""

    def __init__(self, size: int) -> None:
        super().__init__(size)
        self.log_variance = nn.Parameter(torch.zeros(size))

    @property
    def outputs(self) -> int:
        return self.size

    def mean_and_log_variance(self, output: Tensor) -> tuple[Tensor, Tensor]:
        """Return two tensors ``(..., size)`` in standardised units."""
        return output, self.log_variance.expand_as(output)
