"""The part that all requests for images share: how they are read, and how their answers are written."""

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
from starlette.responses import Response

from service.backends.generator_jobs import Generation, ImagesJob, Operation
from service.errors import InvalidRequestError
from service.handlers import pictures
from service.handlers.latent_codes import check_sizes, list_codes
from service.handlers.noting import note
from service.http.exchange import Exchange
from service.http.negotiation import JSON, NPY, PNG, unread_type
from service.runtime.registry import ServedGenerator
from service.runtime.runtime import Runtime
from service.schemas.generation import ImageForm, ImagesBody
from service.schemas.validation import validate
from service.settings import Settings

B = TypeVar("B", bound=ImagesBody)


@dataclass(frozen=True)
class ImageRequest(Generic[B]):
    """A checked request for images: its options, the model that they name, and the exchange that it belongs to."""

    exchange: Exchange
    options: B
    served: ServedGenerator


async def read_request(
    runtime: Runtime, exchange: Exchange, family: str, schema: type[B], operation: Operation
) -> ImageRequest[B]:
    """Read and check a request for images, as far as that does not depend on the model's controls.

    Args:
        runtime: The running service.
        exchange: The admitted request.
        family: Family of the generator.
        schema: Schema of the options.
        operation: Operation that the generator must support.
    """
    if exchange.content_type != JSON:
        raise unread_type(exchange.content_type, JSON)
    content = await exchange.read_object(required=False)
    check_sizes(content, runtime.settings.max_images)
    options = validate(schema, exchange.request.query_params, content)
    if options.layout == "grid" and options.format != "png":
        raise InvalidRequestError('layout "grid" is a picture; allowed is format "png"', "/layout")
    _check_form(options, exchange.media)
    served = runtime.registry.generator_supporting(operation, family, options.model, options.version)
    return ImageRequest(exchange, options, served)


_FORMS = {PNG: {"format": "png", "layout": "grid"}, NPY: {"format": "npy", "layout": "list"}}
"""The forms that answers other than JSON have in any case."""


def _check_form(form: ImageForm, media: str) -> None:
    """Refuse a form of JSON answers that another answer does not have."""
    for name, fits in _FORMS.get(media, {}).items():
        if name in form.model_fields_set and getattr(form, name) != fits:
            raise InvalidRequestError(
                f"{name} is of an answer as {JSON}, and {media} is accepted; leave it out", f"/{name}"
            )


async def answer_images(
    runtime: Runtime,
    request: ImageRequest[B],
    job: ImagesJob,
    facts: Mapping[str, Any],
    grid: tuple[int, int] | None = None,
    *,
    fresh: bool = False,
) -> Response:
    """Wait for images and return them as the client likes them best.

    Args:
        runtime: The running service.
        request: The request for images.
        job: Job that makes the images.
        facts: Entries of the answer besides model, codes and images; ``seeds`` is one of them.
        grid: Number of rows and columns, where the images are a grid.
        fresh: ``True`` if the seed was drawn for this request, so that the answer will not repeat.
    """
    served, options, media = request.served, request.options, request.exchange.media
    if media == JSON and options.format == "json":
        check_numbers(job.size * math.prod(served.spec.images.shape), runtime.settings)
    most = served.backend.most_images(runtime.settings.max_request_seconds)
    if job.size > most:
        raise InvalidRequestError(f"{job.size} images take too long with this model; allowed are 1 to {most}")
    await asyncio.to_thread(served.backend.check, job)
    batch = await request.exchange.wait_for(runtime.compute(served, job, request.exchange.client))
    runtime.telemetry.images.labels(served.manifest.name).inc(job.size)
    if runtime.audit is not None:
        note(request.exchange, served, facts["seeds"])
    content = await asyncio.to_thread(_encode, served, options, batch.result, media, facts, grid)
    response = request.exchange.with_times(Response(content, media_type=media), batch, served.facts, fresh=fresh)
    if media == NPY:  # an array has no other place for them
        response.headers["X-Seeds"] = ",".join(map(str, facts["seeds"]))
    return response


def check_numbers(count: int, settings: Settings) -> None:
    """Refuse an answer of too many written numbers."""
    if count > settings.max_values:
        raise InvalidRequestError(f"the answer would hold {count} numbers; allowed are {settings.max_values}")


def _encode(
    served: ServedGenerator,
    form: ImageForm,
    generation: Generation,
    media: str,
    facts: Mapping[str, Any],
    grid: tuple[int, int] | None,
) -> bytes:
    images = generation.images
    codes = list_codes(served.backend.controls, generation.codes)
    notes = {"model": served.manifest.name, "version": str(served.manifest.version), **facts, "codes": codes}
    if media == NPY:
        return _npy(images if grid is None else images.reshape(*grid, *images.shape[1:]))
    across = grid and grid[1]
    if media == PNG:
        return pictures.contact_sheet(images, across, **notes)
    if form.layout == "grid":
        listed_images = [base64.b64encode(pictures.contact_sheet(images, across, **notes)).decode()]
    else:
        listed_images = _listed(form, images)
    answer = {**served.facts, **facts, "codes": codes, "format": form.format, "images": listed_images}
    return msgspec.json.encode(answer)


def _listed(form: ImageForm, images: NDArray[np.float32]) -> list[Any]:
    if form.format == "json":
        numbers: list[Any] = images.tolist()
        return numbers
    return [base64.b64encode(_npy(i) if form.format == "npy" else pictures.png(i)).decode() for i in images]


def _npy(array: NDArray[np.float32]) -> bytes:
    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()
