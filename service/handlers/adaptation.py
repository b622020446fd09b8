"""Levels that follow the outcomes: who may ask for them, and the score of an outcome that they follow."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.guarantees.calibration import SEED
from models.specs import VOID
from service.backends.protocols import IntervalBackend
from service.errors import InvalidRequestError
from service.runtime.outcomes.answer_rows import Said
from service.runtime.outcomes.scored import Scored
from service.runtime.registry import ServedPredictor
from service.runtime.runtime import Runtime
from service.schemas.prediction import PredictOptions

_KINDS = ("probability", "deviation")
"""Kinds of scores that are adapted: one minus the probability of the class, or an error in predicted deviations."""


def check_remembered(runtime: Runtime, served: ServedPredictor, options: PredictOptions) -> None:
    """Raise unless the answer can be remembered, and its level adapted if that is asked for.

    Raises:
        InvalidRequestError: if there is no level, or no score of calibration rows.
        ServiceError: if outcomes are off, or their database cannot be used.
    """
    runtime.outcomes.check()
    if options.interval_method is None:
        return
    if options.interval is None:
        raise InvalidRequestError("interval_method needs a level; give the option interval, such as 0.9", "/interval")
    if not fitted_rows(served):
        raise InvalidRequestError(
            "this model has no calibration rows with one outcome each, so that no level can be adapted; leave"
            " interval_method out",
            "/interval_method",
        )


def current_level(runtime: Runtime, served: ServedPredictor, options: PredictOptions) -> float:
    """Return the level that outcomes have adapted the one asked for to."""
    assert options.interval is not None  # it was checked
    return runtime.outcomes.level(served.manifest.name, served.manifest.version, options.interval)


def fitted_rows(served: ServedPredictor) -> int:
    """Return the number of calibration rows that were scored; 0 without any."""
    if served.calibration is None or not set(_KINDS) & set(served.calibration.scores):
        return 0
    return int((~np.isnan(scores_of(served, 0, SEED))).sum())


def scores_of(served: ServedPredictor, samples: int, seed: int) -> NDArray[np.float32]:
    """Return the scores of the calibration rows, ``(n,)``, that an answer of so many draws of a seed is compared
    with."""
    assert served.calibration is not None  # callers have checked
    kind = next(kind for kind in _KINDS if kind in served.calibration.scores)
    return served.calibration.scores_after(samples, kind, seed)


def score_outcome(served: ServedPredictor, said: Said, outcome: NDArray[Any]) -> Scored | None:
    """Return the score of an outcome; ``None`` if calibration rows have none, or nothing is known of it."""
    if not fitted_rows(served):
        return None
    scores, mean = scores_of(served, said.samples, said.seed), np.array(said.mean, np.float64)
    if served.spec.outputs.outcome == "classification":
        if outcome.ndim or outcome == VOID:
            return None
        likeliest = mean.argmax() == outcome
        return Scored(-math.inf if likeliest else 1 - float(mean[outcome]), scores)
    if said.variance is None or np.isnan(outcome).all():
        return None
    backend = served.backend
    assert isinstance(backend, IntervalBackend)  # as that of any regression
    variance, skew = (None if one is None else np.array(one, np.float64) for one in (said.variance, said.skew))
    assert variance is not None  # it was remembered
    return Scored(backend.deviation_score(mean, variance, skew, outcome), scores)
