"""POST /generate/{family}/traverse: a grid of images in which one or two controls move."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.responses import Response

from service.handlers.traversal import answer_traversal
from service.http.negotiation import NPY, PNG
from service.routes.images import ImagesExchange
from service.runtime.runtime import RuntimeDep
from service.schemas.generation import ModelChoice, TraverseBody
from service.schemas.generation_answers import TraverseAnswer
from service.schemas.openapi import accepts, answers, query

router = APIRouter(tags=["generate"])

_EXAMPLE = {
    "seed": 3,
    "rows": {"control": "z", "index": 0, "from": -2, "to": 2, "steps": 5},
    "columns": {"control": "z", "index": 1, "spacing": "normal", "steps": 8},
}


@router.post(
    "/generate/{family}/traverse",
    summary="Generate a grid: one or two controls swept, everything else held",
    responses=answers(TraverseAnswer, PNG, NPY),
    openapi_extra=query(ModelChoice) | accepts(TraverseBody, _EXAMPLE),
)
async def traverse(family: str, exchange: ImagesExchange, runtime: RuntimeDep) -> Response:
    """Return the images of a grid, row by row: the code of the seed, except for what is swept or set."""
    return await answer_traversal(runtime, exchange, family)
