"""POST /predict: the predictive distribution of the rows in the body."""

from __future__ import annotations

import functools

from fastapi import APIRouter
from starlette.datastructures import QueryParams
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from service.handlers.prediction import answer_prediction
from service.http.exchange import PICTURES, admit
from service.http.negotiation import CSV, JSON, NPY, NPZ, PNG
from service.runtime.runtime import Runtime
from service.schemas.openapi import accepts, answers, query
from service.schemas.prediction import PredictAnswer, PredictBody, PredictOptions
from service.schemas.validation import validate

router = APIRouter(tags=["predict"])

_EXAMPLE = {"inputs": [[0] * 64], "samples": 50}


@router.post(
    "/predict",
    summary="Predict distributions: mean, aleatoric and epistemic variance, entropies",
    responses=answers(PredictAnswer, NPZ, PNG),
    openapi_extra=query(PredictOptions) | accepts(PredictBody, _EXAMPLE, CSV, NPY, NPZ, *PICTURES),
)
async def predict(request: Request) -> Response:
    """Return for each row what the model believes, how noisy the data are and how little the model knows."""
    exchange = admit(request, (JSON, NPZ, PNG))
    await exchange.read_rows()
    body = exchange.options
    options = validate(PredictOptions, request.query_params, body) if body else _read_query(request["query_string"])
    runtime: Runtime = request.app.state.runtime
    served = runtime.find_predictor(options.model, options.version)
    seed = runtime.choose_seed(options.seed)
    return await answer_prediction(runtime, exchange, served, options, seed)


async def answer(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer a request for this route without the framework."""
    response = await predict(Request(scope, receive, send))
    await response(scope, receive, send)


@functools.lru_cache(256)  # clients ask again and again in the same words
def _read_query(query: bytes) -> PredictOptions:
    return validate(PredictOptions, QueryParams(query), {})
