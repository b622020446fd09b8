"""Intervals and sets of a level: conformal ones if the model was calibrated, else those that it believes in."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from service.backends.predictor_jobs import Float64Array, Prediction
from service.backends.torch_statistics import conformal_set, mixture_quantile, prediction_set
from service.runtime.registry import ServedPredictor


def conformal_score(served: ServedPredictor, level: float, samples: int) -> float | None:
    """Return the score that holds a level, if the model was calibrated and draws are asked for.

    Raises:
        LevelError: if there were too few calibration rows for it.
    """
    calibration = served.manifest.calibration
    if calibration is None or not calibration.scores or not samples:
        return None
    return calibration.score_quantile(level)


def sets_of_level(served: ServedPredictor, level: float, prediction: Prediction, mean: Float64Array) -> dict[str, Any]:
    """Return the answer's entries for a level: sets of classes, or intervals in target units, and how they were made.

    Args:
        served: The model.
        level: Probability that a set or an interval holds.
        prediction: The prediction; of a regression without calibration, with its draws.
        mean: The predictive mean, ``(B, ..., C)`` or ``(B, ..., D)``.
    """
    outputs = served.spec.outputs
    score = conformal_score(served, level, prediction.samples)
    method = {"interval_method": "credible" if score is None else "conformal"}
    if outputs.outcome == "classification":
        members = prediction_set(mean, level) if score is None else conformal_set(mean, score)
        return method | {"prediction_set": names_of(members, outputs.names)}
    if score is None:
        return method | {"interval": {"level": level, **_credible(level, prediction)}}
    variance = prediction.statistics["total_variance"]
    assert variance is not None  # there were draws
    width = score * np.sqrt(variance)
    return method | {"interval": {"level": level, "lower": mean - width, "upper": mean + width}}


def names_of(members: NDArray[np.bool_], names: tuple[str, ...]) -> list[Any]:
    """Return memberships ``(..., C)`` as nested lists of the members' names."""
    if members.ndim == 1:
        return [name for name, member in zip(names, members, strict=True) if member]
    return [names_of(part, names) for part in members]


def _credible(level: float, prediction: Prediction) -> dict[str, Float64Array]:
    means, variances, tail = prediction.draw_means, prediction.draw_variances, (1 - level) / 2
    assert means is not None  # the job asked for them
    assert variances is not None
    return {"lower": mixture_quantile(means, variances, tail), "upper": mixture_quantile(means, variances, 1 - tail)}
