"""POST /project/{family}, and GET and DELETE /jobs/{id}: the code of a given image, found while requests go on."""

from __future__ import annotations

import asyncio
import base64
from typing import Annotated, Any

import msgspec
from fastapi import APIRouter, Depends
from starlette.responses import Response

from service.backends.generator_jobs import ProjectJob
from service.errors import InvalidRequestError
from service.handlers import pictures
from service.handlers.inputs import read_images
from service.http.exchange import IMAGES, Exchange, admission
from service.http.negotiation import JSON, NPY
from service.runtime.jobs import Job
from service.runtime.runtime import RuntimeDep
from service.schemas.generation import EncodeBody, ModelChoice
from service.schemas.generation_answers import JobAnswer
from service.schemas.openapi import PROBLEM, accepts, answers, query
from service.schemas.validation import refuse_query, validate

router = APIRouter(tags=["jobs"])

_NO_OPTIONS = [Depends(refuse_query)]

_ACCEPTED = answers(JobAnswer)[200] | {"description": "The job; the header Location says where to ask for it"}


@router.post(
    "/project/{family}",
    status_code=202,
    summary="Start a search for the w of an image, as a job",
    responses={202: _ACCEPTED, "4XX": PROBLEM, "5XX": PROBLEM},
    openapi_extra=query(ModelChoice) | accepts(EncodeBody, {"inputs": [[0] * 64]}, NPY, *IMAGES),
)
async def project(
    family: str,
    exchange: Annotated[Exchange, admission(JSON, reads_rows=True, for_long=True)],
    runtime: RuntimeDep,
) -> Response:
    """Start a search and return its job; other requests are answered between its steps."""
    choice = validate(ModelChoice, exchange.request.query_params, exchange.options)
    served = runtime.registry.generator_supporting("project", family, choice.model, choice.version)
    pixels = await read_images(runtime, exchange, served)
    if len(pixels) != 1:
        raise InvalidRequestError(f"inputs has {len(pixels)} images; allowed is one", "/inputs")
    job = runtime.jobs.add(served, ProjectJob(pixels[0]))
    return Response(_describe(job), 202, {"Location": f"/jobs/{job.id}"}, media_type=JSON)


@router.get(
    "/jobs/{job_id}",
    summary="Show the progress and the result of a job",
    responses=answers(JobAnswer),
    dependencies=_NO_OPTIONS,
)
async def job(job_id: str, runtime: RuntimeDep) -> Response:
    """Return a job: its progress while it runs, and the code, its loss and its image once it is done."""
    found = runtime.jobs.find(job_id)
    return Response(await asyncio.to_thread(_describe, found), media_type=JSON)


@router.delete("/jobs/{job_id}", summary="Cancel a job", responses=answers(JobAnswer), dependencies=_NO_OPTIONS)
async def cancel(job_id: str, runtime: RuntimeDep) -> Response:
    """Cancel a job that waits or runs; one that has ended stays as it is."""
    found = runtime.jobs.cancel(job_id)
    return Response(await asyncio.to_thread(_describe, found), media_type=JSON)


def _describe(job: Job) -> bytes:
    found = job.found
    answer: dict[str, Any] = {
        "id": job.id,
        **job.served.facts,
        "state": job.state,
        "progress": 0.0 if found is None else found.step / found.steps,
        "loss": None if found is None else found.loss,
        "w": None,
        "image": None,
        "detail": job.detail,
    }
    if found is not None and job.state == "done":
        image = pictures.png(found.image)
        answer |= {"w": found.w.tolist(), "image": base64.b64encode(image).decode()}
    return msgspec.json.encode(answer)
