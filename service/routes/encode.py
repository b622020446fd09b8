"""POST /encode/{family} and /reconstruct/{family}: codes read off images, and images reconstructed from their codes."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter
from starlette.responses import Response

from service.handlers.encoding import answer_encoding, answer_reconstruction
from service.http.exchange import PICTURES, Exchange, admission
from service.http.negotiation import JSON, NPY, NPZ, PNG
from service.runtime.runtime import RuntimeDep
from service.schemas.generation import EncodeBody, ModelChoice, ReconstructBody, ReconstructOptions
from service.schemas.generation_answers import EncodeAnswer, ReconstructAnswer
from service.schemas.openapi import accepts, answers, query

router = APIRouter(tags=["encode"])

_EXAMPLE = {"inputs": [[0] * 64]}


@router.post(
    "/encode/{family}",
    summary="Read the codes of images: means and variances, or probabilities",
    responses=answers(EncodeAnswer, NPZ),
    openapi_extra=query(ModelChoice) | accepts(EncodeBody, _EXAMPLE, NPY, *PICTURES),
)
async def encode(
    family: str, exchange: Annotated[Exchange, admission(JSON, NPZ, reads_images=True)], runtime: RuntimeDep
) -> Response:
    """Return the posterior of every part of the code that the family can read off an image."""
    return await answer_encoding(runtime, exchange, family)


@router.post(
    "/reconstruct/{family}",
    summary="Reconstruct images from their codes, with aleatoric and epistemic variance",
    responses=answers(ReconstructAnswer, NPZ, PNG),
    openapi_extra=query(ReconstructOptions)
    | accepts(ReconstructBody, {**_EXAMPLE, "samples": 50, "seed": 0}, NPY, *PICTURES),
)
async def reconstruct(
    family: str, exchange: Annotated[Exchange, admission(JSON, NPZ, PNG, reads_images=True)], runtime: RuntimeDep
) -> Response:
    """Return the mean image over the codes that each image allows, and the variance of every pixel in its two parts."""
    return await answer_reconstruction(runtime, exchange, family)
