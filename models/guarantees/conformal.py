r"""Split-conformal scores: whatever the model got wrong about its uncertainty, sets and intervals hold a stated share.

References:
    Vovk, Gammerman & Shafer (2005), Algorithmic Learning in a Random World.
    Angelopoulos & Bates (2023), Conformal Prediction: A Gentle Introduction.
"""

from __future__ import annotations

import math

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from models.errors import LevelError
from models.prediction.regression import Regression
from models.prediction.uncertainty import Uncertainty


def score_quantile(scores: NDArray[np.float32], level: float) -> float:
    """Return the score that an exchangeable new row stays below with probability ``level``.

    Args:
        scores: Scores of the calibration rows, ``(n,)``; NaN where the outcome was not observed.
        level: Probability, in (0, 1).

    Raises:
        LevelError: if they are too few for that level.
    """
    scores = scores[~np.isnan(scores)]
    rows = len(scores)
    rank = math.ceil((rows + 1) * level)
    if rank > rows:
        needed = math.ceil(round(level / (1 - level), 6))
        raise LevelError(
            f"{level:g} is too high for {rows} calibration rows, as it takes {needed}; allowed is up to"
            f" {rows / (rows + 1):.4g}"
        )
    kept = np.partition(scores, rank - 1)[rank - 1]
    return float(np.nextafter(kept, np.float32(np.inf)))  # it was rounded to float32, perhaps down


def class_scores(probs: Tensor, labels: Tensor) -> Tensor:
    """Return one minus the probability of the true class, ``(B,)``, of probabilities ``(B, C)``."""
    return 1 - probs.gather(-1, labels.unsqueeze(-1)).squeeze(-1)


def conformal_set(probs: Tensor, score: float) -> Tensor:
    """Return the classes that score at most ``score``, boolean ``(B, C)``; the likeliest one always."""
    likeliest = torch.zeros_like(probs, dtype=torch.bool).scatter(-1, probs.argmax(-1, keepdim=True), True)
    return (1 - probs <= score) | likeliest


def deviation_scores(likelihood: Regression, answer: Uncertainty, targets: Tensor) -> Tensor:
    """Return the largest error of each row's targets in units of the predicted standard deviation, ``(B,)``.

    A likelihood of what is never negative counts them on a scale of its own, so that intervals stay above 0. Of a
    single function the deviation is that of the noise alone. The score of a row without any target is NaN.
    """
    known = ~targets.isnan()
    deviations = likelihood.deviations(targets, answer.mean, answer.variance).where(known, -math.inf).amax(-1)
    return deviations.where(known.any(-1), math.nan)
