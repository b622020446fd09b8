"""Metrics of generated images, beside real ones that nothing was fitted to; the same for every generator."""

from __future__ import annotations

from training.evaluation.generator import GeneratorEvaluation
from training.evaluation.measurement import Metrics
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

_KINDS = (frechet, precision_recall, classes, diversity, nearest_neighbour, parzen, path_length, truncation)


def measure_generator(evaluation: GeneratorEvaluation) -> Metrics:
    """Return all metrics of a generator that the data allow."""
    return {name: value for kind in _KINDS for name, value in kind.measure(evaluation).items()}


def remark(evaluation: GeneratorEvaluation) -> str:
    """Say which classifier the features come from, or which metrics are missing without one."""
    if evaluation.inception is None:
        others = "Inception's are left out, as its weights were not given (evaluate --inception)."
    else:
        others = "Those named inception are of the weights that were given."
    classifier = evaluation.classifier
    if classifier is None:
        return (
            f"Images of {evaluation.dataset.name} have no class each, so no classifier can be fitted to judge others;"
            f" left out are the Fréchet distance, precision, recall, the classes and SSIM. {others}"
        )
    return (
        f"Features and classes are those of a LeNet that this project fitted to the training split"
        f" ({classifier.epochs} epochs; {classifier.accuracy:.1%} right on the test images), so they compare with"
        f" figures of the same LeNet only. {others}"
    )
