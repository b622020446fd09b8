"""Images with any number of channels, made visible."""

from __future__ import annotations

from torch import Tensor

_RGB = 3


def channels_to_rgb(images: Tensor) -> Tensor:
    """Return grey or RGB images; those with other numbers of channels are averaged over them.

    Args:
        images: Images ``(..., channels, height, width)``.

    Returns:
        Images ``(..., 1 or 3, height, width)``.
    """
    return images if images.shape[-3] == _RGB else images.mean(-3, keepdim=True)
