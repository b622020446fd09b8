r"""Calibration after the weights, on rows that nothing else has seen: when to abstain, and how wide to be.

* A *threshold* on how little the model knows about a row, from the rows of its own kind: above it, it abstains.
* *Split-conformal* scores: whatever the model got wrong about its uncertainty, intervals and sets of a stated level
  hold the outcome with that probability, for rows of the same kind.

References:
    Vovk, Gammerman & Shafer (2005), Algorithmic Learning in a Random World.
    Angelopoulos & Bates (2023), Conformal Prediction: A Gentle Introduction.
"""

from __future__ import annotations

import math

import msgspec
import torch
from torch import Tensor

from models.errors import LevelError
from models.prediction.regression import Regression
from models.prediction.uncertainty import Uncertainty


class Calibration(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The figures of the calibration split.

    Attributes:
        threshold: Largest :func:`ood_score` that is still accepted.
        false_alarm_rate: Share of rows of the model's own kind that are above it.
        rows: Size of the split.
        scores: Non-conformity scores, sorted; a grid of them if the split is large. Empty where there is no single
            outcome a row.
    """

    threshold: float
    false_alarm_rate: float
    rows: int
    scores: tuple[float, ...] = ()

    def score_quantile(self, level: float) -> float:
        """Return the score that an exchangeable new row stays below with probability ``level``.

        Raises:
            LevelError: if the split is too small for that level.
        """
        rank = math.ceil((self.rows + 1) * level)
        if rank > self.rows:
            raise LevelError(f"{level:g} is too high for {self.rows} calibration rows; allowed is up to "
                f"{self.rows / (self.rows + 1):.4g}")  # fmt: skip
        return self.scores[math.ceil(rank * len(self.scores) / self.rows) - 1]


def class_scores(probs: Tensor, labels: Tensor) -> Tensor:
    """Return one minus the probability of the true class, ``(B,)``, of probabilities ``(B, C)``."""
    return 1 - probs.gather(-1, labels.unsqueeze(-1)).squeeze(-1)


def conformal_set(probs: Tensor, score: float) -> Tensor:
    """Return the classes that score at most ``score``, boolean ``(B, C)``; the likeliest one always."""
    likeliest = torch.zeros_like(probs, dtype=torch.bool).scatter(-1, probs.argmax(-1, keepdim=True), True)
    return (1 - probs <= score) | likeliest


def deviation_scores(likelihood: Regression, answer: Uncertainty, targets: Tensor) -> Tensor:
    """Return the largest error of each row's targets in units of the predicted standard deviation, ``(B,)``.

    A likelihood of what is never negative counts them on a scale of its own, so that intervals stay above 0.
    """
    assert answer.total_variance is not None  # it was estimated from draws
    return likelihood.deviations(targets, answer.mean, answer.total_variance).amax(-1)
