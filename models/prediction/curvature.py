r"""The curvature of the training rows' likelihood in the weights of a linear layer, whole or as a Kronecker product.

With outputs :math:`f = W \phi` of features :math:`\phi` and the Hessian :math:`\Lambda_n` of a row's negative
log-likelihood in its outputs, the generalised Gauss-Newton matrix of the weights is
:math:`H = \sum_n \Lambda_n \otimes \phi_n \phi_n^\top`. Under a prior :math:`N(0, \delta^{-1} I)` the weights are about
normal with the covariance :math:`(H + \delta I)^{-1}`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping

import torch
from torch import Tensor

_BLOCK_BYTES = 256 * 2**20
"""Memory that the products of some rows' Hessians and features may take."""
_EXPONENTS = (-6.0, 6.0)
"""Range of the decimal logarithm of a prior precision."""
_RESOLUTION = 5e-4
_GRID = 61


class Curvature(ABC):
    """A sum over rows, in float64, and what follows from it.

    Args:
        outputs: Number ``C`` of outputs.
        features: Number ``D`` of features.
        device: Device of the sum.
    """

    @abstractmethod
    def __init__(self, outputs: int, features: int, device: torch.device) -> None: ...

    @abstractmethod
    def add(self, features: Tensor, hessians: Tensor) -> None:
        """Add some rows.

        Args:
            features: Features ``(R, D)``.
            hessians: Positive semi-definite Hessians in the outputs, ``(R, C, C)``.
        """

    @abstractmethod
    def eigenvalues(self) -> Tensor:
        """Return the eigenvalues of the sum, none negative, float64 ``(C * D,)``."""

    @abstractmethod
    def factors(self, prior_precision: float) -> dict[str, Tensor]:
        """Return what turns noise into deviations of the weights, float32 tensors by name."""

    @staticmethod
    @abstractmethod
    def shapes(outputs: int, features: int) -> dict[str, tuple[int, ...]]:
        """Return the shapes of the factors by name."""

    @staticmethod
    @abstractmethod
    def deviations(noise: Tensor, factors: Mapping[str, Tensor]) -> Tensor:
        """Return deviations of the weights from their mean, of standard normal noise, both ``(S, C, D)``.

        They are computed in float64, so that rounding does not depend on the number of draws.
        """


class FullCurvature(Curvature):
    """The curvature of all weights together.

    Args:
        outputs: Number ``C`` of outputs.
        features: Number ``D`` of features.
        device: Device of the sum.
    """

    def __init__(self, outputs: int, features: int, device: torch.device) -> None:
        self.matrix = torch.zeros(outputs, features, outputs, features, dtype=torch.float64, device=device)
        self.size = max(1, _BLOCK_BYTES // (8 * outputs * features))
        self.waiting: list[tuple[Tensor, Tensor]] = []

    def add(self, features: Tensor, hessians: Tensor) -> None:
        self.waiting.append((features, hessians))
        if sum(len(some) for some, _ in self.waiting) >= self.size:
            self._add_waiting()

    def eigenvalues(self) -> Tensor:
        eigenvalues: Tensor = torch.linalg.eigvalsh(self._square(), UPLO="U").clamp_min(0.0)
        return eigenvalues

    def factors(self, prior_precision: float) -> dict[str, Tensor]:
        """Return a root of the covariance, ``(C * D, C * D)``."""
        precision = self._square().clone()
        precision.diagonal().add_(prior_precision)
        upper = torch.linalg.cholesky(precision, upper=True)
        one = torch.eye(len(upper), dtype=upper.dtype, device=upper.device)
        return {"root": torch.linalg.solve_triangular(upper, one, upper=True).float()}

    @staticmethod
    def shapes(outputs: int, features: int) -> dict[str, tuple[int, ...]]:
        return {"root": (outputs * features, outputs * features)}

    @staticmethod
    def deviations(noise: Tensor, factors: Mapping[str, Tensor]) -> Tensor:
        return (noise.double().flatten(1) @ factors["root"].double().T).view_as(noise).float()

    def _add_waiting(self) -> None:
        """Add the rows that were put off: one large product costs less than many that each go over the matrix."""
        if not self.waiting:
            return
        features, hessians = (torch.cat(parts).double() for parts in zip(*self.waiting, strict=True))
        self.waiting.clear()
        for some, curved in zip(*(torch.split(part, self.size) for part in (features, hessians)), strict=True):
            for c in range(curved.shape[1]):
                weighted = curved[:, c, c:, None] * some.unsqueeze(1)
                self.matrix[c, :, c:] += (some.T @ weighted.flatten(1)).view(-1, *weighted.shape[1:])

    def _square(self) -> Tensor:
        """Return the sum as a matrix ``(C * D, C * D)``, of which the upper triangle holds."""
        self._add_waiting()
        return self.matrix.flatten(2).flatten(0, 1)


class KroneckerCurvature(Curvature):
    r"""The curvature as if features and Hessians were independent.

    .. math:: H \approx \tfrac1N \sum_n \Lambda_n \otimes \sum_n \phi_n \phi_n^\top

    It is exact where all rows have the same Hessian.

    Args:
        outputs: Number ``C`` of outputs.
        features: Number ``D`` of features.
        device: Device of the sums.

    References:
        Ritter, Botev & Barber (2018), A Scalable Laplace Approximation for Neural Networks.
    """

    def __init__(self, outputs: int, features: int, device: torch.device) -> None:
        self.hessians = torch.zeros(outputs, outputs, dtype=torch.float64, device=device)
        self.squares = torch.zeros(features, features, dtype=torch.float64, device=device)
        self.rows = 0

    def add(self, features: Tensor, hessians: Tensor) -> None:
        doubled = features.double()
        self.hessians += hessians.double().sum(0)
        self.squares += doubled.T @ doubled
        self.rows += len(features)

    def eigenvalues(self) -> Tensor:
        left, right = torch.linalg.eigvalsh(self.hessians), torch.linalg.eigvalsh(self.squares)
        return self._products(left, right).flatten()

    def factors(self, prior_precision: float) -> dict[str, Tensor]:
        """Return eigenvectors ``left`` ``(C, C)`` and ``right`` ``(D, D)``, and deviations ``scale`` ``(C, D)``."""
        left, left_vectors = torch.linalg.eigh(self.hessians)
        right, right_vectors = torch.linalg.eigh(self.squares)
        scale = (self._products(left, right) + prior_precision).rsqrt()
        return {"left": left_vectors.float(), "right": right_vectors.float(), "scale": scale.float()}

    @staticmethod
    def shapes(outputs: int, features: int) -> dict[str, tuple[int, ...]]:
        return {"left": (outputs, outputs), "right": (features, features), "scale": (outputs, features)}

    @staticmethod
    def deviations(noise: Tensor, factors: Mapping[str, Tensor]) -> Tensor:
        scaled = (noise * factors["scale"]).double()
        return (factors["left"].double() @ scaled @ factors["right"].double().T).float()

    def _products(self, left: Tensor, right: Tensor) -> Tensor:
        return left.clamp_min(0.0).outer(right.clamp_min(0.0)) / max(1, self.rows)


def log_evidence(prior_precision: Tensor, eigenvalues: Tensor, square_norm: float, nll: float) -> Tensor:
    r"""Return the logarithm of the marginal likelihood by Laplace's method, in nats.

    .. math:: \ln p(D \mid \delta) \approx \ln p(D \mid w) - \tfrac{\delta}{2} \lVert w \rVert^2
              - \tfrac12 \sum_i \ln (1 + \lambda_i / \delta)

    It is exact where the outcome is normal of a known variance and ``w`` is the maximum a posteriori at this precision.

    Args:
        prior_precision: Precisions of the prior, of any shape.
        eigenvalues: Eigenvalues of the curvature, ``(P,)``.
        square_norm: Squared norm of the weights.
        nll: Negative log-likelihood of all rows at these weights, in nats.

    Returns:
        The evidence of each precision, in their shape.

    References:
        MacKay (1992), Bayesian Interpolation, eq. 4.7.
        Daxberger et al. (2021), Laplace Redux, eq. 7.
    """
    ratios = eigenvalues.to(prior_precision) / prior_precision.unsqueeze(-1)
    return -nll - 0.5 * prior_precision * square_norm - 0.5 * ratios.log1p().sum(-1)


def likeliest_precision(eigenvalues: Tensor, square_norm: float) -> float:
    """Return the prior precision of the largest evidence, to a thousandth of itself.

    Args:
        eigenvalues: Eigenvalues of the curvature, ``(P,)``.
        square_norm: Squared norm of the weights.
    """
    low, high = _EXPONENTS
    while high - low > _RESOLUTION:
        exponents = torch.linspace(low, high, _GRID, dtype=torch.float64)
        evidence = torch.stack([log_evidence(10**e, eigenvalues.cpu(), square_norm, 0.0) for e in exponents])
        best, step = float(exponents[evidence.argmax()]), (high - low) / (_GRID - 1)
        low, high = max(low, best - step), min(high, best + step)
    return float(10 ** ((low + high) / 2))
