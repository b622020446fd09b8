"""Regression whose noise depends on the input."""

from __future__ import annotations

from torch import Tensor

from models.prediction.regression import Gaussian

_MOST = 20.0


class HeteroscedasticGaussian(Gaussian):
    """Gaussian noise that depends on the input: the network also predicts the log-variance.

    The log-variance is kept within 20 of 0, in standardised units: absurd inputs shall not make it overflow.

    References:
        Kendall & Gal (2017), eq. 8: the log-variance is numerically stabler than the variance.
    """

    @property
    def outputs(self) -> int:
        return 2 * self.size

    def mean_and_log_variance(self, output: Tensor) -> tuple[Tensor, Tensor]:
        """Return two tensors ``(..., size)`` in standardised units."""
        mean, log_variance = output.chunk(2, dim=-1)
        return mean, log_variance.clamp(-_MOST, _MOST)
