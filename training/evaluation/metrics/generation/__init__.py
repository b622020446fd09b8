"""How good made images are, beside real ones that nothing was fitted to; the same for every generator."""

from __future__ import annotations

from training.evaluation.generator import Gallery, usual_number
from training.evaluation.metrics.generation import (
    classes,
    diversity,
    frechet,
    nearest_neighbour,
    parzen,
    path_length,
    precision_recall,
    truncation,
)

__all__ = ["Gallery", "judge", "remark", "usual_number"]

_KINDS = (frechet, precision_recall, classes, diversity, nearest_neighbour, parzen, path_length, truncation)


def judge(gallery: Gallery) -> dict[str, float]:
    """All figures of a generator that the data allow."""
    return {name: value for kind in _KINDS for name, value in kind.figures(gallery).items()}


def remark(gallery: Gallery) -> str:
    """Who judged, or what is left out for want of a judge."""
    if gallery.inception is None:
        others = "Inception's are left out: nobody gave its weights (evaluate --inception)."
    else:
        others = "Those named inception are of the weights that were given."
    if gallery.judge is None:
        return (
            f"Images of {gallery.dataset.name} have no class each, so no classifier can be fitted to judge others;"
            f" left out are the Fréchet distance, precision, recall, the classes and SSIM. {others}"
        )
    judge = gallery.judge
    return (
        f"Features and classes are those of a LeNet that this project fitted to the training split ({judge.epochs}"
        f" epochs; {judge.accuracy:.1%} right on the test split), so they compare with figures of the same LeNet only."
        f" {others}"
    )
