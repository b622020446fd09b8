"""Statistics of draws that an answer may hold besides, computed with torch: arrays in, arrays out."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from models.guarantees import conformal
from models.prediction import uncertainty
from service.backends.predictor_jobs import Float64Array

Booleans = NDArray[np.bool_]


def prediction_set(probs: Float64Array, level: float) -> Booleans:
    """Return the smallest sets of classes whose probabilities add up to at least ``level``.

    Args:
        probs: Class probabilities, ``(B, ..., C)``.
        level: Probability that a set holds, in (0, 1).

    Returns:
        Membership, ``(B, ..., C)``.
    """
    return _array(uncertainty.prediction_set(torch.from_numpy(probs), level))


def conformal_set(probs: Float64Array, bounds: Float64Array, score: str) -> Booleans:
    """Return the sets of classes that score no higher than a bound, with the likeliest always among them.

    Args:
        probs: Class probabilities, ``(B, ..., C)``.
        bounds: Quantiles of the calibration rows' scores, in a shape that goes with ``probs``.
        score: Kind of score, of :data:`models.guarantees.conformal.CLASS_SCORES`.

    Returns:
        Membership, ``(B, ..., C)``.
    """
    return _array(conformal.conformal_set(torch.from_numpy(probs), torch.from_numpy(bounds), score))


def label_set(probs: Float64Array, bounds: Float64Array) -> Booleans:
    """Return the sets of labels that score no higher than a bound, and of all that are more probable than not.

    Args:
        probs: Probabilities of the labels, ``(B, ..., C)``.
        bounds: Thresholds of scores, in a shape that goes with ``probs``.

    Returns:
        Membership, ``(B, ..., C)``.
    """
    return _array(conformal.label_set(torch.from_numpy(probs), torch.from_numpy(bounds)))


def epistemic_covariance(means: Float64Array) -> Float64Array:
    """Return how rows vary together over the draws.

    Args:
        means: Each draw's predictive mean, ``(S, B, ..., D)``.

    Returns:
        One matrix for every output, ``(..., D, B, B)``, in the units of ``means`` squared.
    """
    return _array(uncertainty.epistemic_covariance(torch.from_numpy(means)))


def _array(tensor: torch.Tensor) -> NDArray[Any]:
    array: NDArray[Any] = tensor.numpy()
    return array
