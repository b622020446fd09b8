"""What all requests for images share: how they are read, and how their answers are written."""

from __future__ import annotations

import asyncio
import base64
import io
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import msgspec
import numpy as np
from numpy.typing import NDArray
from starlette.requests import Request
from starlette.responses import Response

from service.backends.generator_jobs import Generation, ImagesJob, Operation
from service.errors import InvalidRequestError, UnsupportedTypeError
from service.handlers import pictures
from service.handlers.latent_codes import check_sizes, list_codes
from service.http import request_body
from service.http.deadline import Deadline
from service.http.headers import with_headers
from service.http.negotiation import JSON, NPY, PNG, accepted, answer_type
from service.runtime.registry import ServedGenerator
from service.runtime.runtime import Runtime
from service.schemas.generation import ImageForm, ImagesBody
from service.schemas.validation import validate
from service.settings import Settings

B = TypeVar("B", bound=ImagesBody)


@dataclass(frozen=True)
class Asked(Generic[B]):
    """A request for images: its options, the model that they name, and what the client wants to get by when."""

    options: B
    served: ServedGenerator
    media: str
    deadline: Deadline


async def ask(
    family: str,
    request: Request,
    runtime: Runtime,
    schema: type[B],
    operation: Operation,
) -> Asked[B]:
    """Read and check a request, as far as it does not depend on the model.

    Args:
        operation: What the generator must support.
    """
    runtime.require_accepting()
    deadline = Deadline(request, runtime.settings)
    media = answer_type(accepted(request), [JSON, PNG, NPY])
    if request_body.media_type(request) != JSON:
        raise UnsupportedTypeError(f"the body's Content-Type is not read here; allowed is {JSON}")
    body = await deadline.read_body(runtime.settings.max_body_bytes)
    content = request_body.parse_json(body, runtime.settings.max_json_depth) if body else {}
    check_sizes(content, runtime.settings.max_images)
    options = validate(schema, request.query_params, content)
    if options.layout == "grid" and options.format != "png":
        raise InvalidRequestError('layout "grid" is a picture; allowed is format "png"', "/layout")
    _check_form(options, media)
    served = runtime.registry.generator_supporting(operation, family, options.model, options.version)
    return Asked(options, served, media, deadline)


_FORMS = {PNG: {"format": "png", "layout": "grid"}, NPY: {"format": "npy", "layout": "list"}}
"""What answers that are not JSON are anyway."""


def _check_form(form: ImageForm, media: str) -> None:
    """Refuse a form of JSON answers that another answer does not have."""
    for name, fits in _FORMS.get(media, {}).items():
        if name in form.model_fields_set and getattr(form, name) != fits:
            raise InvalidRequestError(
                f"{name} is of an answer as {JSON}, and {media} is accepted; leave it out", f"/{name}"
            )


async def make(
    asked: Asked[B],
    runtime: Runtime,
    job: ImagesJob,
    facts: Mapping[str, Any],
    grid: tuple[int, int] | None = None,
    *,
    fresh: bool = False,
) -> Response:
    """Wait for images and write them down.

    Args:
        facts: What the answer says besides model, codes and images.
        grid: Rows and columns, where the images are one.
        fresh: Whether the seed was drawn for this request, so that the answer will not repeat.
    """
    served, options = asked.served, asked.options
    if asked.media == JSON and options.format == "json":
        check_numbers(job.size * math.prod(served.spec.images.shape), runtime.settings)
    await asyncio.to_thread(served.backend.check, job)
    outcome = await asked.deadline.wait_for(runtime.compute(served, job))
    runtime.telemetry.images.labels(served.manifest.name).inc(job.size)
    response = await asyncio.to_thread(_answer, served, options, outcome.result, asked.media, facts, grid)
    if asked.media == NPY:  # an array has no other place for them
        response.headers["X-Seeds"] = ",".join(map(str, facts["seeds"]))
    return with_headers(response, outcome, fresh=fresh)


def check_numbers(count: int, settings: Settings) -> None:
    """Refuse an answer of too many written numbers."""
    if count > settings.max_values:
        raise InvalidRequestError(f"the answer would hold {count} numbers; allowed are {settings.max_values}")


def head(served: ServedGenerator) -> dict[str, str]:
    """Which model answers."""
    manifest = served.manifest
    return {"model": manifest.name, "version": str(manifest.version), "family": manifest.method}


def pixels(served: ServedGenerator, rows: request_body.Float32Array) -> request_body.Float32Array:
    """Raw images as a generator has them, in [0, 1]."""
    mean, scale = (np.array(part, np.float32) for part in (served.inputs.mean, served.inputs.scale))
    return (rows - mean) / scale


def _answer(
    served: ServedGenerator,
    form: ImageForm,
    generation: Generation,
    media: str,
    facts: Mapping[str, Any],
    grid: tuple[int, int] | None,
) -> Response:
    images = generation.images
    codes = list_codes(served.backend.controls, generation.codes)
    notes = {"model": served.manifest.name, "version": str(served.manifest.version), **facts, "codes": codes}
    if media == NPY:
        return Response(_npy(images if grid is None else images.reshape(*grid, *images.shape[1:])), media_type=NPY)
    across = grid and grid[1]
    if media == PNG:
        return Response(pictures.contact_sheet(images, across, **notes), media_type=PNG)
    if form.layout == "grid":
        listed_images = [base64.b64encode(pictures.contact_sheet(images, across, **notes)).decode()]
    else:
        listed_images = _listed(form, images)
    answer = {**head(served), **facts, "codes": codes, "format": form.format, "images": listed_images}
    return Response(msgspec.json.encode(answer), media_type=JSON)


def _listed(form: ImageForm, images: NDArray[np.float32]) -> list[Any]:
    if form.format == "json":
        numbers: list[Any] = images.tolist()
        return numbers
    return [base64.b64encode(_npy(i) if form.format == "npy" else pictures.png(i)).decode() for i in images]


def _npy(array: NDArray[np.float32]) -> bytes:
    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()
