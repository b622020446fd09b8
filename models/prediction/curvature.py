r"""The curvature of the training rows' likelihood in the weights of a linear layer, whole or as a Kronecker product.

With outputs :math:`f = W \phi` of features :math:`\phi` and the Hessian :math:`\Lambda_n` of a row's negative
log-likelihood in its outputs, the generalised Gauss-Newton matrix of the weights is
:math:`H = \sum_n \Lambda_n \otimes \phi_n \phi_n^\top`. Under a prior :math:`N(0, \delta^{-1} I)` the weights are about
normal with the covariance :math:`(H + \delta I)^{-1}`.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from functools import cached_property

import torch
from scipy.optimize import minimize_scalar
from torch import Tensor

_ROOT_ROWS = 256
"""Rows of a root of the covariance that are multiplied at a time."""
_BLOCK_BYTES = 256 * 2**20
"""Memory that the products of some rows' Hessians and features may take."""
_LARGEST_EXPONENT = 6
"""Largest decimal logarithm of a prior precision, and the smallest with a minus."""
_RESOLUTION = 2e-4


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
    def log_ratio(self, prior_precision: float) -> float:
        r"""Return the logarithm of :math:`\det (H + \delta I) / \det \delta I`: how much narrower the posterior is."""

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

    def log_ratio(self, prior_precision: float) -> float:
        """Return the sum of the logarithms of a Cholesky factor, which costs a tenth of all eigenvalues."""
        upper, failed = torch.linalg.cholesky_ex(self._precision(prior_precision), upper=True)
        if failed:  # rounding has made it indefinite: the prior is too weak to be told from none
            return math.inf
        return float(2 * upper.diagonal().log().sum()) - len(upper) * math.log(prior_precision)

    def factors(self, prior_precision: float) -> dict[str, Tensor]:
        """Return a root of the covariance, ``(C * D, C * D)``, upper triangular."""
        upper = torch.linalg.cholesky(self._precision(prior_precision), upper=True)
        one = torch.eye(len(upper), dtype=upper.dtype, device=upper.device)
        return {"root": torch.linalg.solve_triangular(upper, one, upper=True).float()}

    @staticmethod
    def shapes(outputs: int, features: int) -> dict[str, tuple[int, ...]]:
        return {"root": (outputs * features, outputs * features)}

    @staticmethod
    def deviations(noise: Tensor, factors: Mapping[str, Tensor]) -> Tensor:
        root, flat = factors["root"], noise.double().flatten(1)
        # the root is upper triangular, and all of it in float64 would be twice its size, made anew for each seed
        parts = [flat[:, i:] @ root[i : i + _ROOT_ROWS, i:].double().T for i in range(0, len(root), _ROOT_ROWS)]
        return torch.cat(parts, 1).view_as(noise).float()

    def _add_waiting(self) -> None:
        """Add the rows that were put off: one large product costs less than many that each go over the matrix."""
        if not self.waiting:
            return
        features, hessians = (torch.cat(parts).double() for parts in zip(*self.waiting, strict=True))
        self.waiting.clear()
        half = features.shape[1] // 2
        for some, curved in zip(*(torch.split(part, self.size) for part in (features, hessians)), strict=True):
            for c in range(curved.shape[1]):
                weighted = curved[:, c, c:, None] * some.unsqueeze(1)
                for rows, columns in ((slice(0, half), slice(0, None)), (slice(half, None), slice(half, None))):
                    part = weighted[:, :, columns]
                    product = some[:, rows].T @ part.flatten(1)
                    self.matrix[c, rows, c:, columns] += product.view(-1, *part.shape[1:])

    def _precision(self, prior_precision: float) -> Tensor:
        """Return the sum and the prior's precision as a matrix ``(C * D, C * D)``, of which the upper triangle holds.

        The product of a pair of outputs is symmetric, and a quarter of it was left out; it is filled in here.
        """
        self._add_waiting()
        half = self.matrix.shape[1] // 2
        self.matrix[:, half:, :, :half] = self.matrix[:, :half, :, half:].permute(0, 3, 2, 1)
        precision = self.matrix.flatten(2).flatten(0, 1).clone()
        precision.diagonal().add_(prior_precision)
        return precision


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

    def log_ratio(self, prior_precision: float) -> float:
        eigenvalues, _, _ = self._decomposition
        return float((eigenvalues / prior_precision).log1p().sum())

    def factors(self, prior_precision: float) -> dict[str, Tensor]:
        """Return eigenvectors ``left`` ``(C, C)`` and ``right`` ``(D, D)``, and deviations ``scale`` ``(C, D)``."""
        eigenvalues, left, right = self._decomposition
        scale = (eigenvalues + prior_precision).rsqrt()
        return {"left": left.float(), "right": right.float(), "scale": scale.float()}

    @staticmethod
    def shapes(outputs: int, features: int) -> dict[str, tuple[int, ...]]:
        return {"left": (outputs, outputs), "right": (features, features), "scale": (outputs, features)}

    @staticmethod
    def deviations(noise: Tensor, factors: Mapping[str, Tensor]) -> Tensor:
        scaled = (noise * factors["scale"]).double()
        return (factors["left"].double() @ scaled @ factors["right"].double().T).float()

    @cached_property
    def _decomposition(self) -> tuple[Tensor, Tensor, Tensor]:
        """Eigenvalues ``(C, D)`` of the product, once all rows were added, and the eigenvectors of its parts."""
        left, left_vectors = torch.linalg.eigh(self.hessians)
        right, right_vectors = torch.linalg.eigh(self.squares)
        eigenvalues = left.clamp_min(0.0).outer(right.clamp_min(0.0)) / max(1, self.rows)
        return eigenvalues, left_vectors, right_vectors


def log_evidence(prior_precision: float, curvature: Curvature, square_norm: float, nll: float) -> float:
    r"""Return the logarithm of the marginal likelihood by Laplace's method, in nats.

    .. math:: \ln p(D \mid \delta) \approx \ln p(D \mid w) - \tfrac{\delta}{2} \lVert w \rVert^2
              - \tfrac12 \ln \frac{\det (H + \delta I)}{\det \delta I}

    It is exact where the outcome is normal of a known variance and ``w`` is the maximum a posteriori at this precision.

    Args:
        prior_precision: Precision of the prior.
        curvature: Curvature of all rows.
        square_norm: Squared norm of the weights.
        nll: Negative log-likelihood of all rows at these weights, in nats.

    References:
        MacKay (1992), Bayesian Interpolation, eq. 4.7.
        Daxberger et al. (2021), Laplace Redux, eq. 7.
    """
    return -nll - 0.5 * prior_precision * square_norm - 0.5 * curvature.log_ratio(prior_precision)


def likeliest_precision(curvature: Curvature, square_norm: float) -> float:
    """Return the prior precision of the largest evidence, to a thousandth of itself.

    Args:
        curvature: Curvature of all rows.
        square_norm: Squared norm of the weights.
    """

    def cost(exponent: float) -> float:
        return -log_evidence(10.0**exponent, curvature, square_norm, 0.0)

    exponents = range(-_LARGEST_EXPONENT, _LARGEST_EXPONENT + 1)
    best = min(exponents, key=cost)
    bounds = max(best - 1, exponents[0]), min(best + 1, exponents[-1])
    search: Callable[..., object] = minimize_scalar
    found = search(cost, bounds=bounds, method="bounded", options={"xatol": _RESOLUTION})
    return float(10**found.x)  # type: ignore[attr-defined]
