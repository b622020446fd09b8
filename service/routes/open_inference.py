"""/v2: the Open Inference Protocol, for clients of Triton and KServe."""

from __future__ import annotations

import asyncio
import functools
from typing import Annotated, Any

import numpy as np
from fastapi import APIRouter, Depends
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from service.errors import InvalidRequestError, NotOfferedError, UnknownModelError
from service.handlers import open_inference, open_inference_models
from service.handlers.arrays import flat_arrays
from service.handlers.open_inference_parameters import predict_options
from service.handlers.open_inference_tensors import HEADER_LENGTH
from service.handlers.parts import read_by_name
from service.handlers.prediction import metadata, run_prediction, statistics
from service.http.exchange import Exchange, admission
from service.http.negotiation import JSON, choose_media, unread_type
from service.http.reading import SHORT
from service.runtime.registry import ServedPredictor
from service.runtime.runtime import Runtime, RuntimeDep
from service.schemas.openapi import PROBLEM, UNREADY, accepts, answers
from service.schemas.validation import refuse_query

router = APIRouter(prefix="/v2", tags=["open inference protocol"])

_EXTENSIONS = [
    "binary_tensor_data",
    "classification",
    "model_configuration",
    "model_repository",
    "model_repository(unload_dependents)",
    "parameters",
    "statistics",
]
_NOT_HERE = (
    "/cudasharedmemory/{path:path}",
    "/logging",
    "/models/{name}/trace/setting",
    "/systemsharedmemory/{path:path}",
    "/trace/setting",
)
"""Paths of extensions that stock clients have calls for and this service does not have."""
_BINARY = "application/octet-stream"
_NO_OPTIONS = [Depends(refuse_query)]
"""The version, which is an option elsewhere, is in the path."""
_EXAMPLE = {
    "inputs": [{"name": open_inference_models.INPUT, "shape": [1, 64], "datatype": "FP32", "data": [0] * 64}],
    "outputs": [{"name": "mean"}, {"name": "mutual_information"}],
    "parameters": {"samples": 50, "seed": 0},
}


@router.get("", summary="Describe the server")
async def server(request: Request) -> Response:
    """Return name, version and extensions of the protocol."""
    return JSONResponse({"name": "credence", "version": request.app.version, "extensions": _EXTENSIONS})


@router.get("/health/live", summary="Is the process alive?")
async def live() -> Response:
    """Return 200 as long as the event loop runs."""
    return JSONResponse({"live": True})


@router.get("/health/ready", summary="Is the service ready?", responses=UNREADY)
async def ready(runtime: RuntimeDep) -> Response:
    """Return 200, or 503 while models load, if none could be loaded, or before the service stops."""
    is_ready = runtime.unready_reason() is None
    return JSONResponse({"ready": is_ready}, 200 if is_ready else 503)


@router.post("/repository/index", summary="List the models", responses={"4XX": PROBLEM})
async def index(exchange: Annotated[Exchange, admission(JSON)], runtime: RuntimeDep) -> Response:
    """Return the predictive models with their versions, and the refused checkpoints with their reasons.

    With ``ready`` in the body those that answer are all that is listed.
    """
    served = [
        {"name": name, "version": str(version), "state": "READY", "reason": ""}
        for (name, version), model in sorted(runtime.registry.served.items())
        if isinstance(model, ServedPredictor) and model.form is None
    ]
    refused = [
        {"name": one.name, "version": one.version, "state": "UNAVAILABLE", "reason": one.reason}
        for one in runtime.registry.refused
    ]
    return JSONResponse(served if (await _read_json(exchange)).get("ready") is True else served + refused)


_CHANGES: dict[str, Any] = {"responses": {"4XX": PROBLEM, "5XX": PROBLEM}, "dependencies": _NO_OPTIONS}


@router.post("/repository/models/{name}/load", summary="Load a model", **_CHANGES)
async def load(name: str, exchange: Annotated[Exchange, admission(JSON)], runtime: RuntimeDep) -> Response:
    """Look for new checkpoints in the store now; a configuration or files in the request are refused.

    The store is looked at every few seconds anyway; this does not wait for it, and loads what was unloaded.
    """
    if (await _read_json(exchange)).get("parameters"):
        raise InvalidRequestError(
            "a model is loaded as its checkpoint in the store describes it; leave config and files out", "/parameters"
        )
    await runtime.load(name, None)
    return JSONResponse({})


@router.post("/repository/models/{name}/unload", summary="Unload a model", **_CHANGES)
async def unload(name: str, exchange: Annotated[Exchange, admission(JSON)], runtime: RuntimeDep) -> Response:
    """Serve no version of a model any more, until it is loaded again or its files are written anew.

    The parameter ``unload_dependents`` changes nothing: no model depends on another.
    """
    await _read_json(exchange)
    await runtime.unload(name, None)
    return JSONResponse({})


async def _read_json(exchange: Exchange) -> dict[str, Any]:
    """Return the object in a body, which may be left out."""
    if exchange.content_type != JSON:
        raise unread_type(exchange.content_type, JSON)
    return await exchange.read_object(required=False)


@router.get("/models/stats", summary="Show what all models have done", dependencies=_NO_OPTIONS)
async def all_statistics(runtime: RuntimeDep) -> Response:
    """Return counts and times of every predictive model since the service started."""
    return _statistics(runtime, None)


@router.get(
    "/models/{name}/ready",
    summary="Is a model ready?",
    responses=UNREADY | {"4XX": PROBLEM},
    dependencies=_NO_OPTIONS,
)
@router.get("/models/{name}/versions/{version}/ready", include_in_schema=False, dependencies=_NO_OPTIONS)
async def model_ready(name: str, request: Request, runtime: RuntimeDep) -> Response:
    """Return 200, or 503 while the service is not ready, or 404 if there is no such model."""
    _found(runtime, name, request)
    is_ready = runtime.unready_reason() is None
    return JSONResponse({"name": name, "ready": is_ready}, 200 if is_ready else 503)


@router.get(
    "/models/{name}", summary="Describe a model's tensors", responses={"4XX": PROBLEM}, dependencies=_NO_OPTIONS
)
@router.get("/models/{name}/versions/{version}", include_in_schema=False, dependencies=_NO_OPTIONS)
async def model(name: str, request: Request, runtime: RuntimeDep) -> Response:
    """Return the tensors that a model takes and returns."""
    served = _found(runtime, name, request)
    versions = [str(number) for known, number in sorted(runtime.registry.served) if known == name]
    return JSONResponse(open_inference_models.metadata(served, versions))


@router.get(
    "/models/{name}/config",
    summary="Describe a model as Triton's tools expect it",
    responses={"4XX": PROBLEM},
    dependencies=_NO_OPTIONS,
)
@router.get("/models/{name}/versions/{version}/config", include_in_schema=False, dependencies=_NO_OPTIONS)
async def config(name: str, request: Request, runtime: RuntimeDep) -> Response:
    """Return a model's tensors without the axis of rows, the largest batch, and what becomes of requests that wait."""
    return JSONResponse(open_inference_models.configuration(_found(runtime, name, request), runtime.settings))


@router.get(
    "/models/{name}/stats",
    summary="Show what a model has done",
    responses={"4XX": PROBLEM},
    dependencies=_NO_OPTIONS,
)
@router.get("/models/{name}/versions/{version}/stats", include_in_schema=False, dependencies=_NO_OPTIONS)
async def model_statistics(name: str, request: Request, runtime: RuntimeDep) -> Response:
    """Return counts and times of a model since the service started, checks of its health among them.

    ``compute_infer`` holds all of the time on the device. Without a version all versions are listed.
    """
    found = _found(runtime, name, request).manifest
    return _statistics(runtime, found.name, found.version if "version" in request.path_params else None)


def _statistics(runtime: Runtime, name: str | None, version: int | None = None) -> Response:
    """Return the statistics of every predictive model, or of those of a name and a version."""
    entries = [
        open_inference_models.model_statistics(served, runtime.usage[key])
        for key, served in sorted(runtime.registry.served.items())
        if isinstance(served, ServedPredictor) and name in (None, key[0]) and version in (None, key[1])
    ]
    return JSONResponse({"model_stats": entries})


async def not_here() -> Response:
    """Refuse what belongs to an extension that the service does not have."""
    raise NotOfferedError("the service does not have this extension; GET /v2 lists those that it has")


for _path in _NOT_HERE:
    router.add_api_route(_path, not_here, methods=["GET", "POST"], include_in_schema=False)


@router.post(
    "/models/{name}/infer",
    summary="Predict",
    responses=answers(open_inference.Answer, _BINARY),
    openapi_extra=accepts(open_inference.Request, _EXAMPLE, _BINARY),
)
@router.post("/models/{name}/versions/{version}/infer", include_in_schema=False)
async def infer(name: str, exchange: Annotated[Exchange, admission(JSON, _BINARY)], runtime: RuntimeDep) -> Response:
    """Return the statistics of the predictive distribution for the rows of one tensor, ``inputs``.

    A model of several inputs takes a tensor for each, by its name. Of a table, rows may come as one tensor a column in
    raw values: numbers, and BYTES for categories and dates.

    Parameters ``samples``, ``seed``, ``tolerance``, ``interval``, ``interval_for``, ``interval_score``,
    ``interval_method``, ``record``, ``aleatoric_samples`` and ``on_unknown`` are those of ``/predict``.
    ``timeout``, in microseconds, may shorten the deadline. ``priority`` and ``sequence_id`` change nothing: requests
    are served as they come, and no model remembers the last one. The parameter ``classification`` of the output
    ``mean`` asks for so many of the most probable classes as texts, ``probability:index:name``.
    """
    request = exchange.request
    _check_head(exchange)
    served = _found(runtime, name, request)
    body, spec = await exchange.read_body(), served.spec.inputs
    read = functools.partial(open_inference.read, body, request.headers.get(HEADER_LENGTH), runtime.settings, spec)
    given = read() if len(body) <= SHORT else await exchange.read_aside(read)
    exchange.media = choose_media(exchange.accept, [_BINARY if given.wants_bytes else JSON])
    if given.parameters.timeout_seconds is not None:
        exchange.shorten(given.parameters.timeout_seconds)
    options = predict_options(given.parameters.options)
    seed, abstain = runtime.choose_seed(options.seed), options.on_unknown == "abstain"
    rows = given.rows if isinstance(given.rows, np.ndarray) else read_by_name(spec, given.rows, abstain=abstain)
    try:
        answered = await run_prediction(runtime, exchange, served, options, rows, seed)
    except InvalidRequestError as error:  # an option there is a parameter here
        if error.pointer and not error.pointer.startswith("/inputs"):
            error.pointer = f"/parameters{error.pointer}"
        raise

    def encode() -> tuple[bytes, int | None]:
        told = metadata(answered)
        entries = told | statistics(answered)
        beside = {*told, "ignored"}
        tensors = {name: array for name, array in flat_arrays(entries).items() if array.ndim and name not in beside}
        return open_inference.write(served, entries, tensors, given)

    content, header = await asyncio.to_thread(encode)
    response = Response(content, media_type=JSON if header is None else _BINARY)
    if header is not None:
        response.headers[HEADER_LENGTH] = str(header)
    return exchange.with_times(response, answered.batch, served.facts, fresh=options.seed == "random")


def _check_head(exchange: Exchange) -> None:
    """Refuse, before the body is read, options in the query and other types of body."""
    if exchange.request.query_params:
        raise InvalidRequestError("there are no options in the query; they travel as parameters of the request", "")
    if exchange.content_type not in (JSON, _BINARY):
        raise unread_type(exchange.content_type, JSON, _BINARY)


def _found(runtime: Runtime, name: str, request: Request) -> ServedPredictor:
    version: str | None = request.path_params.get("version")
    if version is not None and not (version.isascii() and version.isdecimal() and len(version) < 10):
        raise UnknownModelError("no such version; versions are whole numbers")
    return runtime.registry.predictor(name, None if version is None else int(version))
