"""Nearest neighbours among the training images: whether a generator repeats them."""

from __future__ import annotations

import torch
from torch import Tensor

from training.evaluation.generator import GeneratorEvaluation
from training.evaluation.measurement import Metrics

_IMAGES = 1000


def measure(evaluation: GeneratorEvaluation) -> Metrics:
    """Return the median distance of generated images to their nearest training image, over that of held-out images.

    Well below 1 the generator repeats training images; blurred images are a little below 1 too, as they are close to
    everything.
    """
    images = evaluation.generated, evaluation.real
    generated, real = (nearest_distances(some[:_IMAGES], evaluation) for some in images)
    return {"nearest_training_ratio": float(generated.median() / real.median())} if real.median() > 0 else {}


def nearest_distances(images: Tensor, evaluation: GeneratorEvaluation) -> Tensor:
    """Return the Euclidean distance of each image to the nearest training image.

    Args:
        images: Images ``(N, channels, height, width)`` in [0, 1].
        evaluation: The evaluation whose training images are searched.

    Returns:
        Distances ``(N,)`` over all pixels.
    """
    least = torch.full((len(images),), torch.inf)
    for block in evaluation.training_blocks():
        least = torch.minimum(least, torch.cdist(images.flatten(1), block.flatten(1)).amin(-1))
    return least
