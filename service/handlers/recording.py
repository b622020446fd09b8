"""Answers as they are remembered for their outcomes."""

from __future__ import annotations

import functools
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import numpy as np

from service.errors import InvalidRequestError
from service.handlers.adaptation import fitted_rows
from service.handlers.set_rules import find_rule
from service.handlers.sets import sets_of_level
from service.http.exchange import Exchange
from service.runtime.outcomes.answer_rows import AnswerRow, Said
from service.runtime.registry import ServedPredictor
from service.runtime.runtime import Runtime

if TYPE_CHECKING:
    from service.handlers.prediction import Answered  # which has answers remembered

_LEVEL = 0.9
"""Level that is watched where an answer has no set or interval."""
_DIGITS = 4
"""Digits after the point of the probabilities of steps and pixels."""


async def remember(runtime: Runtime, exchange: Exchange, answered: Answered, *, durably: bool) -> None:
    """Have an answer remembered, beside the event loop.

    Args:
        runtime: The running service.
        exchange: Request that is answered.
        answered: The answer.
        durably: ``True`` to return once it is durable, ``False`` at once.

    Raises:
        ServiceError: if it is not durable.
    """
    make_rows = functools.partial(rows_of, answered, request_id(exchange), keep_inputs=runtime.settings.keep_inputs)
    if durably:
        await exchange.wait_for(runtime.outcomes.write(make_rows))
    else:
        runtime.outcomes.remember(make_rows)


def request_id(exchange: Exchange) -> str:
    """Return the id of a request, as its answer's header has it."""
    given: str = exchange.request.state.request_id
    return given


def rows_of(answered: Answered, request: str, *, keep_inputs: bool) -> list[AnswerRow]:
    """Return the rows of an answer that an outcome may be reported of: those that the model knows.

    Args:
        answered: The answer.
        request: Id of the request.
        keep_inputs: ``True`` to keep the raw rows as well.
    """
    manifest, count = answered.served.manifest, len(answered.job.rows)
    numbers = range(count) if answered.table is None else np.flatnonzero(answered.table.known).tolist()
    now, inputs = datetime.now(UTC).timestamp(), answered.job.rows.tolist() if keep_inputs else [None] * count
    said = _said(answered)
    return [
        AnswerRow(request, number, manifest.name, manifest.version, now, said[i], inputs[i])
        for i, number in enumerate(numbers)
    ]


def _said(answered: Answered) -> list[Said]:
    """Return what is remembered of the answer for each known row."""
    prediction = answered.batch.result
    mean = prediction.statistics["mean"]
    assert mean is not None  # every task reports it
    is_regression = answered.served.spec.outputs.task == "regression"
    sets = _sets(answered)
    interval = sets.get("interval") or {}
    columns: dict[str, Any] = {
        "mean": mean.round(_DIGITS) if mean.ndim > 2 and not is_regression else mean,
        "variance": prediction.variance if is_regression else None,
        "skew": prediction.skew,
        "members": sets.get("prediction_set"),
        "lower": interval.get("lower"),
        "upper": interval.get("upper"),
        "score": answered.decided.scores,
        "decision": _of_known(answered, answered.decided.decisions),
        "groups": _groups(answered),
    }
    lists = {name: one.tolist() if isinstance(one, np.ndarray) else one for name, one in columns.items()}
    shared: dict[str, Any] = {
        "level": sets.get("level"),
        "method": sets.get("interval_method"),
        "fitted_rows": _calibration_rows(answered.served),
        "samples": prediction.samples,
        "seed": prediction.seed,
    }
    given: dict[str, Any] = {name: entries for name, entries in lists.items() if entries is not None}
    return [Said(**shared, **{name: entries[i] for name, entries in given.items()}) for i in range(len(mean))]


def _sets(answered: Answered) -> dict[str, Any]:
    """Return the sets that were asked for, else those of the level that is watched if the model was calibrated."""
    served, prediction, level = answered.served, answered.batch.result, answered.options.interval
    rows = answered.job.rows
    if level is None:
        try:
            if not _calibration_rows(served) or not find_rule(
                served, answered.options, _LEVEL, prediction.samples, prediction.seed, rows
            ):
                return {}
        except InvalidRequestError:  # there are too few calibration rows
            return {}
        level = _LEVEL
    sets = sets_of_level(served, answered.options, level, prediction, rows, answered.current_level)
    return {"level": level, **sets}


def _calibration_rows(served: ServedPredictor) -> int:
    """Return the number of calibration rows that sets are made by; 0 without any."""
    if served.calibration is not None and served.calibration.risk is not None:
        return len(served.calibration)
    return fitted_rows(served)


def _groups(answered: Answered) -> list[dict[str, str]] | None:
    """Return the category of each known row of a table in every column of categories."""
    schema, table = answered.served.spec.inputs.table, answered.table
    if schema is None or table is None or answered.job.rows.ndim != 2:
        return None
    groups: list[dict[str, str]] = [{} for _ in answered.job.rows]
    for column, place in schema.one_hots:
        for row, index in np.argwhere(answered.job.rows[:, place]).tolist():
            groups[row][column.name] = column.categories[index]
    return groups


def _of_known(answered: Answered, entries: list[Any] | None) -> list[Any] | None:
    """Return the entries of the rows that the model knows, of those of all rows."""
    if entries is None or answered.table is None:
        return entries
    return [entry for entry, known in zip(entries, answered.table.known.tolist(), strict=True) if known]
