"""Parzen windows: the log-likelihood of the test split under generated images with a Gaussian around each.

The first GAN papers report it. It is kept for comparison, though it says little about the images (Theis et al., 2016).
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from training.data.dataset import Split
from training.data.pixels import pixels
from training.evaluation.generator import GeneratorEvaluation
from training.evaluation.measurement import Metrics

_SIGMAS = torch.logspace(-1.5, 0, 16).tolist()
_MOST_PIXELS = 1024
"""Largest number of pixels in an image: in more dimensions a sum over some images says nothing at all."""
_VALIDATION_IMAGES = 1000
_BLOCK = 500


def measure(evaluation: GeneratorEvaluation) -> Metrics:
    """Return the mean over the test split with its standard error; the validation split chooses the windows' width.

    References:
        Goodfellow et al. (2014), Generative Adversarial Networks, section 5: 10 000 generated images, MNIST in [0, 1].
    """
    if evaluation.generated[0].numel() > _MOST_PIXELS:
        return {}
    centres = evaluation.generated.flatten(1)
    validation = squared_distances(_flat(evaluation, evaluation.dataset.validation)[:_VALIDATION_IMAGES], centres)
    sigma = max(_SIGMAS, key=lambda width: float(log_density(validation, width, centres.shape[1]).mean()))
    test = _flat(evaluation, evaluation.dataset.test)
    blocks = (squared_distances(part, centres) for part in torch.split(test, _BLOCK))
    likelihoods = torch.cat([log_density(block, sigma, centres.shape[1]) for block in blocks])
    return {
        "parzen_log_likelihood_nats": float(likelihoods.mean()),
        "parzen_standard_error_nats": float(likelihoods.std(correction=0) / math.sqrt(len(likelihoods))),
        "parzen_sigma": sigma,
    }


def squared_distances(images: Tensor, centres: Tensor) -> Tensor:
    """Return squared Euclidean distances, ``(B, N)``.

    Args:
        images: Flattened images ``(B, D)``.
        centres: Flattened images ``(N, D)``.
    """
    return torch.cdist(images, centres).square()


def log_density(squared: Tensor, sigma: float, dimensions: int) -> Tensor:
    r"""Compute the log-density of points under a mixture of Gaussians of one width.

    .. math:: \log \frac{1}{N} \sum_i \mathcal{N}(x; x_i, \sigma^2 I)

    Args:
        squared: Squared distances to the ``N`` centres, ``(B, N)``.
        sigma: Standard deviation of the Gaussians.
        dimensions: Number of dimensions of a point.

    Returns:
        Nats ``(B,)`` in float64.
    """
    exponents = squared / (-2 * sigma**2)
    mixture = exponents.logsumexp(-1) - math.log(squared.shape[1])
    return mixture.double() - dimensions / 2 * math.log(2 * math.pi * sigma**2)


def _flat(evaluation: GeneratorEvaluation, split: Split) -> Tensor:
    return pixels(evaluation.dataset.inputs, split.rows(slice(None)).inputs).flatten(1)
