"""How strange each row is to a model."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor

from models.prediction.predictor import Predictor
from models.prediction.uncertainty import Uncertainty

Scores = dict[str, Tensor]
"""By name, of each row ``(N,)``; higher is stranger."""


def novelty(predictor: Predictor, answers: Iterable[Uncertainty]) -> Scores:
    """Scores from the answers for blocks of rows; means over a row's steps or pixels.

    ``entropy`` (predictive) and ``information`` (mutual) in nats; ``probability``, one minus that of the most
    probable class; ``epistemic_variance`` of a regression, in training deviations squared, summed over the targets.
    """
    parts = [row_scores(predictor, answer) for answer in answers]
    return joined(parts)


def joined(parts: list[Scores]) -> Scores:
    """The scores of several blocks as one."""
    return {name: torch.cat([part[name] for part in parts]) for name in parts[0]}


def row_scores(predictor: Predictor, answer: Uncertainty) -> Scores:
    """Of one block."""
    scores = {"entropy": answer.predictive_entropy, "information": answer.mutual_information}
    if predictor.outputs.outcome == "classification":
        scores["probability"] = 1 - answer.mean.amax(-1)
    if predictor.outputs.scale and answer.epistemic_variance is not None:
        unit = answer.epistemic_variance.new_tensor(predictor.outputs.scale).square()
        scores["epistemic_variance"] = (answer.epistemic_variance / unit).sum(-1)
    return {name: score.reshape(len(score), -1).mean(-1) for name, score in scores.items() if score is not None}
