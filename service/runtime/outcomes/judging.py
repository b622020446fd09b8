"""One row of an answer against what came true: was it in the set, how wrong was the guess, and how likely was it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.specs import VOID, OutputSpec
from service.runtime.outcomes.answer_rows import Said

Array = NDArray[Any]

_LEAST = 1e-12
"""Smallest probability that is believed, so that no single outcome makes the sum infinite."""


@dataclass(frozen=True)
class Judgement:
    """The comparison of one row; of steps and pixels, means over those whose outcome is known.

    Attributes:
        missed: Share of the outcome that the set or interval does not hold, in [0, 1]; ``None`` if there was none.
        error: Error of the guess: the share that is wrong; of a regression the absolute error in the target's units, of
            several targets in units of their standard deviations in training.
        nll: Negative log-likelihood in nats; ``None`` if the answer does not tell it.
        brier: Sum of the squared errors of the probabilities; ``None`` for a regression.
        square: Squared error over predicted variance, 1 on average if that is right; ``None`` but for a regression.
        confidences: Largest probability of each part of the outcome.
        correct: 1 for each of these that was right, 0 for others.
        slices: Class of the outcome and groups of the row, by kind.
    """

    missed: float | None
    error: float
    nll: float | None
    brier: float | None
    square: float | None
    confidences: Array
    correct: Array
    slices: Mapping[str, str]


def judge(outputs: OutputSpec, said: Said, outcome: Array) -> Judgement | None:
    """Return the comparison of an answer with its outcome; ``None`` if nothing is known of the outcome.

    Args:
        outputs: Outputs of the model.
        said: Answer for the row.
        outcome: Class indices ``(*positions,)``, :data:`~models.specs.VOID` where nothing is known; of a regression
            targets ``(*positions, D)`` in their units, NaN where nothing is known; of several labels booleans
            ``(*positions, L)``.
    """
    mean = np.array(said.mean, np.float64)  # None becomes NaN: a step that a row does not have
    if outputs.outcome == "classification":
        return _judge_classes(outputs, said, mean, outcome)
    if outputs.outcome == "regression":
        return _judge_numbers(outputs, said, mean, outcome)
    return _judge_labels(outputs, said, mean, outcome)


def _judge_classes(outputs: OutputSpec, said: Said, mean: Array, outcome: Array) -> Judgement | None:
    known = (outcome != VOID) & ~np.isnan(mean).any(-1)
    if not known.any():
        return None
    probs, true = mean[known], outcome[known]
    likelihood = probs[np.arange(len(true)), true]
    correct = probs.argmax(-1) == true
    of_class = {} if outcome.ndim else {"class": outputs.names[int(outcome)]}
    missed = None
    if said.members is not None:
        sets = np.empty(outcome.shape, object)
        for place in np.ndindex(outcome.shape):
            sets[place] = _at(said.members, place)
        pairs = zip(sets[known], true, strict=True)
        missed = float(np.mean([outputs.names[index] not in (members or ()) for members, index in pairs]))
    return Judgement(
        missed,
        error=float(1 - correct.mean()),
        nll=float(-np.log(np.maximum(likelihood, _LEAST)).mean()),
        brier=float(np.mean(np.square(probs).sum(-1) - 2 * likelihood + 1)),
        square=None,
        confidences=probs.max(-1),
        correct=correct,
        slices=of_class | _groups(said),
    )


def _judge_numbers(outputs: OutputSpec, said: Said, mean: Array, outcome: Array) -> Judgement | None:
    known: Array = np.asarray(~np.isnan(outcome) & ~np.isnan(mean))
    if not known.any():
        return None
    off = np.abs(outcome - mean)
    scaled = off if outputs.size == 1 else off / np.maximum(np.array(outputs.deviations or (1.0,)), _LEAST)
    square = nll = missed = None
    if said.variance is not None:
        variance = np.maximum(np.array(said.variance, np.float64), _LEAST)
        squares = np.square(off) / variance
        square = float(np.mean(squares[known]))
        parts = np.where(known, 0.5 * (math.log(2 * math.pi) + np.log(variance) + squares), 0).sum(-1)
        nll = float(parts[known.any(-1)].mean())
    if said.lower is not None and said.upper is not None:
        lower, upper = (np.array(end, np.float64) for end in (said.lower, said.upper))
        outside = known & ((outcome < lower) | (outcome > upper))
        missed = float(np.any(outside, -1, keepdims=True)[known.any(-1)].mean())  # of all targets of a step together
    error = float(scaled[known].mean())
    return Judgement(missed, error, nll, None, square, np.empty(0), np.empty(0), _groups(said))


def _judge_labels(outputs: OutputSpec, said: Said, mean: Array, outcome: Array) -> Judgement | None:
    known: Array = np.asarray(~np.isnan(mean).any(-1))
    if not known.any():
        return None
    probs, true = mean[known], outcome[known]
    likelihood = np.maximum(np.where(true, probs, 1 - probs), _LEAST)
    correct = (probs >= 0.5) == true
    return Judgement(
        missed=_missed_labels(outputs, said, outcome, known),
        error=float(1 - correct.mean()),
        nll=float(-np.log(likelihood).sum(-1).mean()),
        brier=float(np.square(probs - true).sum(-1).mean()),
        square=None,
        confidences=np.maximum(probs, 1 - probs).ravel(),
        correct=correct.ravel(),
        slices=_groups(said),
    )


def _missed_labels(outputs: OutputSpec, said: Said, outcome: Array, known: Array) -> float | None:
    """Return the share of the true labels that the set does not hold; 0 if there is no true one."""
    if said.members is None:
        return None
    true = [(place, index) for *place, index in np.argwhere(outcome & known[..., None]).tolist()]
    missed = [outputs.names[index] not in (_at(said.members, place) or ()) for place, index in true]
    return float(np.mean(missed)) if missed else 0.0


def _at(nested: Any, place: Any) -> Any:
    for index in place:
        nested = nested[index]
    return nested


def _groups(said: Said) -> dict[str, str]:
    return {f"group:{column}": category for column, category in said.groups.items()}
