"""POST /generate/{family}/interpolate: images on the way from one code to another."""

from __future__ import annotations

import asyncio

import torch
from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response
from torch import Tensor

from models.errors import ControlError
from models.generation import latent_traversal
from service.backends.torch_generator import GenerationJob, Latents
from service.errors import InvalidRequestError
from service.handlers.generation import ask, make
from service.handlers.latent_codes import check_together, overrides_of
from service.http.negotiation import NPY, PNG
from service.runtime.registry import ServedGenerator
from service.runtime.runtime import RuntimeDep
from service.schemas.generation import InterpolateBody, ModelChoice
from service.schemas.generation_answers import InterpolateAnswer
from service.schemas.openapi import accepts, answers, query

router = APIRouter(tags=["generate"])

_EXAMPLE = {"from": {"seed": 3}, "to": {"seed": 8}, "steps": 8}


@router.post(
    "/generate/{family}/interpolate",
    summary="Images on the way between two seeds or latents",
    responses=answers(InterpolateAnswer, PNG, NPY),
    openapi_extra=query(ModelChoice) | accepts(InterpolateBody, _EXAMPLE),
)
async def interpolate(family: str, request: Request, runtime: RuntimeDep) -> Response:
    """Images on the way, the first and the last being exactly those of the two ends."""
    asked = await ask(family, request, runtime, InterpolateBody)
    options, settings = asked.options, runtime.settings
    if options.steps > settings.max_images:
        raise InvalidRequestError(f"steps is too large; allowed are 2 to {settings.max_images} images", "/steps")
    both = overrides_of(options, asked.served, 1)
    seeds = [runtime.chosen_seed(end.seed) for end in (options.start, options.end)]
    set_by_ends = [overrides_of(end, asked.served, 1) for end in (options.start, options.end)]
    _check_ends(both, *set_by_ends)
    for end, own in zip((options.start, options.end), set_by_ends, strict=True):
        check_together(asked.served.engine.model, (end, own), (options, both))
    path = await asyncio.to_thread(_path, asked.served, options, seeds, [both | own for own in set_by_ends])
    job = GenerationJob(options.steps, lambda: path)
    return await make(asked, runtime, job, {"seeds": seeds, "method": options.method})


def _check_ends(both: dict[str, Tensor], start: dict[str, Tensor], end: dict[str, Tensor]) -> None:
    """Refuse what is set twice."""
    twice = both.keys() & (start.keys() | end.keys())
    if twice:
        raise ControlError(f"{min(twice)} is set for both ends and for one of them; leave one out")


def _path(served: ServedGenerator, options: InterpolateBody, seeds: list[int], overrides: list[Latents]) -> Latents:
    model = served.engine.model
    start, end = (model.latents([seed]) | dict(codes) for seed, codes in zip(seeds, overrides, strict=True))
    if alone := start.keys() ^ end.keys():
        raise ControlError(f"{min(alone)} is given at one end only; give it at both")
    ends = {name: torch.cat([start[name], end[name]]) for name in start}
    return latent_traversal.interpolate(model, ends, options.steps, options.method)
