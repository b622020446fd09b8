"""Fréchet distance of the distributions of generated and of real images, on the features of a classifier."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torchmetrics.image.fid import FrechetInceptionDistance

from training.evaluation.generator import GeneratorEvaluation
from training.evaluation.measurement import Metrics

_MOST_IMAGES = 5000


def measure(evaluation: GeneratorEvaluation) -> Metrics:
    """Return the distance on the feature classifier's features, and on Inception's where its weights are given.

    Each is the mean distance of generated images to two halves of the real ones, all three of one size. The floor
    beside it is the distance between the halves: the score of images without a fault. Both fall with the number of
    images, 5000 at most, the floor in proportion, so ratios too are comparable at the same number only.
    """
    size = min(_MOST_IMAGES, evaluation.samples, len(evaluation.real) // 2)
    measured: Metrics = {}
    if size < 2:
        return measured
    if evaluation.classifier is not None:
        measured |= _distances("lenet", evaluation.generated_features[:size], evaluation.real_features[: 2 * size])
    if evaluation.inception is not None:
        images = evaluation.generated[:size], evaluation.real[: 2 * size]
        measured |= _distances("inception", *map(evaluation.inception.features, images))
    return measured | ({"frechet_images": float(size)} if measured else {})


def _distances(name: str, generated: Tensor, real: Tensor) -> Metrics:
    first, second = real.chunk(2)
    floor = frechet_distance(first, second)
    distance = (frechet_distance(generated, first) + frechet_distance(generated, second)) / 2
    ratio = {f"frechet_{name}_ratio": distance / floor} if floor > 0 else {}
    return {f"frechet_{name}": distance, f"frechet_{name}_floor": floor} | ratio


def frechet_distance(first: Tensor, second: Tensor) -> float:
    r"""Compute the squared Fréchet distance of two Gaussians with the mean and covariance of two sets of features.

    .. math:: \lVert \mu_1 - \mu_2 \rVert^2 + \mathrm{tr}\left(C_1 + C_2 - 2 (C_1 C_2)^{1/2}\right)

    Args:
        first: Features ``(N, F)`` in float64, at least two rows.
        second: Features ``(M, F)`` in float64, at least two rows.

    References:
        Heusel et al. (2017), GANs Trained by a Two Time-Scale Update Rule, eq. 6.
    """
    metric = FrechetInceptionDistance(_Features(first.shape[1]), normalize=True).set_dtype(torch.float64)
    metric.update(first, real=True)
    metric.update(second, real=False)
    return max(0.0, float(metric.compute()))


class _Features(nn.Identity):
    """A network that returns its input: torchmetrics is given features in place of images."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self.num_features = size
