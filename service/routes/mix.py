"""POST /generate/{family}/mix: images whose coarse, middle and fine styles come from different seeds."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.responses import Response

from service.handlers.mixing import answer_mix
from service.http.negotiation import NPY, PNG
from service.routes.images import ImagesExchange
from service.runtime.runtime import RuntimeDep
from service.schemas.generation import MixBody, ModelChoice
from service.schemas.generation_answers import MixAnswer
from service.schemas.openapi import accepts, answers, query

router = APIRouter(tags=["generate"])


@router.post(
    "/generate/{family}/mix",
    summary="Mix styles: coarse, middle and fine layers from different seeds",
    responses=answers(MixAnswer, PNG, NPY),
    openapi_extra=query(ModelChoice) | accepts(MixBody, {"coarse": 3, "middle": 3, "fine": [7, 8, 9]}),
)
async def mix(family: str, exchange: ImagesExchange, runtime: RuntimeDep) -> Response:
    """Return images in which each level of layers has the styles of its own seed."""
    return await answer_mix(runtime, exchange, family)
