"""Picture files in bodies, as rows of pixels."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from models.errors import PictureError
from models.pictures import Picture, open_picture, to_values
from models.specs import InputSpec
from service.errors import InvalidRequestError
from service.http.request_body import Float32Array

R = TypeVar("R")


def open_image(body: bytes, max_pixels: int, place: int | None = None) -> Picture:
    """Open a picture and read no more than its header, which can hold a million small parts.

    Args:
        body: Content of the file.
        max_pixels: Largest number of pixels allowed.
        place: Number of the file in a form of several, counted from 0.

    Raises:
        InvalidRequestError: if it is no such picture, or has too many pixels or frames.
    """
    return _explained(lambda: open_picture(body, max_pixels), place)


def row_from_image(picture: Picture, spec: InputSpec, place: int | None = None) -> Float32Array:
    """Return a picture as one raw row ``(1, channels, height, width)``, read as the model's training pictures were.

    Args:
        picture: Opened picture of any size.
        spec: Specification of the row.
        place: Number of the file in a form of several, counted from 0.

    Raises:
        InvalidRequestError: if the picture is damaged, or has bits or transparent places that the model refuses.
    """
    if spec.picture is not None and spec.picture.bits not in (None, picture.bits):
        _explained(lambda: _refuse_bits(picture, spec), place)
    channels, height, width = spec.shape
    background = None if spec.picture is None else spec.picture.background
    levels = _explained(lambda: picture.read(channels, (height, width), background), place)
    return to_values(levels, spec.low or 0.0, 1.0 if spec.high is None else spec.high)[None]


def _refuse_bits(picture: Picture, spec: InputSpec) -> None:
    assert spec.picture is not None  # as the caller has looked
    raise PictureError(
        f"has {picture.bits} bits a channel, and this model takes {spec.picture.bits}: values from {spec.low:g} to"
        f" {spec.high:g}; convert it, or send its values as an array"
    )


def _explained(work: Callable[[], R], place: int | None) -> R:
    try:
        return work()
    except PictureError as error:
        if place is None:
            raise InvalidRequestError(f"the image {error}") from error
        raise InvalidRequestError(f"file {place}, counted from 0, {error}", f"/files/{place}") from error
