"""Inputs that take more than reading: pictures, decoded beside the event loop, and images of generators."""

from __future__ import annotations

import functools

import numpy as np

from models.specs import InputSpec
from service.backends.generator_jobs import Float32Array
from service.errors import InvalidRequestError, UnsupportedTypeError
from service.http import images
from service.http.exchange import Exchange
from service.http.negotiation import JSON, NPY
from service.runtime.registry import ServedGenerator
from service.runtime.runtime import Runtime


async def decode_picture(runtime: Runtime, exchange: Exchange, spec: InputSpec) -> Float32Array:
    """Return the picture in a body as one raw row, ``(1, channels, height, width)``.

    Raises:
        UnsupportedTypeError: if the model does not take images.
        InvalidRequestError: if the picture is damaged, partly transparent or too large.
    """
    if spec.kind != "image":
        raise UnsupportedTypeError(f"this model takes a table; allowed are {JSON} and {NPY}")
    settings, body = runtime.settings, exchange.picture
    begin = functools.partial(images.open_image, body, settings.max_pixels)
    # Whatever is in it, the header of the longest body costs more than the pixels of the largest image.
    as_pixels = settings.max_pixels * len(body) // settings.max_body_bytes
    image = await exchange.wait_for(runtime.decoder.run(begin, as_pixels))
    low, high = spec.low or 0.0, 1.0 if spec.high is None else spec.high
    decode = functools.partial(images.rows_from_image, image, spec.shape, low, high)
    return await exchange.wait_for(runtime.decoder.run(decode, image.width * image.height))


async def read_images(runtime: Runtime, exchange: Exchange, served: ServedGenerator) -> Float32Array:
    """Return the images in a body as a generator has them: pixels in [0, 1], ``(B, channels, height, width)``.

    Raises:
        CredenceError: if their shape is another, or a value is not allowed.
    """
    if exchange.named is not None:
        raise InvalidRequestError("this model takes images; rows by column name are for models of tables", "/inputs")
    rows = exchange.rows
    if rows is None:
        rows = await decode_picture(runtime, exchange, served.inputs)
    mean, scale = (np.array(part, np.float32) for part in (served.inputs.mean, served.inputs.scale))
    return (served.inputs.check_rows(rows) - mean) / scale
