"""Picture files as rows of pixels, within limits on the work that decoding takes.

Another process runs this (:mod:`service.http.picture_process`), which starts in a moment as nothing here needs torch.
"""

from __future__ import annotations

import re
from itertools import islice

import msgspec
import numpy as np
from numpy.typing import NDArray

from models.errors import PictureError
from models.pictures import Picture, open_picture, to_values
from models.png import chunks

_MOST_PARTS = 10_000
"""Most chunks of a PNG or segments of a JPEG: 4 MB have 500 as they are usually written."""
_MOST_SCANS = 100
"""Most scans of a JPEG; progressive ones have some ten."""
_MOST_WORK = 256_000_000
"""Most pixels x scans of a picture: the largest one with 16 scans."""
_SEGMENT = re.compile(rb"\xff[\xc0-\xcf\xda-\xef\xfe]")
_SCAN = b"\xff\xda"


class PictureForm(msgspec.Struct, frozen=True):
    """The form of a picture as a row of a model.

    Attributes:
        shape: Channels, height and width.
        low: Value of black.
        high: Value of white.
        background: Colour ``#rrggbb`` behind transparent places; ``None`` refuses them.
        bits: Bits of a channel that the file must have; ``None`` for 8 or 16.
    """

    shape: tuple[int, int, int]
    low: float = 0.0
    high: float = 1.0
    background: str | None = None
    bits: int | None = None


class Limits(msgspec.Struct, frozen=True):
    """The limits on one picture.

    Attributes:
        pixels: Largest number of pixels.
        left: Largest number of pixels beside those of the request's other pictures.
        work: Most pixels x scans that are decoded here; ``None`` if any that is allowed at all.
    """

    pixels: int
    left: int
    work: int | None = None


class TooManyTogetherError(Exception):
    """A picture with more pixels than the others of its request have left."""


class TooMuchHereError(Exception):
    """A picture that is allowed, but is more work than is done here."""


def row_from_picture(body: bytes, form: PictureForm, limits: Limits) -> tuple[NDArray[np.float32], int]:
    """Return a picture as one raw row ``(1, channels, height, width)``, as training reads it, and its pixels.

    Args:
        body: Content of the file.
        form: Form of the row.
        limits: Limits, checked before anything is decoded.

    Raises:
        PictureError: if the picture is damaged, not of the form that the model takes, or beyond a limit.
        TooManyTogetherError: if it has too many pixels beside the others.
        TooMuchHereError: if it is for another process to decode.
    """
    scans = _count_scans(body)
    with open_picture(body, limits.pixels) as picture:
        pixels = picture.size[0] * picture.size[1]
        if pixels > limits.left:
            raise TooManyTogetherError
        if pixels * scans > _MOST_WORK:
            raise PictureError(f"has {scans} scans, too many for {pixels} pixels; save it with one, not progressive")
        if limits.work is not None and pixels * scans > limits.work:
            raise TooMuchHereError
        _check_bits(picture, form)
        channels, *size = form.shape
        levels = picture.read(channels, (size[0], size[1]), form.background)
    return to_values(levels, form.low, form.high)[None], pixels


def _count_scans(body: bytes) -> int:
    """Return how often decoding goes over the pixels; nothing but the marks of parts is read.

    Raises:
        PictureError: if there are more parts than any tool writes.
    """
    is_jpeg = body.startswith(b"\xff\xd8")
    parts = _SEGMENT.findall(body) if is_jpeg else _chunks(body) if body.startswith(b"\x89PNG") else ()
    if len(parts) > _MOST_PARTS or parts.count(_SCAN) > _MOST_SCANS:
        raise PictureError(
            f"is made of {len(parts)} parts, {parts.count(_SCAN)} of them scans; allowed are {_MOST_PARTS} and"
            f" {_MOST_SCANS}: save it anew"
        )
    return max(parts.count(_SCAN), 1)


def _chunks(body: bytes) -> list[bytes]:
    """Return the names of a PNG's chunks, and not many more than are allowed."""
    return [name for name, _ in islice(chunks(body), _MOST_PARTS + 1)]


def _check_bits(picture: Picture, form: PictureForm) -> None:
    if form.bits not in (None, picture.bits):
        raise PictureError(
            f"has {picture.bits} bits a channel, and this model takes {form.bits}: values from {form.low:g} to"
            f" {form.high:g}; convert it, or send its values as an array"
        )
