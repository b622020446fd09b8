"""Intervals and sets of a level: conformal ones if the model was calibrated, else those that it believes in."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from service.backends.predictor_jobs import Float64Array, Prediction
from service.backends.protocols import IntervalBackend
from service.backends.torch_statistics import conformal_set, label_set, prediction_set
from service.handlers.set_rules import Rule, find_rule
from service.runtime.registry import ServedPredictor
from service.schemas.prediction import PredictOptions


def sets_of_level(
    served: ServedPredictor,
    options: PredictOptions,
    level: float,
    prediction: Prediction,
    rows: NDArray[Any],
    current: float | None = None,
) -> dict[str, Any]:
    """Return the answer's entries for a level: sets of classes, or intervals in target units, and how they were made.

    Args:
        served: The model.
        options: Options of the request.
        level: Probability that a set or an interval holds.
        prediction: The prediction; of a regression without calibration, with its draws.
        rows: Raw rows as the model takes them.
        current: Level that outcomes have adapted it to; ``None`` for sets that do not adapt.
    """
    outputs = served.spec.outputs
    rule = find_rule(served, options, level, prediction.samples, prediction.seed, rows, current)
    mean = prediction.statistics["mean"]
    assert mean is not None  # every task reports it
    method: dict[str, Any] = {"interval_method": "credible" if rule is None else rule.method}
    if current is not None:
        method["adapted_level"] = current
    if outputs.outcome != "regression":
        members = members_of(served, rule, level, mean)
        sets: dict[str, Any] = {"prediction_set": names_of(members, outputs.names)}
        if outputs.task == "segmentation":
            sets["masks"] = np.moveaxis(members, -1, 1).astype(np.int8)
        wanted = sets.keys() & set(options.outputs or ()) or sets.keys()
        return method | {name: sets[name] for name in sets if name in wanted}
    backend = served.backend
    assert isinstance(backend, IntervalBackend)  # as that of any regression
    lower, upper = (
        backend.credible_interval(prediction, level)
        if rule is None
        else backend.conformal_interval(prediction, *rule.bounds)
    )
    return method | {"interval": {"level": level, "lower": lower, "upper": upper}}


def members_of(served: ServedPredictor, rule: Rule | None, level: float, probs: Float64Array) -> NDArray[np.bool_]:
    """Return which classes or labels are in the sets of a level, ``(B, ..., C)`` as their probabilities."""
    if rule is None:
        return prediction_set(probs, level)
    if served.spec.outputs.task == "multilabel":
        return label_set(probs, rule.bounds[0])
    return conformal_set(probs, rule.bounds[0], rule.score)


def names_of(members: NDArray[np.bool_], names: tuple[str, ...]) -> list[Any]:
    """Return memberships ``(..., C)`` as nested lists of the members' names."""
    if members.ndim == 1:
        return [name for name, member in zip(names, members, strict=True) if member]
    return [names_of(part, names) for part in members]
