"""Last-layer Laplace: a draw is one last layer from a Gaussian that is fitted around the trained weights."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from typing import Annotated

import torch
from msgspec import Meta
from torch import Tensor, nn
from torch.func import functional_call

from models.catalogue import NonNegative, Positive
from models.errors import ModelStructureError
from models.noise import Normal, Site
from models.prediction.curvature import Curvature, FullCurvature, KroneckerCurvature, likeliest_precision, log_evidence
from models.prediction.linear_head import features_of, find_linear_head
from models.prediction.posterior import Expand
from models.prediction.regularised import Regularised

_LARGEST_ROOT = 10_000
_SEED = 0
"""Seed of the dropout masks under which the curvature is measured."""
_MASKED_ROWS = 128
"""Rows of a smaller batch are seen under several masks, so that few rows do not hang on the luck of one."""
_BLOCK, _BLOCK_NUMBERS = 8192, 2**24
"""Most positions whose Hessians are made at a time, and most numbers in them."""


class Laplace(Regularised):
    r"""A Gaussian over the weights of the last linear layer, around those that ordinary training has found.

    The network is trained like a deterministic one. Then one pass over the training rows measures how sharply their
    likelihood bends in the ``P`` weights of the last layer (the generalised Gauss-Newton matrix :math:`H`), and

    .. math:: w \sim N\left(w^*, (H + \delta I)^{-1}\right)

    with the prior precision :math:`\delta` of the largest marginal likelihood. All layers before the last are the same
    in every draw, so that they are computed once for all draws.

    Args:
        network: Any network whose outputs are those of a linear layer. Dropout is kept for training alone.
        input_shape: Shape of one row.
        prior_precision: Prior precision of the last layer; ``None`` for that of the largest marginal likelihood.
        full_up_to: Largest ``P`` whose covariance is kept as a whole, at most 10 000: ``P^2`` numbers in the
            checkpoint. A larger layer has a Kronecker-factored one.
        length_scale: Length scale of the weight decay, as in MC-dropout.

    Attributes:
        precision: Prior precision of the last layer, a scalar; 0 until it is fitted.
        evidence: Log marginal likelihood of the training rows at that precision, in nats, a scalar.

    References:
        Daxberger et al. (2021), Laplace Redux: Effortless Bayesian Deep Learning.
        MacKay (1992), Bayesian Interpolation.
    """

    fitted_after_training = True
    precision: Tensor
    evidence: Tensor

    def __init__(
        self,
        network: nn.Module,
        input_shape: tuple[int, ...],
        prior_precision: Positive | None = None,
        full_up_to: Annotated[int, Meta(ge=0, le=_LARGEST_ROOT)] = _LARGEST_ROOT,
        length_scale: NonNegative = 0.1,
    ) -> None:
        super().__init__(network, input_shape, length_scale)
        self.name = find_linear_head(self.network, input_shape)
        self.prior_precision = prior_precision
        outputs, features = shape = tuple(self._weights().shape)
        self.kind: type[Curvature] = FullCurvature if math.prod(shape) <= full_up_to else KroneckerCurvature
        self.sites = (Site("last layer", shape, Normal()),)
        self.register_buffer("precision", torch.tensor(0.0))
        self.register_buffer("evidence", torch.tensor(0.0))
        for factor, size in self.kind.shapes(outputs, features).items():
            self.register_buffer(factor, torch.zeros(size))

    @property
    def can_sample(self) -> bool:
        return bool(self.precision > 0)

    @property
    def drawn(self) -> nn.Module:
        return self.network.get_submodule(self.name)

    @torch.no_grad()
    def after_training(self, batches: Iterable[tuple[Tensor, Tensor]], expand: Expand) -> None:
        """Fit the Gaussian around the weights as they are, in one pass over the training rows.

        It is the curvature of what training minimised, so dropout masks are drawn as in training: without them a
        network that knows its rows by heart seems to leave its weights free.
        """
        weights = self._weights().double()
        outputs, features = weights.shape
        curvature, nll = self.kind(outputs, features, weights.device), 0.0
        for step, (x, target) in enumerate(batches):
            repeats = math.ceil(_MASKED_ROWS / len(x)) if self.masks else 1
            for number in range(step * repeats, (step + 1) * repeats):
                for read, output, outcomes in self._rows(x, target, number):
                    costs, hessians = expand(output, outcomes)
                    nll += float(costs.double().sum()) / repeats
                    counts = hessians.flatten(1).any(1)  # a row of no observed outcome has no curvature
                    curvature.add(read[counts], hessians[counts] / repeats)
        square_norm = float(weights.square().sum())
        precision = self.prior_precision or likeliest_precision(curvature, square_norm)
        self.precision.fill_(precision)
        self.evidence.fill_(log_evidence(precision, curvature, square_norm, nll))
        for name, factor in curvature.factors(precision).items():
            self.get_buffer(name).copy_(factor)

    @property
    def choices(self) -> tuple[str, ...]:
        kind = "full" if self.kind is FullCurvature else "Kronecker-factored"
        chosen = "as given" if self.prior_precision else "of the largest marginal likelihood"
        return (
            f"last layer, {self._weights().numel()} weights with a {kind} covariance: prior precision"
            f" {float(self.precision):.4g}, {chosen} (log evidence {float(self.evidence):.6g} nats)",
        )

    def transform_noise(self, noise: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Return last layers ``(S, ...)`` by the network's names from standard normal noise ``(S, C, D)``.

        Raises:
            ModelStructureError: if the Gaussian has not been fitted yet.
        """
        if not self.can_sample:
            raise ModelStructureError(
                "laplace draws from a Gaussian that is fitted to the training rows after training, and it has not been"
                " fitted: finish the run"
            )
        layer, factors = self.drawn, dict(self.named_buffers(recurse=False))
        drawn = self._weights() + self.kind.deviations(noise["last layer"], factors)
        parts = {"weight": drawn} if layer.bias is None else {"weight": drawn[..., :-1], "bias": drawn[..., -1]}
        return {
            f"{self.name}.{name}": part.reshape(-1, *layer.get_parameter(name).shape) for name, part in parts.items()
        }

    def _weights(self) -> Tensor:
        """Return the last layer's weights ``(C, D)``, the bias as those of the last feature."""
        layer = self.drawn
        weight = layer.get_parameter("weight").detach().flatten(1)
        return weight if layer.bias is None else torch.cat([weight, layer.get_parameter("bias").detach()[:, None]], 1)

    def _rows(self, x: Tensor, target: Tensor, number: int) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
        """Yield features ``(R, D)``, outputs ``(R, C)`` and targets ``(R, ...)`` of a batch under some masks."""
        masks = {name: mask[0] for name, mask in self.sample_for_training(_SEED, number, len(x)).items()}
        seen: list[Tensor] = []
        handle = self.drawn.register_forward_pre_hook(lambda _module, inputs: seen.append(inputs[0]))
        try:
            output = functional_call(self.network, masks, (x,))
        finally:
            handle.remove()
        features = features_of(self.drawn, seen[0]).flatten(0, -2)
        parts = features, output.flatten(0, -2), target.flatten(0, output.ndim - 2)
        size = max(1, min(_BLOCK, _BLOCK_NUMBERS // output.shape[-1] ** 2))
        return zip(*(part.split(size) for part in parts), strict=True)
