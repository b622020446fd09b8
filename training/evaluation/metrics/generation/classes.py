"""Which classes made images show, by the judge."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from training.evaluation.generator import Gallery

_PRESENT = 0.1


def figures(gallery: Gallery) -> dict[str, float]:
    """How many classes have at least a tenth of an equal share of the images, and how uneven the shares are."""
    if gallery.judge is None:
        return {}
    classes = gallery.judge.predictor.outputs.size
    counts = torch.bincount(gallery.judge.classes(gallery.made_features), minlength=classes)
    present = counts >= _PRESENT * gallery.samples / classes
    return {"classes_present": float(present.sum()), "class_kl_to_uniform_nats": kl_to_uniform(counts)}


def kl_to_uniform(counts: Tensor) -> float:
    """Divergence of the shares of ``counts``, ``(C,)``, from equal ones, in nats: 0 to ``ln C``."""
    shares = counts.double() / counts.sum()
    return max(0.0, math.log(len(counts)) - float(torch.special.entr(shares).sum()))
