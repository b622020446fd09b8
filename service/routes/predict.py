"""POST /predict: the predictive distribution of the rows in the body."""

from __future__ import annotations

import asyncio
import functools

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from service.errors import InvalidRequestError
from service.handlers.answers import predict_answer
from service.handlers.inputs import IMAGES, read_inputs
from service.handlers.prediction import run_prediction
from service.http.deadline import Deadline
from service.http.headers import with_headers
from service.http.negotiation import JSON, NPY, NPZ, PNG, accepted, answer_type
from service.runtime.registry import ServedPredictor
from service.runtime.runtime import Runtime, RuntimeDep
from service.schemas.openapi import accepts, answers, query
from service.schemas.prediction import PredictAnswer, PredictBody, PredictOptions

router = APIRouter(tags=["predict"])


@router.post(
    "/predict",
    summary="Predictive distribution: mean, aleatoric and epistemic variance, entropies",
    responses=answers(PredictAnswer, NPZ, PNG),
    openapi_extra=query(PredictOptions) | accepts(PredictBody, {"inputs": [[0] * 64], "samples": 50}, NPY, *IMAGES),
)
async def predict(request: Request, runtime: RuntimeDep) -> Response:
    """Rows in, and what the model believes about each, how noisy that is and how little it knows, out."""
    runtime.require_accepting()
    answer_type(accepted(request), [JSON, NPZ, PNG])  # before the body is read
    deadline = Deadline(request, runtime.settings)
    find = functools.partial(_model, runtime)
    options, served, rows = await read_inputs(request, runtime, deadline, PredictOptions, find)
    pictures = [PNG] if served.spec.outputs.task == "segmentation" else []
    media = answer_type(accepted(request), [JSON, NPZ, *pictures])
    _check_picture(options, media)
    made = await run_prediction(runtime, deadline, served, options, rows)
    write = functools.partial(predict_answer, served, options, made.seed, made.outcome.result, media)
    response = await asyncio.to_thread(write) if made.heavy else write()
    return with_headers(response, made.outcome, fresh=made.fresh)


def _check_picture(options: PredictOptions, media: str) -> None:
    """Refuse what a picture, of the labels and their entropy, cannot show."""
    for name in ("outputs", "interval", "draws", "covariance"):
        if media == PNG and getattr(options, name) not in (None, False):
            raise InvalidRequestError(f"a picture has no {name}; leave it out, or accept {JSON} or {NPZ}", f"/{name}")


def _model(runtime: Runtime, options: PredictOptions) -> ServedPredictor:
    """The model that is named, else the default, else the only one."""
    name = options.model
    if name is None:
        names = runtime.registry.names(ServedPredictor)
        default = runtime.settings.default_model
        name = names[0] if default not in names and len(names) == 1 else default
    return runtime.registry.predictor(name, options.version)
