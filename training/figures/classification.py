"""How well a classifier knows, and knows what it does not know."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F
from torchmetrics.functional.classification import binary_auroc, multiclass_calibration_error

from models import noise
from models.predictor import Predictor
from training.data import Dataset
from training.figures.scores import predictions

CONFIDENT = 0.9
"""The probability of a label from which a mistake is called a confident one."""

_MOST_STRANGE_ROWS = 2000


def figures(predictor: Predictor, dataset: Dataset, samples: int, seed: int) -> dict[str, float]:
    """Figures on the test split and, for images, on inputs of another kind.

    ``noise``: pixels uniform over their range. ``blank``: every pixel the smallest value. ``rotated``: the test
    images turned by 90 degrees, still called by their upright label.
    """
    mean, entropy, _ = _answers(predictor, dataset.test.inputs, samples, seed)
    measured = calibration(mean, dataset.test.targets) | {"test_entropy_nats": float(entropy.mean())}
    inputs = predictor.inputs
    if inputs.kind != "image" or inputs.low is None or inputs.high is None:
        return measured
    measured |= _on_noise(predictor, entropy, samples, seed)
    measured["blank_entropy_nats"] = float(_answers(predictor, _blank(predictor), samples, seed)[1])
    return measured | _on_rotated(predictor, dataset, entropy, samples, seed)


def calibration(mean: Tensor, targets: Tensor) -> dict[str, float]:
    """Of predictive probabilities ``(B, C)`` and labels ``(B,)``."""
    right = mean.argmax(-1) == targets
    nll = -mean.gather(-1, targets.unsqueeze(-1)).clamp_min(torch.finfo(torch.float32).tiny).log()
    brier = (mean - F.one_hot(targets, mean.shape[-1])).square().sum(-1)
    ece = multiclass_calibration_error(mean, targets, mean.shape[-1], n_bins=15)
    return {
        "test_accuracy": float(right.double().mean()),
        "test_nll_nats": float(nll.mean()),
        "test_brier": float(brier.mean()),
        "test_ece": float(ece),
    }


def auroc(usual: Tensor, strange: Tensor) -> float:
    """How often a strange row scores above a usual one: 1 is perfect, 0.5 is chance."""
    labels = torch.cat([torch.zeros(len(usual)), torch.ones(len(strange))]).long()
    # binary_auroc takes scores outside [0, 1] for logits; ranks say the same and stay inside.
    scores = torch.cat([usual, strange]).argsort().argsort().double() / len(labels)
    return float(binary_auroc(scores, labels))


def _answers(predictor: Predictor, rows: Tensor, samples: int, seed: int) -> tuple[Tensor, Tensor, Tensor | None]:
    parts = predictions(predictor, rows, samples, seed)
    information = [part.mutual_information for part in parts if part.mutual_information is not None]
    return (
        torch.cat([part.mean for part in parts]),
        torch.cat([part.predictive_entropy for part in parts]),
        torch.cat(information) if information else None,
    )


def _on_noise(predictor: Predictor, usual: Tensor, samples: int, seed: int) -> dict[str, float]:
    low, high = predictor.inputs.low or 0.0, predictor.inputs.high or 0.0
    law = noise.Uniform(low, high)
    rows = noise.draw([noise.Site("pixels", predictor.inputs.shape, law)], 0, min(len(usual), _MOST_STRANGE_ROWS))
    entropy = _answers(predictor, rows["pixels"].clamp(low, high), samples, seed)[1]
    return {"noise_auroc": auroc(usual, entropy), "noise_entropy_nats": float(entropy.mean())}


def _on_rotated(predictor: Predictor, dataset: Dataset, usual: Tensor, samples: int, seed: int) -> dict[str, float]:
    split = dataset.test.rows(slice(_MOST_STRANGE_ROWS))
    mean, entropy, information = _answers(predictor, split.inputs.rot90(1, (-2, -1)), samples, seed)
    probability, label = mean.max(-1)
    mistaken = (probability >= CONFIDENT) & (label != split.targets)
    measured = {
        "rotated_entropy_nats": float(entropy.mean()),
        "rotated_auroc": auroc(usual, entropy),
        "rotated_confidently_mistaken_share": float(mistaken.double().mean()),
    }
    return measured if information is None else measured | {"rotated_information_nats": float(information.mean())}


def _blank(predictor: Predictor) -> Tensor:
    return torch.full((1, *predictor.inputs.shape), predictor.inputs.low or 0.0)
