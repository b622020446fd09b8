"""Searches for the code of an image, which go on as jobs after their request was answered."""

from __future__ import annotations

import base64
from typing import Any

import msgspec

from service.backends.generator_jobs import ProjectJob
from service.errors import InvalidRequestError
from service.handlers import pictures
from service.handlers.inputs import read_images
from service.handlers.noting import note
from service.http.exchange import Exchange
from service.runtime.jobs.local import Job
from service.runtime.runtime import Runtime
from service.schemas.generation import ModelChoice
from service.schemas.validation import validate


async def begin_search(runtime: Runtime, exchange: Exchange, family: str) -> Job:
    """Begin the search for the code of the image in a request.

    Raises:
        InvalidRequestError: if there is more than one image.
        JobsFullError: if too many jobs wait.
    """
    choice = validate(ModelChoice, exchange.request.query_params, exchange.options)
    served = runtime.registry.generator_supporting("project", family, choice.model, choice.version)
    pixels = await read_images(runtime, exchange, served)
    if len(pixels) != 1:
        raise InvalidRequestError(f"inputs has {len(pixels)} images; allowed is one", "/inputs")
    if runtime.audit is not None:
        note(exchange, served)
    return await runtime.jobs.add(served, ProjectJob(pixels[0]), exchange.client, exchange.request.scope["state"])


def encode_job(job: Job) -> bytes:
    """Return a job as JSON: its progress while it runs, and its code, loss and image once it is done."""
    found = job.found
    answer: dict[str, Any] = {
        "id": job.id,
        **job.facts,
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
