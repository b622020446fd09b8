"""Decisions: whether a model knows enough of each row to answer, and what speaks against it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from models.errors import RiskError
from service.backends.predictor_jobs import Float64Array, Prediction
from service.errors import InvalidRequestError
from service.handlers.tables import TableRows
from service.runtime.registry import ServedPredictor
from service.schemas.prediction import PredictOptions

NOT_CALIBRATED = "the model was not calibrated; calibrate it on rows of its kind: python -m training calibrate"
ONE_FUNCTION = "one function says nothing epistemic; ask for 2 samples or more"


@dataclass(frozen=True)
class Decisions:
    """What is decided about the rows that are known.

    Attributes:
        scores: How unlike calibration rows each is, ``(B,)``; ``None`` where nothing is known of that.
        decisions: ``accept`` or ``abstain`` for each row; ``None`` where that cannot be decided.
        alarms: Names of what speaks against each row that is abstained from.
        p_values: Conformal p-values of the rows by the kind of evidence; empty unless asked for.
        reason: The reason why nothing was decided; empty otherwise.
    """

    scores: Float64Array | None = None
    decisions: list[str | None] | None = None
    alarms: list[list[str] | None] | None = None
    p_values: Mapping[str, Float64Array] = field(default_factory=dict)
    reason: str = ""


def decide(
    served: ServedPredictor, options: PredictOptions, prediction: Prediction, table: TableRows | None
) -> Decisions:
    """Return whether the model knows enough of each row to answer.

    Args:
        served: The model.
        options: Options of the request, with the risk that it takes.
        prediction: Prediction for the rows that are known.
        table: Rows of a table, with the distance of each beyond the observed ranges.
    """
    if served.detectors is None:
        return Decisions(reason=NOT_CALIBRATED)
    detector = served.detectors.find(prediction.samples, prediction.seed)
    if detector is None:
        return Decisions(reason=ONE_FUNCTION)
    surprises = detector.surprises(prediction.evidence)
    scores: Float64Array = surprises.max(0)
    p_values = detector.p_values(prediction.evidence, scores) if "p_values" in (options.outputs or ()) else {}
    found = Decisions(scores, None, [*detector.name_alarms(surprises)], p_values)
    if table is not None:
        found = _with_distance(found, table, detector.threshold)
    if (bound := options.max_error or options.max_loss) is not None:
        found = _within_risk(found, served, prediction, bound, "max_error" if options.max_error else "max_loss")
    assert found.alarms is not None  # as set above
    return replace(found, decisions=["abstain" if names else "accept" for names in found.alarms])


def check_risk(served: ServedPredictor, options: PredictOptions, samples: int, seed: int) -> None:
    """Refuse a bound on the error that the calibration rows cannot promise after so many draws of a seed.

    Raises:
        InvalidRequestError: with the rows that it would take.
    """
    task = "max_error" if served.spec.outputs.task == "classification" and not served.backend.positions else ""
    if (
        served.spec.outputs.task == "regression"
        and len(served.spec.outputs.names) == 1
        and not served.backend.positions
    ):
        task = "max_loss"
    for name in ("max_error", "max_loss"):
        bound = getattr(options, name)
        if bound is None:
            continue
        if name != task:
            remedy = f"give {task} instead" if task else "leave it out"
            raise InvalidRequestError(f"{name} does not suit the outcome of this model; {remedy}", f"/{name}")
        if served.detectors is None or served.detectors.find(samples, seed) is None:
            reason = NOT_CALIBRATED if served.detectors is None else ONE_FUNCTION
            raise InvalidRequestError(f"{name} takes a decision for each row: {reason}", f"/{name}")
        try:
            served.detectors.accept_below(samples, bound, seed)
        except RiskError as error:
            raise InvalidRequestError(str(error), f"/{name}") from error


def _with_distance(found: Decisions, table: TableRows, threshold: float) -> Decisions:
    """Count values far beyond the observed ranges: such a row's score is raised beyond the threshold."""
    excess = table.excess[table.known]
    assert found.scores is not None  # both were found
    assert found.alarms is not None
    scores = found.scores[: len(excess)]
    scores = np.where(excess > 0, np.maximum(scores, threshold) + excess, scores)  # a nat for each width
    alarms = [
        [*(names or ()), *["outside"] * bool(beyond > 0)]
        for names, beyond in zip(found.alarms[: len(excess)], excess, strict=True)
    ]
    p_values = {name: values[: len(excess)] for name, values in found.p_values.items()}
    return replace(found, scores=scores, alarms=[*alarms], p_values=p_values)


def _within_risk(
    found: Decisions, served: ServedPredictor, prediction: Prediction, bound: float, name: str
) -> Decisions:
    """Abstain from rows that are too unsure for the error among the others to stay below a bound."""
    assert served.detectors is not None  # as there were decisions
    assert found.alarms is not None
    accepted = served.detectors.accept_below(prediction.samples, bound, prediction.seed)
    doubt = _doubt(served, prediction)[: len(found.alarms)]
    alarms = [
        [*(names or ()), *[name] * bool(one > accepted.threshold)]
        for names, one in zip(found.alarms, doubt, strict=True)
    ]
    return replace(found, alarms=[*alarms])


def _doubt(served: ServedPredictor, prediction: Prediction) -> Float64Array:
    """Return what orders rows from sure to unsure, ``(B,)``, as of calibration rows."""
    mean, variance = prediction.statistics["mean"], prediction.variance
    assert mean is not None  # every task reports it
    doubt: Float64Array = np.sqrt(variance[:, 0]) if served.spec.outputs.task == "regression" else 1 - mean.max(-1)
    return doubt
