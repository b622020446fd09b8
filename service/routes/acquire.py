"""POST /acquire: the rows of a pool to label next."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter
from starlette.responses import Response

from service.handlers.acquisition import answer_acquisition
from service.http.exchange import PICTURES, Exchange, admission
from service.http.negotiation import CSV, JSON, NPY, NPZ
from service.runtime.runtime import Runtime
from service.schemas.acquisition import AcquireAnswer, AcquireBody, AcquireOptions
from service.schemas.openapi import accepts, answers, query
from service.schemas.validation import validate

router = APIRouter(tags=["predict"])

_EXAMPLE = {"inputs": [[0] * 64, [16] * 64], "n": 1, "acquisition": "batchbald"}


@router.post(
    "/acquire",
    summary="Choose the rows of a pool whose labels would teach a model most",
    responses=answers(AcquireAnswer),
    openapi_extra=query(AcquireOptions) | accepts(AcquireBody, _EXAMPLE, CSV, NPY, NPZ, *PICTURES),
)
async def acquire(exchange: Annotated[Exchange, admission(JSON)]) -> Response:
    """Return the rows to label next, each with what its label is expected to add."""
    runtime: Runtime = exchange.request.app.state.runtime
    await exchange.read_rows(max_rows=runtime.settings.max_pool_rows)
    targets = exchange.options.pop("targets", None)
    options = validate(AcquireOptions, exchange.request.query_params, exchange.options)
    served = runtime.find_predictor(options.model, options.version)
    seed = runtime.choose_seed(options.seed)
    return await answer_acquisition(runtime, exchange, served, options, targets, seed)
