"""What the truncation trick trades: precision for recall (Karras et al., 2019, figure 8)."""

from __future__ import annotations

import torch

from training.evaluation.generator import Gallery
from training.evaluation.metrics.generation import precision_recall
from training.evaluation.metrics.generation.precision_recall import covered

_PSI = 0.5
_MOST = 5000
_BLOCK = 500


def figures(gallery: Gallery) -> dict[str, float]:
    """Precision and recall of as many images again, half way to the mean image, and how much that gains and loses."""
    if gallery.judge is None or all(control.name != "truncation_psi" for control in gallery.generator.controls):
        return {}
    size = min(_MOST, gallery.samples, len(gallery.real))
    blocks = (gallery.seeds(start, min(start + _BLOCK, size)) for start in range(0, size, _BLOCK))
    images = torch.cat([gallery.images(seeds, {"truncation_psi": _PSI}) for seeds in blocks])
    made, real = gallery.judge.features(images), gallery.real_features[:size]
    precision, recall = covered(made, real), covered(real, made)
    whole = precision_recall.figures(gallery)
    return {
        "truncated_precision": precision,
        "truncated_recall": recall,
        "truncation_precision_gain": precision - whole["precision"],
        "truncation_recall_loss": whole["recall"] - recall,
    }
