"""Diversity: how different generated images are from each other, beside real ones."""

from __future__ import annotations

from torch import Tensor
from torchmetrics.functional.image import structural_similarity_index_measure

from training.evaluation.generator import GeneratorEvaluation
from training.evaluation.measurement import Metrics
from training.loops.adversarial import pairwise_distance

_IMAGES = 500
_SMALLEST_SIDE = 16
"""SSIM looks through windows of 11 pixels."""


def measure(evaluation: GeneratorEvaluation) -> Metrics:
    """Return the ratio of mean pairwise distances, and the structural similarity within classes (low if diverse)."""
    generated, real = evaluation.generated[:_IMAGES], evaluation.real[:_IMAGES]
    distance = pairwise_distance(real)
    ratio = {"pairwise_distance_ratio": pairwise_distance(generated) / distance} if distance > 0 else {}
    if evaluation.classifier is None or min(generated.shape[2:]) < _SMALLEST_SIDE:
        return ratio
    classes = evaluation.classifier.classes
    return ratio | {
        "ssim_within_class": same_class_similarity(generated, classes(evaluation.generated_features[:_IMAGES])),
        "ssim_within_class_real": same_class_similarity(real, classes(evaluation.real_features[:_IMAGES])),
    }


def same_class_similarity(images: Tensor, classes: Tensor) -> float:
    """Return the mean SSIM of images and others of their class; 1 if all of a class are alike, or no class has two.

    Args:
        images: Images ``(N, channels, height, width)`` with pixels in [0, 1].
        classes: Class indices, ``(N,)``.

    References:
        Odena, Olah & Shlens (2017), Conditional Image Synthesis with Auxiliary Classifier GANs, section 4.2. They
        take the multi-scale form, whose windows need images of 161 pixels.
    """
    order = classes.argsort(stable=True)
    first, second = order[:-1], order[1:]
    same = classes[first] == classes[second]
    if not same.any():
        return 1.0
    similarity = structural_similarity_index_measure(images[first[same]], images[second[same]], data_range=1.0)
    assert isinstance(similarity, Tensor)  # no full image of similarities was asked for
    return float(similarity)
