"""Images as generators see them: pixels in [0, 1], whatever the range of the raw values."""

from __future__ import annotations

from torch import Tensor

from models.specs import InputSpec
from training.errors import RecipeError

_SMALLEST_SIDE = 4
"""Pixels. The feature classifier halves both sides twice."""


def pixels(inputs: InputSpec, images: Tensor) -> Tensor:
    """Scale raw images to pixels in [0, 1].

    Args:
        inputs: Specification of the raw images.
        images: Raw images, ``(N, channels, height, width)``.

    Returns:
        Images of the same shape.

    Raises:
        RecipeError: as :func:`pixel_spec` does.
    """
    return pixel_spec(inputs).standardise(images)


def pixel_spec(inputs: InputSpec) -> InputSpec:
    """Return the specification of the same images for a generator, whose pixels are in [0, 1].

    Raises:
        RecipeError: if the inputs are not images with a range of values, or are too small to be evaluated.
    """
    if inputs.kind != "image" or inputs.low is None or inputs.high is None:
        raise RecipeError("a generator needs images with a smallest and a largest value")
    if min(inputs.shape[1:]) < _SMALLEST_SIDE:
        allowed, size = f"{_SMALLEST_SIDE} x {_SMALLEST_SIDE}", " x ".join(map(str, inputs.shape[1:]))
        raise RecipeError(f"a generator needs images of at least {allowed} pixels, not {size}")
    scale = (inputs.high - inputs.low,)
    return InputSpec("image", inputs.shape, (inputs.low,), scale, inputs.low, inputs.high)
