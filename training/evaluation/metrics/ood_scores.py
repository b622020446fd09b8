"""Scores that say how far out of distribution a model takes each row to be."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor

from models.prediction.evidence import mean_of_row
from models.prediction.predictor import Predictor
from models.prediction.uncertainty import Uncertainty

Scores = dict[str, Tensor]
"""Scores of the rows by name, ``(N,)`` each; higher is further out of distribution."""


def ood_scores(predictor: Predictor, answers: Iterable[Uncertainty]) -> Scores:
    """Score rows by their answers; of several steps or pixels a row has the mean.

    Args:
        predictor: The model that gave the answers.
        answers: Predictive distributions of the rows, block by block.

    Returns:
        ``entropy`` (predictive) and ``information`` (mutual) in nats; ``probability``, one minus that of the most
        probable class; ``epistemic_variance`` of a regression, in training deviations squared, summed over the targets.
    """
    return concatenate([block_scores(predictor, answer) for answer in answers])


def block_scores(predictor: Predictor, answer: Uncertainty) -> Scores:
    """Score the rows of one block, as :func:`ood_scores` does for all."""
    scores = {"entropy": answer.predictive_entropy, "information": answer.mutual_information}
    if predictor.outputs.outcome == "classification":
        scores["probability"] = 1 - answer.mean.amax(-1)
    if predictor.outputs.scale and answer.epistemic_variance is not None:
        unit = answer.epistemic_variance.new_tensor(predictor.outputs.deviations).square()
        scores["epistemic_variance"] = (answer.epistemic_variance / unit).sum(-1)
    return {name: mean_of_row(score) for name, score in scores.items() if score is not None}


def concatenate(blocks: list[Scores]) -> Scores:
    """Join the scores of several blocks."""
    return {name: torch.cat([block[name] for block in blocks]) for name in blocks[0]}
