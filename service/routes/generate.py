"""POST and GET /generate/{family}: images under control of their latent code, and the controls there are."""

from __future__ import annotations

import msgspec
from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from service.backends.generator_jobs import GenerateJob
from service.handlers.generation import answer_images, read_request
from service.handlers.latent_codes import codes_of, describe_controls, seeds_of
from service.http.exchange import check_accepting
from service.http.negotiation import JSON, NPY, PNG
from service.routes.images import ImagesExchange
from service.runtime.runtime import RuntimeDep
from service.schemas.generation import GenerateBody, ModelChoice
from service.schemas.generation_answers import GenerateAnswer
from service.schemas.openapi import PROBLEM, accepts, answers, query
from service.schemas.validation import validate

router = APIRouter(tags=["generate"])


@router.get(
    "/generate/{family}",
    summary="List the controls of a family: kind, range, default, choices and meaning",
    responses={"4XX": PROBLEM, "5XX": PROBLEM},
    openapi_extra=query(ModelChoice),
)
async def latent_specification(family: str, request: Request, runtime: RuntimeDep) -> Response:
    """Return the controls of a family's latent code."""
    check_accepting(runtime.phase)
    choice = validate(ModelChoice, request.query_params, {})
    served = runtime.registry.generator(family, choice.model, choice.version)
    controls = describe_controls(served.backend)
    specification = {**served.facts, "shape": served.spec.images.shape, "controls": controls}
    return Response(msgspec.json.encode(specification), media_type=JSON)


@router.post(
    "/generate/{family}",
    summary="Generate images under controls of the latent code",
    responses=answers(GenerateAnswer, PNG, NPY),
    openapi_extra=query(GenerateBody) | accepts(GenerateBody, {"n": 10, "seed": 3}, required=False),
)
async def generate(family: str, exchange: ImagesExchange, runtime: RuntimeDep) -> Response:
    """Return images, each of which depends on its own seed and the given codes alone."""
    asked = await read_request(runtime, exchange, family, GenerateBody, "generate")
    options, settings = asked.options, runtime.settings
    seeds = seeds_of(options, runtime.choose_seed(options.seed), settings.max_images)
    job = GenerateJob(seeds, codes_of(options, asked.served, len(seeds)))
    return await answer_images(runtime, asked, job, {"seeds": seeds}, fresh=options.seed == "random")
