"""The truncation trick, which trades recall for precision (Karras et al., 2019, figure 8)."""

from __future__ import annotations

import torch

from training.evaluation.generator import GeneratorEvaluation
from training.evaluation.measurement import Metrics
from training.evaluation.metrics.generation import precision_recall
from training.evaluation.metrics.generation.precision_recall import covered_share

_CONTROL = "truncation_psi"
_PSI = 0.5
_MOST_IMAGES = 5000
_BLOCK = 500


def measure(evaluation: GeneratorEvaluation) -> Metrics:
    """Return precision and recall of as many images half way to the mean image, and how much that gains and loses."""
    controls = {control.name for control in evaluation.generator.controls}
    if evaluation.classifier is None or _CONTROL not in controls:
        return {}
    size = min(_MOST_IMAGES, evaluation.samples, len(evaluation.real))
    blocks = (evaluation.seeds(start, min(start + _BLOCK, size)) for start in range(0, size, _BLOCK))
    images = torch.cat([evaluation.images(seeds, {_CONTROL: _PSI}) for seeds in blocks])
    truncated, real = evaluation.classifier.features(images), evaluation.real_features[:size]
    precision, recall = covered_share(truncated, real), covered_share(real, truncated)
    whole = precision_recall.measure(evaluation)
    return {
        "truncated_precision": precision,
        "truncated_recall": recall,
        "truncation_precision_gain": precision - whole["precision"],
        "truncation_recall_loss": whole["recall"] - recall,
    }
