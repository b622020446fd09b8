"""Inputs that take more than reading: pictures, decoded beside the event loop, and images of generators."""

from __future__ import annotations

import numpy as np

from models.errors import PictureError
from models.parts import describe_parts
from models.specs import InputSpec
from service.backends.generator_jobs import Float32Array
from service.errors import InvalidRequestError, TooLargeError, UnsupportedTypeError
from service.http.exchange import Exchange
from service.http.forms import FORM
from service.http.images import form_of, refuse_picture
from service.http.negotiation import CSV, JSON, NPY, NPZ
from service.http.picture_rows import TooManyTogetherError
from service.runtime.registry import ServedGenerator
from service.runtime.runtime import Runtime


async def decode_pictures(runtime: Runtime, exchange: Exchange, spec: InputSpec) -> Float32Array:
    """Return the pictures in a body as raw rows, ``(B, channels, height, width)``.

    Raises:
        UnsupportedTypeError: if the model does not take images.
        InvalidRequestError: if a picture is damaged or transparent, or all together are too large.
    """
    if spec.parts:
        raise UnsupportedTypeError(
            f"this model takes {describe_parts(spec)}, by name; allowed are {JSON} and {NPZ}, pictures as their pixels"
        )
    if spec.kind != "image":
        allowed = f"{JSON}, {CSV} and {NPY}" if spec.kind == "table" else f"{JSON} and {NPY}"
        raise UnsupportedTypeError(f"this model takes {spec.kind}s; allowed are {allowed}")
    if not exchange.pictures:
        raise InvalidRequestError("this model takes images; allowed are arrays of pixels and picture files", "/inputs")
    settings, form, rows, pixels = runtime.settings, form_of(spec), [], 0
    for number, body in enumerate(exchange.pictures):
        if len(body) > settings.max_picture_bytes:
            raise TooLargeError(
                f"a picture file is too long; allowed are {settings.max_picture_bytes} bytes: save it smaller"
            )
        left = settings.max_pixels - pixels
        decode = runtime.decoder.decode(body, form, settings.max_pixels, left, exchange.client)
        try:
            row, more = await exchange.wait_for(decode)
        except TooManyTogetherError as error:
            together = f"the images have more than {settings.max_pixels} pixels together; send fewer or smaller ones"
            raise InvalidRequestError(together, "/files") from error
        except PictureError as error:
            raise refuse_picture(error, number if exchange.content_type == FORM else None) from error
        rows.append(row)
        pixels += more
    return np.concatenate(rows)


async def read_images(runtime: Runtime, exchange: Exchange, served: ServedGenerator) -> Float32Array:
    """Return the images in a body as a generator has them: pixels in [0, 1], ``(B, channels, height, width)``.

    Raises:
        CredenceError: if their shape is another, or a value is not allowed.
    """
    rows = exchange.rows
    if rows is None:
        rows = await decode_pictures(runtime, exchange, served.inputs)
    mean, scale = (np.array(part, np.float32) for part in (served.inputs.mean, served.inputs.scale))
    return (served.inputs.check_rows(rows) - mean) / scale
