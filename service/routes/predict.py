"""POST /predict: the predictive distribution of the rows in the body."""

from __future__ import annotations

import asyncio
import functools
import math

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from service import bodies
from service.answers import decisions, predict_answer
from service.backends.torch_predictor import PredictJob
from service.deadline import Deadline
from service.errors import InvalidRequestError, NotAcceptableError
from service.headers import with_headers
from service.inputs import IMAGES, read_inputs
from service.negotiation import JSON, NPY, NPZ, PNG, answer_type
from service.registry import ServedPredictor
from service.routes.documented import accepts, answers, query
from service.schemas import PredictAnswer, PredictBody, PredictOptions
from service.serving import Serving, ServingDep
from service.settings import Settings

router = APIRouter(tags=["predict"])


@router.post(
    "/predict",
    summary="Predictive distribution: mean, aleatoric and epistemic variance, entropies",
    responses=answers(PredictAnswer, NPZ, PNG),
    openapi_extra=query(PredictOptions) | accepts(PredictBody, {"inputs": [[0] * 64], "samples": 50}, NPY, *IMAGES),
)
async def predict(request: Request, serving: ServingDep) -> Response:
    """Rows in, and what the model believes about each, how noisy that is and how little it knows, out."""
    serving.require_accepting()
    media = answer_type(request.headers.get("accept"), [JSON, NPZ, PNG])
    deadline = Deadline(request, serving.settings)
    find = functools.partial(_model, serving)
    options, served, rows = await read_inputs(request, serving.settings, deadline, PredictOptions, find)
    if media == PNG and served.spec.outputs.task != "segmentation":
        raise NotAcceptableError(
            f"a picture is the answer of a segmentation; allowed for this model are: {JSON}, {NPZ}"
        )
    seed = serving.chosen_seed(options.seed)
    job = _job(options, served, rows, serving.settings)
    outcome = await deadline.wait_for(serving.predict(served, seed, job))
    prediction = outcome.result
    serving.telemetry.observe_prediction(served.manifest.name, prediction.samples, prediction.columns)
    for decision in decisions(served, prediction)["decision"] or []:
        serving.telemetry.decisions.labels(served.manifest.name, decision).inc()
    # What is large, or takes torch again, is written beside the event loop.
    heavy = options.draws or options.covariance or options.interval is not None or prediction.large
    write = functools.partial(predict_answer, served, options, seed, prediction, media)
    response = await asyncio.to_thread(write) if heavy else write()
    return with_headers(response, outcome, fresh=options.seed == "random")


def _model(serving: Serving, options: PredictOptions) -> ServedPredictor:
    """The model that is named, else the default, else the only one."""
    name = options.model
    if name is None:
        names = serving.registry.names(ServedPredictor)
        default = serving.settings.default_model
        name = names[0] if default not in names and len(names) == 1 else default
    return serving.registry.predictor(name, options.version)


def _job(options: PredictOptions, served: ServedPredictor, rows: bodies.Floats, settings: Settings) -> PredictJob:
    """The work of a request, refused if it is more than a request may cost."""
    affordable = int(settings.max_work / (len(rows) * served.engine.work_weight))
    model = served.engine.model
    samples = model.available(min(settings.max_draws, affordable) if options.samples == "auto" else options.samples)
    if not 0 <= samples <= settings.max_draws:
        raise InvalidRequestError(
            f'samples is not allowed; allowed is a whole number from 0 to {settings.max_draws}, or "auto"', "/samples"
        )
    if samples > affordable or not affordable:
        raise InvalidRequestError(
            f"{len(rows)} rows x {samples} samples is more work than allowed; allowed for this model and number of"
            f" rows are {affordable} samples",
            "/samples",
        )
    if (options.samples == "auto") != (options.tolerance is not None):
        raise InvalidRequestError('samples="auto" and tolerance go together; one of them is missing', "/tolerance")
    _check_answer_size(options, served, len(rows), max(samples, 1), settings)
    if options.interval is not None and served.spec.outputs.outcome == "multilabel":
        raise InvalidRequestError("this model answers yes or no for every label; leave interval out", "/interval")
    quantiles = options.interval is not None and served.spec.outputs.task == "regression"
    keep = options.draws or options.covariance or quantiles
    aleatoric_samples = _aleatoric_samples(options, served, settings)
    return PredictJob(rows, samples, options.tolerance, keep, aleatoric_samples)


def _aleatoric_samples(options: PredictOptions, served: ServedPredictor, settings: Settings) -> int | None:
    given, place = options.aleatoric_samples, "/aleatoric_samples"
    if given is None:
        return None
    if served.engine.model.likelihood.noise() is None:
        raise InvalidRequestError("this model's likelihood samples no noise; leave aleatoric_samples out", place)
    if given > settings.max_draws:
        raise InvalidRequestError(f"aleatoric_samples is too large; allowed are 1 to {settings.max_draws}", place)
    return given


def _check_answer_size(
    options: PredictOptions, served: ServedPredictor, rows: int, samples: int, settings: Settings
) -> None:
    size = served.spec.outputs.size * math.prod(served.engine.model.positions)
    values = max(rows * size, options.draws * samples * rows * size, options.covariance * rows * rows * size)
    if values > settings.max_values:
        raise InvalidRequestError(f"the answer would hold {values} numbers; allowed are {settings.max_values}")
