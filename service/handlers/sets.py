"""Intervals and sets of a level: conformal ones if the model was calibrated, else those that it believes in."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.guarantees.adaptive import adapted_score
from models.guarantees.conformal import score_quantile
from service.backends.predictor_jobs import Float64Array, Prediction
from service.backends.protocols import IntervalBackend
from service.backends.torch_statistics import conformal_set, prediction_set
from service.handlers.adaptation import scores_of
from service.runtime.registry import ServedPredictor


def conformal_score(served: ServedPredictor, level: float, samples: int) -> float | None:
    """Return the score that holds a level after so many draws, if the model was calibrated.

    Raises:
        LevelError: if there were too few calibration rows for it.
    """
    if served.calibration is None or not served.calibration.scores:
        return None
    kind = next(iter(served.calibration.scores))
    return score_quantile(served.calibration.scores_after(samples, kind), level)


def sets_of_level(
    served: ServedPredictor,
    level: float,
    prediction: Prediction,
    mean: Float64Array,
    current: float | None = None,
) -> dict[str, Any]:
    """Return the answer's entries for a level: sets of classes, or intervals in target units, and how they were made.

    Args:
        served: The model.
        level: Probability that a set or an interval holds.
        prediction: The prediction; of a regression without calibration, with its draws.
        mean: The predictive mean, ``(B, ..., C)`` or ``(B, ..., D)``.
        current: Level that outcomes have adapted it to; ``None`` for sets that do not adapt.
    """
    outputs = served.spec.outputs
    if current is None:
        score = conformal_score(served, level, prediction.samples)
        method: dict[str, Any] = {"interval_method": "credible" if score is None else "conformal"}
    else:
        score = adapted_score(scores_of(served, prediction.samples), current, level)
        method = {"interval_method": "adaptive", "adapted_level": current}
    if outputs.outcome == "classification":
        members = prediction_set(mean, level) if score is None else conformal_set(mean, score)
        return method | {"prediction_set": names_of(members, outputs.names)}
    backend = served.backend
    assert isinstance(backend, IntervalBackend)  # as that of any regression
    lower, upper = (
        backend.credible_interval(prediction, level) if score is None else backend.conformal_interval(prediction, score)
    )
    return method | {"interval": {"level": level, "lower": lower, "upper": upper}}


def names_of(members: NDArray[np.bool_], names: tuple[str, ...]) -> list[Any]:
    """Return memberships ``(..., C)`` as nested lists of the members' names."""
    if members.ndim == 1:
        return [name for name, member in zip(names, members, strict=True) if member]
    return [names_of(part, names) for part in members]
