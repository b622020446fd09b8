r"""Split-conformal scores: whatever the model got wrong about its uncertainty, sets and intervals hold a stated share.

A set or interval is all outcomes whose score is at most the quantile of calibration rows' scores. The likeliest class
scores 0, so that it is in every set: then a set holds more than the level asks only where that class alone does.

References:
    Vovk, Gammerman & Shafer (2005), Algorithmic Learning in a Random World.
    Angelopoulos & Bates (2023), Conformal Prediction: A Gentle Introduction.
    Gupta, Kuchibhotla & Ramdas (2022), Nested Conformal Prediction and Quantile Out-of-Bag Ensemble Methods.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from models.errors import LevelError
from models.prediction.regression import Regression
from models.prediction.uncertainty import Uncertainty

_RANK_PENALTY = 0.01
_FREE_RANKS = 5
_PROBABLE = 0.5


def rows_needed(level: float) -> int:
    """Return the number of calibration rows that a level takes.

    >>> rows_needed(0.9), rows_needed(0.95)
    (9, 19)
    """
    return math.ceil(round(level / (1 - level), 6))


def score_quantile(scores: NDArray[np.float32], level: float, of: str = "", ends: int = 1) -> float:
    """Return the score that an exchangeable new row stays below with probability ``1 - (1 - level) / ends``.

    Args:
        scores: Scores of the calibration rows, ``(n,)``; NaN where the outcome was not observed.
        level: Probability, in (0, 1).
        of: Words that follow the number of rows in the refusal, where these are not all rows.
        ends: Number of quantiles, one for each end of an interval, that hold together with probability ``level``.

    Raises:
        LevelError: if they are too few for that level.
    """
    scores = scores[~np.isnan(scores)]
    rows = len(scores)
    check_rows(rows, level, of, ends)
    rank = math.ceil(round((rows + 1) * (1 - (1 - level) / ends), 9))
    kept = np.partition(scores, rank - 1)[rank - 1]
    return float(np.nextafter(kept, np.float32(np.inf)))  # it was rounded to float32, perhaps down


def check_rows(rows: int, level: float, of: str = "", ends: int = 1) -> None:
    """Raise unless there are calibration rows enough for a level, of so many ends together.

    Raises:
        LevelError: with the number that it takes.
    """
    needed = rows_needed(1 - (1 - level) / ends)
    if rows < needed:
        raise LevelError(
            f"{level:g} is too high for {rows} calibration row{'s' * (rows != 1)}{of}, as it takes {needed};"
            f" {_allowed(rows, ends)}"
        )


def _allowed(rows: int, ends: int) -> str:
    """Return the words for the levels that so many rows are enough for."""
    highest = math.floor(round((1 - ends / (rows + 1)) * 1e4, 6)) / 1e4  # never above what is allowed
    return f"allowed is up to {highest:g}" if highest > 0 else "no level is allowed"


def probability_scores(probs: Tensor) -> Tensor:
    """Return one minus the probability of each class, ``(..., C)``: they give the smallest sets on average.

    References:
        Sadinle, Lei & Wasserman (2019), Least Ambiguous Set-Valued Classifiers with Bounded Error Levels.
    """
    return (1 - probs).where(~_likeliest(probs), 0.0)


def cumulative_scores(probs: Tensor) -> Tensor:
    """Return the probability of all classes that are likelier than each, ``(..., C)``: sets that adapt.

    A hard row has a larger set, an easy one a smaller set. Beyond the first few classes each further one costs a
    little more, so that no set has a long tail of them. Ties are not broken at random: an answer repeats.

    References:
        Romano, Sesia & Candès (2020), Classification with Valid and Adaptive Coverage.
        Angelopoulos et al. (2021), Uncertainty Sets for Image Classifiers using Conformal Prediction.
    """
    ordered, order = probs.sort(dim=-1, descending=True)
    ranks = torch.arange(probs.shape[-1], device=probs.device)
    likelier = (ordered.cumsum(-1) - ordered).clamp_min(0.0) + _RANK_PENALTY * (ranks + 1 - _FREE_RANKS).clamp_min(0)
    return torch.empty_like(probs).scatter(-1, order, likelier).where(~_likeliest(probs), 0.0)


def label_scores(probs: Tensor) -> Tensor:
    """Return one minus the probability of each label of several, ``(..., C)``; 0 for the more probable than not."""
    return (1 - probs).where(~(probs >= _PROBABLE), 0.0)


CLASS_SCORES: Mapping[str, Callable[[Tensor], Tensor]] = {
    "probability": probability_scores,
    "cumulative": cumulative_scores,
}
"""For each kind of score of classes, the function from probabilities ``(..., C)`` to the scores of all classes."""


def class_scores(probs: Tensor, labels: Tensor, kind: str = "probability") -> Tensor:
    """Return the score of the true class, ``(...)``, of probabilities ``(..., C)``; NaN if there is none."""
    scores = CLASS_SCORES[kind](probs).gather(-1, labels.clamp_min(0).unsqueeze(-1)).squeeze(-1)
    return scores.where(labels >= 0, math.nan)


def conformal_set(probs: Tensor, score: float | Tensor, kind: str = "probability") -> Tensor:
    """Return the classes that score no higher than a quantile, boolean ``(..., C)``; the likeliest one always.

    Args:
        probs: Class probabilities, ``(..., C)``.
        score: Quantile of the calibration rows' scores: one for all, or in a shape that goes with ``probs``.
        kind: Kind of score, of :data:`CLASS_SCORES`.
    """
    return (CLASS_SCORES[kind](probs) <= score) | _likeliest(probs)


def label_set(probs: Tensor, score: float | Tensor) -> Tensor:
    """Return the labels of several that score no higher than a threshold, boolean ``(..., C)``.

    Args:
        probs: Probabilities of the labels, ``(..., C)``.
        score: Threshold: one for all, or in a shape that goes with ``probs``.
    """
    return (label_scores(probs) <= score) | (probs >= _PROBABLE)


def deviation_scores(likelihood: Regression, answer: Uncertainty, targets: Tensor) -> dict[str, Tensor]:
    """Return how far each outcome is from its prediction in predicted standard deviations, by the kind of score.

    Of several targets it is the largest, so that they are held jointly. A likelihood of what is never negative counts
    on a scale of its own, so that intervals stay above 0. Of a single function the deviation is that of the noise
    alone. The score of an outcome without any target is NaN.

    Args:
        likelihood: Likelihood of the targets.
        answer: Statistics of the rows.
        targets: True values ``(B, ..., D)``.

    Returns:
        ``deviation``, and how far an outcome is ``below`` and ``above``, ``(B, ...)``.
    """
    known = ~targets.isnan()
    signed = likelihood.family(answer.skew).signed_deviations(targets, answer.mean, answer.variance)
    kinds = {"deviation": signed.abs(), "below": -signed, "above": signed}
    largest = {name: values.where(known, -math.inf).amax(-1) for name, values in kinds.items()}
    return {name: values.where(known.any(-1), math.nan) for name, values in largest.items()}


def _likeliest(probs: Tensor) -> Tensor:
    return torch.zeros_like(probs, dtype=torch.bool).scatter(-1, probs.argmax(-1, keepdim=True), True)
