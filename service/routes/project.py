"""POST /project/{family}, and GET and DELETE /jobs/{id}: the code of a given image, found while requests go on."""

from __future__ import annotations

import asyncio
from typing import Annotated

from fastapi import APIRouter, Depends
from starlette.responses import Response

from service.handlers.projection import begin_search, encode_job
from service.http.exchange import PICTURES, Exchange, admission
from service.http.negotiation import JSON, NPY
from service.runtime.runtime import RuntimeDep
from service.schemas.generation import EncodeBody, ModelChoice
from service.schemas.generation_answers import JobAnswer
from service.schemas.openapi import PROBLEM, accepts, answers, query
from service.schemas.validation import refuse_query

router = APIRouter(tags=["jobs"])

_NO_OPTIONS = [Depends(refuse_query)]

_ACCEPTED = answers(JobAnswer)[200] | {"description": "The job; the header Location says where to ask for it"}


@router.post(
    "/project/{family}",
    status_code=202,
    summary="Start a search for the w of an image, as a job",
    responses={202: _ACCEPTED, "4XX": PROBLEM, "5XX": PROBLEM},
    openapi_extra=query(ModelChoice) | accepts(EncodeBody, {"inputs": [[0] * 64]}, NPY, *PICTURES),
)
async def project(
    family: str,
    exchange: Annotated[Exchange, admission(JSON, reads_images=True, for_long=True)],
    runtime: RuntimeDep,
) -> Response:
    """Start a search and return its job; other requests are answered between its steps."""
    job = await begin_search(runtime, exchange, family)
    return Response(encode_job(job), 202, {"Location": f"/jobs/{job.id}"}, media_type=JSON)


@router.get(
    "/jobs/{job_id}",
    summary="Show the progress and the result of a job",
    responses=answers(JobAnswer),
    dependencies=_NO_OPTIONS,
)
async def job(job_id: str, runtime: RuntimeDep) -> Response:
    """Return a job: its progress while it runs, and the code, its loss and its image once it is done."""
    found = await runtime.jobs.find(job_id)
    return Response(await asyncio.to_thread(encode_job, found), media_type=JSON)


@router.delete("/jobs/{job_id}", summary="Cancel a job", responses=answers(JobAnswer), dependencies=_NO_OPTIONS)
async def cancel(job_id: str, runtime: RuntimeDep) -> Response:
    """Cancel a job that waits or runs; one that has ended stays as it is."""
    found = await runtime.jobs.cancel(job_id)
    return Response(await asyncio.to_thread(encode_job, found), media_type=JSON)
