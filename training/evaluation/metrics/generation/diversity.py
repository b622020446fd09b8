"""How different made images are from each other, beside real ones."""

from __future__ import annotations

from torch import Tensor
from torchmetrics.functional.image import structural_similarity_index_measure

from training.evaluation.generator import Gallery
from training.loops.adversarial import pairwise_distance

_IMAGES = 500
_SMALLEST_SIDE = 16
"""SSIM looks through windows of 11 pixels."""


def figures(gallery: Gallery) -> dict[str, float]:
    """``pairwise_distance_ratio``, and the structural similarity of two images of a class: higher is less diverse."""
    made, real = gallery.made[:_IMAGES], gallery.real[:_IMAGES]
    distance = pairwise_distance(real)
    ratio = {"pairwise_distance_ratio": pairwise_distance(made) / distance} if distance > 0 else {}
    if gallery.judge is None or min(made.shape[2:]) < _SMALLEST_SIDE:
        return ratio
    of_made, of_real = (gallery.judge.classes(f[:_IMAGES]) for f in (gallery.made_features, gallery.real_features))
    pairs = same_class_similarity(made, of_made), same_class_similarity(real, of_real)
    return ratio | dict(zip(("ssim_within_class", "ssim_within_class_real"), pairs, strict=True))


def same_class_similarity(images: Tensor, classes: Tensor) -> float:
    """Mean SSIM of images and others of their class; 1 if all of a class are alike, or no class has two.

    Args:
        images: ``(N, channels, height, width)`` with pixels in [0, 1].
        classes: ``(N,)``.

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
    assert isinstance(similarity, Tensor)  # no second answer was asked for
    return float(similarity)
