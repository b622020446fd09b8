"""What requests with inputs share: options from query and body, the model that they name, and the checked rows."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, TypeVar

from pydantic import BaseModel
from starlette.requests import Request

from models.specs import InputSpec
from service.errors import InvalidRequestError, UnsupportedTypeError
from service.http import images, npy, request_body
from service.http.deadline import Deadline
from service.http.negotiation import JSON, NPY
from service.runtime.registry import Served
from service.runtime.runtime import Runtime
from service.schemas.validation import validate
from service.settings import Settings

M = TypeVar("M", bound=BaseModel)
S = TypeVar("S", bound=Served)

IMAGES = ("image/png", "image/jpeg")


async def read_inputs(
    request: Request, runtime: Runtime, deadline: Deadline, schema: type[M], find: Callable[[M], S]
) -> tuple[M, S, request_body.Float32Array]:
    """Options, model and rows of a request, whatever its Content-Type.

    Args:
        schema: Of the options; the rows are not among them.
        find: The model that options name.

    Returns:
        Raw rows in the model's input shape, in its range.
    """
    settings = runtime.settings
    media = request_body.media_type(request)
    body = await deadline.read_body(settings.max_body_bytes)
    if media == JSON:
        content: dict[str, Any] = request_body.parse_json(body, settings.max_json_depth)
        if "inputs" not in content:
            raise InvalidRequestError('the body has no "inputs"; allowed is {"inputs": [row, ...]}', "")
        inputs = content.pop("inputs")
        options = validate(schema, request.query_params, content)
        served = find(options)
        values = request_body.rows_from_json(inputs, settings.max_rows)
    else:
        options = validate(schema, request.query_params, {})
        served = find(options)
        values = await _binary_rows(media, body, served.inputs, runtime, deadline)
    return options, served, checked_rows(served, values, settings)


def checked_rows(served: Served, values: request_body.Float32Array, settings: Settings) -> request_body.Float32Array:
    """Values as raw rows in the model's input shape.

    Raises:
        InvalidRequestError: if they are too many.
        CredenceError: if their shape is another, or a value is not allowed.
    """
    rows: request_body.Float32Array = served.inputs.check_rows(values)
    if len(rows) > settings.max_rows:
        raise InvalidRequestError(f"inputs has {len(rows)} rows; allowed are at most {settings.max_rows}", "/inputs")
    return rows


async def _binary_rows(
    media: str, body: bytes, spec: InputSpec, runtime: Runtime, deadline: Deadline
) -> request_body.Float32Array:
    if media == NPY:
        return npy.rows_from_npy(body)
    if media in IMAGES:
        if spec.kind != "image":
            raise UnsupportedTypeError(f"this model takes a table; allowed are {JSON} and {NPY}")
        settings = runtime.settings
        begin = functools.partial(images.open_image, body, settings.max_pixels)
        # Whatever is in it, the header of the longest body costs more than the pixels of the largest image.
        as_pixels = settings.max_pixels * len(body) // settings.max_body_bytes
        image = await deadline.wait_for(runtime.decoder.run(begin, as_pixels))
        low, high = spec.low or 0.0, 1.0 if spec.high is None else spec.high
        decode = functools.partial(images.rows_from_image, image, spec.shape, low, high)
        return await deadline.wait_for(runtime.decoder.run(decode, image.width * image.height))
    allowed = ", ".join([JSON, NPY, *IMAGES])
    raise UnsupportedTypeError(f"the body's Content-Type is not read here; allowed are: {allowed}")
