"""POST /generate/{family}/interpolate: images on the way from one code to another."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.responses import Response

from service.handlers.interpolation import answer_interpolation
from service.http.negotiation import NPY, PNG
from service.routes.images import ImagesExchange
from service.runtime.runtime import RuntimeDep
from service.schemas.generation import InterpolateBody, ModelChoice
from service.schemas.generation_answers import InterpolateAnswer
from service.schemas.openapi import accepts, answers, query

router = APIRouter(tags=["generate"])

_EXAMPLE = {"from": {"seed": 3}, "to": {"seed": 8}, "steps": 8}


@router.post(
    "/generate/{family}/interpolate",
    summary="Interpolate between two seeds or latent codes",
    responses=answers(InterpolateAnswer, PNG, NPY),
    openapi_extra=query(ModelChoice) | accepts(InterpolateBody, _EXAMPLE),
)
async def interpolate(family: str, exchange: ImagesExchange, runtime: RuntimeDep) -> Response:
    """Return images on the way, the first and the last of which are exactly those of the two ends."""
    return await answer_interpolation(runtime, exchange, family)
