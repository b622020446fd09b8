"""PNG and JPEG bodies as rows of pixels."""

from __future__ import annotations

import io

import numpy as np
from PIL import Image, UnidentifiedImageError

from service.errors import InvalidRequestError
from service.http.request_body import Float32Array

_NO_IMAGE = (UnidentifiedImageError, OSError, ValueError, SyntaxError, AssertionError)
"""Exceptions of Pillow for damaged pictures; the last for one that needs a palette and has none."""


def open_image(body: bytes, max_pixels: int) -> Image.Image:
    """Open a PNG or JPEG and read no more than its header, which can hold a million small parts.

    Raises:
        InvalidRequestError: if it is no such image, has too many pixels, more than one frame or more than 8 bits a
            channel.
    """
    too_large = InvalidRequestError(f"the image has more than {max_pixels} pixels; send it smaller")
    try:
        image = Image.open(io.BytesIO(body), formats=["PNG", "JPEG"])
    except Image.DecompressionBombError as error:
        raise too_large from error
    except _NO_IMAGE as error:
        raise InvalidRequestError("the body is not a whole PNG or JPEG image") from error
    if image.width * image.height > max_pixels:
        raise too_large
    if getattr(image, "is_animated", False):
        raise InvalidRequestError("the image has several frames; allowed is one")
    if any("16" in str(tile.args) for tile in image.tile):  # Pillow's name of how pixels are packed: RGB;16B
        raise InvalidRequestError("the image has more than 8 bits a channel; allowed are 8")
    return image


def rows_from_image(image: Image.Image, shape: tuple[int, ...], low: float, high: float) -> Float32Array:
    """Return an image as one raw row ``(1, channels, height, width)``.

    Args:
        image: Opened image of any size.
        shape: Channels, height and width to which it is converted and resized.
        low: Value of a black pixel.
        high: Value of a white pixel.

    Raises:
        InvalidRequestError: if the image is damaged, or partly transparent.
    """
    channels, height, width = shape
    try:
        opaque = _opaque(image)
        picture = opaque.convert("L" if channels == 1 else "RGB").resize((width, height), Image.Resampling.BILINEAR)
    except _NO_IMAGE as error:
        raise InvalidRequestError("the body is not a whole PNG or JPEG image") from error
    pixels = np.asarray(picture, np.float32).reshape(height, width, channels).transpose(2, 0, 1) / 255
    return np.ascontiguousarray(low + pixels * (high - low), np.float32)[None]


def _opaque(image: Image.Image) -> Image.Image:
    """Return the image without its alpha channel, if nothing of it is transparent."""
    if not image.has_transparency_data:
        return image
    whole = image.convert("RGBA")
    one_colour = image.mode in ("1", "L", "RGB")  # Pillow does not find it again in greys of 2 and 4 bits
    if one_colour or whole.getchannel("A").getextrema() != (255, 255):
        raise InvalidRequestError("the image is transparent in places; allowed are opaque ones")
    return whole
