"""Picture files in bodies: the form in which a model takes them, and what is said of those that it does not."""

from __future__ import annotations

from models.errors import PictureError
from models.specs import InputSpec
from service.errors import InvalidRequestError
from service.http.picture_rows import PictureForm


def form_of(spec: InputSpec) -> PictureForm:
    """Return the form in which a model of images takes a picture."""
    channels, height, width = spec.shape
    picture = spec.picture
    return PictureForm(
        (channels, height, width),
        spec.low or 0.0,
        1.0 if spec.high is None else spec.high,
        None if picture is None else picture.background,
        None if picture is None else picture.bits,
    )


def refuse_picture(error: PictureError, place: int | None) -> InvalidRequestError:
    """Return the refusal of a picture.

    Args:
        error: Fault of the picture.
        place: Number of the file in a form of several, counted from 0.
    """
    if place is None:
        return InvalidRequestError(f"the image {error}")
    return InvalidRequestError(f"file {place}, counted from 0, {error}", f"/files/{place}")
