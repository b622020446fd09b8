"""Images with any number of channels as somebody can look at them."""

from __future__ import annotations

from torch import Tensor

_COLOURS = 3


def colours(images: Tensor) -> Tensor:
    """Grey or coloured images ``(..., 1 or 3, height, width)`` of ``(..., channels, height, width)``.

    What is neither is averaged over its channels.
    """
    return images if images.shape[-3] == _COLOURS else images.mean(-3, keepdim=True)
