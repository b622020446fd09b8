"""Images as generators see them: pixels in [0, 1], whatever the range of the raw values."""

from __future__ import annotations

import msgspec
import torch
from torch import Tensor

from models.specs import InputSpec
from training.data.file_rows import FileRows
from training.errors import RecipeError

_SMALLEST_SIDE = 4
"""Pixels. The feature classifier halves both sides twice."""


def pixels(inputs: InputSpec, images: Tensor) -> Tensor:
    """Scale raw images to pixels in [0, 1].

    Args:
        inputs: Specification of the raw images.
        images: Raw images, ``(N, channels, height, width)``.

    Returns:
        Images of the same shape; those in files stay there.

    Raises:
        RecipeError: as :func:`pixel_spec` does.
    """
    spec = pixel_spec(inputs)
    return images.mapped(spec.standardise, torch.float32) if isinstance(images, FileRows) else spec.standardise(images)


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
    return msgspec.structs.replace(inputs, mean=(inputs.low,), scale=scale)
