"""POST /predict: the predictive distribution of the rows in the body."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter
from starlette.responses import Response

from service.handlers.prediction import answer_prediction
from service.http.exchange import PICTURES, Exchange, admission
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
async def predict(exchange: Annotated[Exchange, admission(JSON, NPZ, PNG, reads_rows=True)]) -> Response:
    """Return for each row what the model believes, how noisy the data are and how little the model knows."""
    options = validate(PredictOptions, exchange.request.query_params, exchange.options)
    runtime: Runtime = exchange.request.app.state.runtime
    served = runtime.find_predictor(options.model, options.version)
    seed = runtime.choose_seed(options.seed)
    return await answer_prediction(runtime, exchange, served, options, seed)
