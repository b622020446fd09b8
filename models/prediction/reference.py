r"""What the training rows look like to a trained network, and how far a new row is from them.

Distances are taken in the features that the last layer reads, which come with one pass of the posterior's mean
function, and among coarse inputs, since a network may be blind to what it never had to tell apart.

References:
    Lee et al. (2018), A Simple Unified Framework for Detecting Out-of-Distribution Samples and Adversarial Attacks.
    Ren et al. (2021), A Simple Fix to Mahalanobis Distance for Improving Near-OOD Detection.
    Sun et al. (2022), Out-of-Distribution Detection with Deep Nearest Neighbors.
"""

from __future__ import annotations

import msgspec
import torch
from torch import Tensor, nn
from torch.nn import functional

from models.specs import InputSpec

NEIGHBOUR = 5
"""The neighbour whose distance counts."""
_CANDIDATES = 4 * NEIGHBOUR
MOST_FEATURES = 512
"""Number of features beyond which they are averaged in groups, so that covariances stay small."""
MOST_NUMBERS = 2**18
"""Numbers in each bank of training rows: 1 MiB."""
MOST_ROWS = 1000
_COARSE = 8
"""Height and width that images are averaged to."""
_RIDGE = 0.01
"""Share of the mean variance that is added to each feature's, since a dead feature has none."""


class ReferenceSpec(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The sizes of a :class:`Reference`.

    Attributes:
        rows: Number of rows in the bank.
        features: Number of features, at most :data:`MOST_FEATURES`.
        classes: Number of classes that rows belong to; 0 where a row has no single class.
        inputs: Number of values of a coarse input; 0 where inputs are not compared.
    """

    rows: int
    features: int
    classes: int
    inputs: int


class Reference(nn.Module):
    """Moments of the training rows' features, and a bank of rows to measure distances to.

    Attributes:
        centres: The means of the classes, whitened.
        bank_squares: Squared lengths of the bank's rows.
        input_squares: Squared lengths of its coarse inputs.
    """

    centres: Tensor
    bank_squares: Tensor
    input_squares: Tensor
    means: Tensor
    whitening: Tensor
    centre: Tensor
    overall: Tensor
    bank: Tensor
    inputs: Tensor

    def __init__(self, spec: ReferenceSpec) -> None:
        super().__init__()
        rows, features, classes, inputs = spec.rows, spec.features, spec.classes, spec.inputs
        self.spec = spec
        self.register_buffer("means", torch.zeros(classes, features))
        self.register_buffer("whitening", torch.zeros(features if classes else 0, features))
        self.register_buffer("centre", torch.zeros(features))
        self.register_buffer("overall", torch.zeros(features, features))
        self.register_buffer("bank", torch.zeros(rows, features))
        self.register_buffer("inputs", torch.zeros(rows if inputs else 0, inputs))
        self.register_buffer("centres", torch.zeros(classes, features), persistent=False)
        self.register_buffer("bank_squares", torch.zeros(rows), persistent=False)
        self.register_buffer("input_squares", torch.zeros(len(self.inputs)), persistent=False)
        # Not a method of this one: it would hold on to itself, and its memory would not come back with it.
        self.register_load_state_dict_post_hook(_prepare_loaded)  # type: ignore[no-untyped-call]

    @classmethod
    @torch.no_grad()
    def fit(cls, features: Tensor, inputs: Tensor, labels: Tensor | None, classes: int) -> Reference:
        """Return the moments of training rows, with rows at even distances among them as the bank.

        Args:
            features: Features ``(N, features)``.
            inputs: Coarse inputs ``(N, inputs)``.
            labels: Class of each row, ``(N,)``, where there are classes.
            classes: Number of classes; 0 where there are none.
        """
        rows = min(len(features), MOST_ROWS, max(1, MOST_NUMBERS // max(features.shape[1], inputs.shape[1])))
        self = cls(ReferenceSpec(rows, features.shape[1], classes, inputs.shape[1])).to(features.device)
        features = features.double()
        self.centre.copy_(features.mean(0))
        self.overall.copy_(_whiten(features - features.mean(0)))
        if labels is not None:
            sums = features.new_zeros(self.means.shape).index_add_(0, labels, features)
            means = sums / torch.bincount(labels, minlength=len(sums)).clamp_min(1).unsqueeze(-1)
            self.means.copy_(means)
            self.whitening.copy_(_whiten(features - means[labels]))
        kept = torch.arange(len(self.bank), device=features.device) * len(features) // len(self.bank)
        self.bank.copy_(features[kept])
        if self.inputs.numel():
            self.inputs.copy_(inputs[kept])
        self._prepare()
        return self

    def _prepare(self) -> None:
        """Make the products that would otherwise be made again for each batch."""
        self.centres = self.means @ self.whitening.T
        self.bank_squares, self.input_squares = self.bank.square().sum(-1), self.inputs.square().sum(-1)

    def distances(self, features: Tensor, inputs: Tensor) -> dict[str, Tensor]:
        r"""Return how far rows are from the training rows, ``(B,)`` by the name of the measure.

        Args:
            features: Features ``(B, features)``.
            inputs: Coarse inputs ``(B, inputs)``.

        Returns:
            ``mahalanobis``, the squared distance :math:`(f - \mu)^T \Sigma^{-1} (f - \mu)`; where rows have classes,
            that to the nearest class with the covariance that classes share, less that to all rows. ``neighbour`` and
            ``input_neighbour``, the distance to the fifth nearest row of the bank among features and among inputs.
        """
        mahalanobis = ((features - self.centre) @ self.overall.T).square().sum(-1)
        if len(self.means):
            mahalanobis = _distances(features @ self.whitening.T, self.centres).square().amin(-1) - mahalanobis
        found = {"mahalanobis": mahalanobis, "neighbour": _neighbour_distance(features, self.bank, self.bank_squares)}
        if self.inputs.numel():
            found["input_neighbour"] = _neighbour_distance(inputs, self.inputs, self.input_squares)
        return found


def pool_features(activations: Tensor, *, channels_first: bool, ended: Tensor | None = None) -> Tensor:
    """Return features ``(B, features)`` of what a last layer reads: their mean over the positions of a row.

    Args:
        activations: Inputs of the last layer: ``(B, features)``, ``(B, *positions, features)``, or of a convolution
            ``(B, features, *positions)``.
        channels_first: ``True`` for a convolution.
        ended: ``True`` at each step after the end of its sequence, ``(B, steps)``.
    """
    values = activations.flatten(2).transpose(1, 2) if channels_first and activations.ndim > 2 else activations
    values = values.reshape(values.shape[0], -1, values.shape[-1])  # len() would not be traced
    if ended is not None and values.shape[1] == ended.shape[1]:
        counted = (~ended).unsqueeze(-1)
        pooled = values.where(counted, 0.0).sum(1) / counted.sum(1).clamp_min(1)
    else:
        pooled = values.mean(1)
    return functional.adaptive_avg_pool1d(pooled, MOST_FEATURES) if pooled.shape[-1] > MOST_FEATURES else pooled


def coarse_inputs(rows: Tensor, inputs: InputSpec) -> Tensor:
    """Return standardised rows as they are compared, ``(B, inputs)``: images of at most 8 x 8, tables as they are.

    Sequences are not compared, as their steps do not correspond. Of rows that have several parts each part weighs the
    same, however many values it has: an image of 64 would leave nothing of a table of 3.
    """
    if inputs.parts:
        found = [coarse_inputs(values, part) for part, values in inputs.split(rows)]
        return torch.cat([part / max(1, part.shape[1]) ** 0.5 for part in found], 1)
    if inputs.kind == "image":
        height, width = (min(length, _COARSE) for length in rows.shape[2:])
        return functional.adaptive_avg_pool2d(rows, (height, width)).flatten(1)
    return rows if inputs.kind == "table" else rows.new_zeros(rows.shape[0], 0)  # len() would not be traced


def _prepare_loaded(reference: Reference, _keys: object) -> None:
    reference._prepare()


def _whiten(centred: Tensor) -> Tensor:
    """Return the matrix ``W`` with ``W^T W`` the inverse of the covariance of centred rows ``(N, F)``."""
    covariance = centred.T @ centred / len(centred)
    ridge = _RIDGE * covariance.diagonal().mean().clamp_min(1e-12)
    factor = torch.linalg.cholesky(covariance + ridge * torch.eye(len(covariance), dtype=centred.dtype).to(centred))
    identity = torch.eye(len(factor), dtype=centred.dtype, device=centred.device)
    whitening: Tensor = torch.linalg.solve_triangular(factor, identity, upper=False)
    return whitening


def _neighbour_distance(rows: Tensor, bank: Tensor, squares: Tensor) -> Tensor:
    """Return the distance ``(B,)`` of rows to their fifth neighbour in a bank whose rows have some squared lengths.

    One product of matrices finds a few near rows. Their distances are then taken exactly: those of the product are
    small differences of large numbers, and depend on the size of the batch in their last bits.
    """
    near = torch.addmm(squares, rows, bank.T, alpha=-2).topk(min(_CANDIDATES, len(bank)), largest=False).indices
    distances = _distances(rows, bank[near])
    return distances.topk(min(NEIGHBOUR, len(bank)), largest=False).values[:, -1]


def _distances(rows: Tensor, others: Tensor) -> Tensor:
    """Return the distances ``(B, N)`` of rows ``(B, F)`` to others ``(N, F)``, or to each row's own ``(B, N, F)``."""
    distances: Tensor = torch.linalg.vector_norm(others - rows.unsqueeze(1), dim=-1)
    return distances
