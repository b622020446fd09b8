"""Outcomes that are reported: of answers that are remembered, or of rows that are predicted now."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import Any

from service.errors import InvalidRequestError
from service.handlers.adaptation import score_outcome
from service.handlers.parts import read_by_name
from service.handlers.prediction import run_prediction
from service.handlers.recording import request_id, rows_of
from service.http import named_rows, request_body
from service.http.exchange import Exchange
from service.http.negotiation import JSON, unread_type
from service.runtime.outcomes.reporting import Item, Report, Spec
from service.runtime.registry import ServedPredictor
from service.runtime.runtime import Runtime
from service.schemas.outcomes import InputsBody, OutcomesBody
from service.schemas.prediction import PredictOptions
from service.schemas.validation import validate


async def record_outcomes(runtime: Runtime, exchange: Exchange) -> dict[str, int]:
    """Write the outcomes in a request, and return what was done.

    Raises:
        ServiceError: if they are not allowed, or cannot be written.
    """
    runtime.outcomes.check_on()
    if exchange.content_type != JSON:
        raise unread_type(exchange.content_type, JSON)
    body = await exchange.read_object()
    if "inputs" in body:
        report = await _predict(runtime, exchange, body)
    else:
        report = _read(exchange, body)

    def spec_of(model: str, version: int) -> Spec:
        return _spec(runtime, model, version)

    return await exchange.wait_for(runtime.outcomes.report(report, spec_of))


def _read(exchange: Exchange, body: Mapping[str, Any]) -> Report:
    """Return the outcomes of answers that are remembered."""
    report = validate(OutcomesBody, exchange.request.query_params, body)
    items = [
        Item((one.request, one.row), one.outcome, f"/outcomes/{i}", f"/outcomes/{i}/outcome")
        for i, one in enumerate(report.outcomes)
    ]
    return Report(items, report.on_unknown == "skip")


async def _predict(runtime: Runtime, exchange: Exchange, body: dict[str, Any]) -> Report:
    """Predict rows by the default options, and return their outcomes."""
    given = validate(InputsBody, exchange.request.query_params, body)
    served = runtime.find_predictor(given.model, given.version)
    rows = _rows(runtime, served, body["inputs"])
    answered = await run_prediction(
        runtime, exchange, served, PredictOptions(model=given.model), rows, runtime.choose_seed(None)
    )
    if len(given.outcomes) != len(answered.job.rows):
        raise InvalidRequestError(
            f"there are {len(given.outcomes)} outcomes for {len(answered.job.rows)} rows; allowed is one for each row",
            "/outcomes",
        )
    request = request_id(exchange)
    answers = rows_of(answered, request, keep_inputs=runtime.settings.keep_inputs)
    items = [Item((request, i), one, f"/outcomes/{i}", f"/outcomes/{i}") for i, one in enumerate(given.outcomes)]
    return Report(items, answers=answers)


def _rows(runtime: Runtime, served: ServedPredictor, inputs: Any) -> Any:
    """Return rows in a body as a prediction takes them, by name or by position."""
    limit = runtime.settings.max_rows
    first = inputs
    while isinstance(first, list) and first:
        first = first[0]
    if isinstance(first, dict):
        return read_by_name(served.spec.inputs, named_rows.rows_from_json(inputs, limit), abstain=False)
    return request_body.numbers_from_json(inputs, limit)


def _spec(runtime: Runtime, model: str, version: int) -> Spec:
    """Return what outcomes of a version of a model are read by."""
    served = runtime.registry.served.get((model, version))
    if not isinstance(served, ServedPredictor):
        raise InvalidRequestError(
            f"version {version} of {model}, which gave this answer, is no longer served; put it back into the store"
        )
    return Spec(served.spec.outputs, served.backend.positions, functools.partial(score_outcome, served))
