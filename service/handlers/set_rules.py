"""The rule by which sets and intervals hold a level: from which calibration rows, and for whom.

What is asked for decides which calibration scores a row is compared with, and so what holds: the level on average
(``all``), in each class (``class``), or in each category of a column (``group:COLUMN``). Where a row has many outcomes,
the share of them that is missed is controlled instead; see :mod:`models.guarantees.risk`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.errors import LevelError, list_names
from models.guarantees.adaptive import adapted_score
from models.guarantees.calibration import CLASS, GROUP, CalibrationRows
from models.guarantees.conditional import quantiles_by_group
from models.guarantees.conformal import score_quantile
from service.backends.predictor_jobs import Float64Array
from service.backends.protocols import IntervalBackend
from service.errors import InvalidRequestError
from service.handlers.adaptation import scores_of
from service.handlers.decisions import NOT_CALIBRATED
from service.runtime.registry import ServedPredictor
from service.schemas.prediction import PredictOptions

ALL = "all"
_WORDS = {ALL: "", CLASS: " by class"}
_MOST_NAMES = 20


@dataclass(frozen=True)
class Rule:
    """How far from a prediction an outcome may be that a set, or an interval, of a level still holds.

    Attributes:
        method: Kind of guarantee in words, as ``interval_method`` tells it.
        score: Kind of score.
        bounds: Largest score, in a shape that goes with a prediction's ``mean``: one for all, one for each class, or
            one for each row. Of asymmetric intervals there are two, below and above the mean.
    """

    method: str
    score: str
    bounds: tuple[Float64Array, ...]


def find_rule(
    served: ServedPredictor,
    options: PredictOptions,
    level: float,
    samples: int,
    seed: int,
    rows: NDArray[Any],
    current: float | None = None,
) -> Rule | None:
    """Return the rule by which sets or intervals hold the level that is asked for; ``None`` where none is promised.

    Args:
        served: The model.
        options: Options of the request.
        level: Probability that a set or an interval holds.
        samples: Number of draws of the prediction.
        seed: Seed of these draws.
        rows: Raw rows as the model takes them.
        current: Level that outcomes have adapted it to; ``None`` for sets that do not adapt.

    Raises:
        InvalidRequestError: if there are too few calibration rows for it, or none of the kind that is asked for.
    """
    calibration = served.calibration
    score = _find_score(served, options)
    if calibration is None or not (calibration.scores or calibration.risk):
        _check_nothing_is_promised(served, options)
        return None
    if current is not None:
        adapted = adapted_score(scores_of(served, samples, seed), current, level)
        return Rule("adaptive", score, (np.asarray(adapted),))
    by = options.interval_for or (CLASS if calibration.hold_by_class(level) else ALL)
    position = calibration.position(samples, seed)
    try:
        if calibration.risk is not None:
            bounds: tuple[Float64Array, ...] = (_risk_bounds(served, calibration, by, level, position),)
            return Rule(f"risk control{_WORDS[by]}", score, bounds)
        kinds = ("below", "above") if score == "asymmetric" else (score,)
        bounds = tuple(_bounds(calibration, kind, by, level, len(kinds), position, rows, served) for kind in kinds)
        words = _WORDS.get(by, f" by {by.removeprefix(GROUP)}")
        name = served.backend.conformal_method if isinstance(served.backend, IntervalBackend) else "conformal"
        return Rule(f"{name}{words}", score, bounds)
    except LevelError as error:
        remedy = "" if by == ALL else f"; or give interval_for={ALL}"
        remedy += "; or leave out interval_score=asymmetric" if score == "asymmetric" else ""
        raise InvalidRequestError(f"{error}{remedy}", "/interval") from error


def _find_score(served: ServedPredictor, options: PredictOptions) -> str:
    """Return the kind of score that is asked for, or else the usual one of the task."""
    many = bool(served.backend.positions) or served.spec.outputs.task == "multilabel"
    allowed = {"classification": ("probability", "cumulative"), "regression": ("deviation", "asymmetric")}
    kinds = allowed.get(served.spec.outputs.outcome, ("probability",))[: 1 if many else None]
    if options.interval_score is None:
        return kinds[0]
    if options.interval_score not in kinds:
        raise InvalidRequestError(
            f"interval_score={options.interval_score} is not for the outcome of this model; allowed are:"
            f" {', '.join(kinds)}",
            "/interval_score",
        )
    return options.interval_score


def _check_nothing_is_promised(served: ServedPredictor, options: PredictOptions) -> None:
    """Refuse what takes calibration rows, of a model that has none."""
    for name in ("interval_for", "interval_score"):
        if getattr(options, name) is not None:
            raise InvalidRequestError(f"{name} takes calibration rows: {NOT_CALIBRATED}", f"/{name}")
    if served.spec.outputs.task == "multilabel":
        raise InvalidRequestError(f"sets of labels take calibration rows: {NOT_CALIBRATED}", "/interval")


def _bounds(
    calibration: CalibrationRows,
    kind: str,
    by: str,
    level: float,
    ends: int,
    position: int,
    rows: NDArray[Any],
    served: ServedPredictor,
) -> Float64Array:
    """Return the largest score by all rows ``()``, by class ``(C,)``, or by the group of each row ``(B, 1)``."""
    if kind not in calibration.scores:
        raise InvalidRequestError(
            "this model was calibrated by an older version, which had no such scores; calibrate it again: python -m"
            " training calibrate",
            "/interval_score",
        )
    scores = calibration.scores[kind][position]
    if by == ALL:
        return np.asarray(score_quantile(scores, level, ends=ends))
    _check_groups(served, calibration, by)
    groups, names = calibration.groups[by], calibration.group_names[by]
    if by == CLASS:
        return quantiles_by_group(scores, level, groups, names, ends=ends)
    table = served.spec.inputs.table
    assert table is not None  # as there are groups
    own = table.categories_of(rows)[by.removeprefix(GROUP)]
    return quantiles_by_group(scores, level, groups, names, np.unique(own).tolist(), ends)[own, None]


def _risk_bounds(
    served: ServedPredictor, calibration: CalibrationRows, by: str, level: float, position: int
) -> Float64Array:
    """Return the thresholds for all outcomes together ``()``, or for each class or label ``(C,)``."""
    curves, names = calibration.risk, served.spec.outputs.names
    assert curves is not None  # callers have checked
    if by == ALL:
        return np.asarray(curves.threshold(position, -1, level))
    _check_groups(served, calibration, by)
    found = [curves.threshold(position, i, level, f" of {name!r}") for i, name in enumerate(names)]
    return np.array(found)


def _check_groups(served: ServedPredictor, calibration: CalibrationRows, by: str) -> None:
    """Refuse groups that the calibration rows do not have, naming those that they have."""
    if calibration.risk is not None:
        known = [] if served.spec.outputs.outcome == "regression" else [CLASS]
    else:
        known = [name for name in calibration.groups if name != CLASS or served.spec.outputs.outcome != "regression"]
    if by not in known:
        raise InvalidRequestError(
            f"{by} is not what this model's calibration rows are grouped by; allowed are:"
            f" {list_names([ALL, *known], _MOST_NAMES)}",
            "/interval_for",
        )
