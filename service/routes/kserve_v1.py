"""/v1: KServe's first protocol, rows in and one object a row out, for clients and tools that know no other."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends
from starlette.responses import JSONResponse, Response

from service.errors import InvalidRequestError
from service.handlers.instances import INSTANCES, encode_predictions, told_of
from service.handlers.prediction import answer_prediction
from service.http.exchange import Exchange, admission
from service.http.negotiation import JSON, URLENCODED, unread_type
from service.runtime.runtime import RuntimeDep
from service.schemas.openapi import PROBLEM, UNREADY, accepts, answers, query
from service.schemas.prediction import InstancesAnswer, InstancesBody, PredictOptions
from service.schemas.validation import refuse_query, validate

router = APIRouter(prefix="/v1", tags=["kserve v1"])

_NO_OPTIONS = [Depends(refuse_query)]


@router.get("/models", summary="List the models by name", dependencies=_NO_OPTIONS)
async def models(runtime: RuntimeDep) -> Response:
    """Return the names of the predictive models."""
    return JSONResponse({"models": runtime.registry.predictor_names()})


@router.get(
    "/models/{name}", summary="Is a model ready?", responses=UNREADY | {"4XX": PROBLEM}, dependencies=_NO_OPTIONS
)
async def model(name: str, runtime: RuntimeDep) -> Response:
    """Return 200, or 503 while the service is not ready, or 404 if there is no such model."""
    runtime.find_predictor(name, None)
    is_ready = runtime.unready_reason() is None
    return JSONResponse({"name": name, "ready": is_ready}, 200 if is_ready else 503)


@router.post(
    "/models/{name}:predict",
    summary="Predict, one object a row",
    responses=answers(InstancesAnswer),
    openapi_extra=query(PredictOptions) | accepts(InstancesBody, {INSTANCES: [[0] * 64]}),
)
async def predict(name: str, exchange: Annotated[Exchange, admission(JSON)], runtime: RuntimeDep) -> Response:
    """Return for each instance an object of the statistics of ``/predict``, whose options this takes too."""
    with told_of(INSTANCES):
        if exchange.content_type not in (JSON, URLENCODED):
            raise unread_type(exchange.content_type, JSON)
        exchange.content_type = JSON
        await exchange.read_rows(INSTANCES)
        options = validate(PredictOptions, exchange.request.query_params, exchange.options)
        if options.model not in (None, name):
            raise InvalidRequestError("the model is named in the path already; leave it out", "/model")
        served = runtime.find_predictor(name, options.version)
        seed = runtime.choose_seed(options.seed)
        return await answer_prediction(runtime, exchange, served, options, seed, encode_predictions)
