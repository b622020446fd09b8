"""One code of an InfoGAN swept while the rest is held (Chen et al., 2016, figure 2)."""

from __future__ import annotations

import io

import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional as F

from models.generators.infogan import InfoGAN
from training.data.channels_to_rgb import channels_to_rgb

_ROWS = 10
_STEPS = 11
_SMALLEST_SIDE = 32
"""Smallest side of a shown image: smaller ones are enlarged by a whole factor."""


def traversal(model: InfoGAN, name: str) -> Tensor:
    """Generate images with nothing but one code changing along a row.

    Row ``i`` has seed ``i`` and, where the code is continuous, value ``i`` of the first categorical code.

    Args:
        model: An InfoGAN in evaluation mode.
        name: Name of the code.

    Returns:
        Images ``(rows, steps, channels, height, width)`` in [0, 1].
    """
    values: list[float] = torch.linspace(-1, 1, _STEPS).tolist()
    if name in model.categorical:
        values = [float(value) for value in range(model.categorical[name])]
    codes: dict[str, list[float]] = {name: values * _ROWS}
    if name not in model.categorical and model.categorical:
        first, kinds = next(iter(model.categorical.items()))
        codes[first] = [float(row % kinds) for row in range(_ROWS) for _ in values]
    images = model.generate(model.latents([row for row in range(_ROWS) for _ in values], codes))
    return images.reshape(_ROWS, len(values), *images.shape[1:])


def png(images: Tensor) -> bytes:
    """Render a grid of images as a PNG file.

    Args:
        images: Images ``(rows, columns, channels, height, width)`` in [0, 1].
    """
    factor = -(-_SMALLEST_SIDE // max(images.shape[3:]))
    enlarged = channels_to_rgb(images).repeat_interleave(factor, 3).repeat_interleave(factor, 4)
    framed = F.pad(enlarged, (0, 2, 0, 2), value=0.5)
    whole = framed.permute(0, 3, 1, 4, 2).flatten(2, 3).flatten(0, 1)
    pixels = (whole.clamp(0, 1) * 255).round().to(torch.uint8)
    file = io.BytesIO()
    Image.fromarray((pixels[..., 0] if pixels.shape[-1] == 1 else pixels).numpy()).save(file, "PNG")
    return file.getvalue()
