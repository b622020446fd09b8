"""Layers from features to pixels at every resolution, and the fade from one resolution to the next."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from models.generation.layers.equalised import EqualisedConv2d


def upsample(images: Tensor) -> Tensor:
    """Return images ``(B, channels, 2 * height, 2 * width)``: every pixel becomes four."""
    return F.interpolate(images, scale_factor=2.0)


def fade(small: Tensor, large: Tensor, alpha: Tensor) -> Tensor:
    """Return images on the way from one resolution to the next, of the size of the large ones.

    Args:
        small: Images ``(B, channels, height, width)``.
        large: Images ``(B, channels, 2 * height, 2 * width)``.
        alpha: Weight ``(B,)`` of the large image: at 0 there is the small one alone, enlarged.
    """
    return torch.lerp(upsample(small), large, alpha[:, None, None, None].to(large.dtype))


class ToRGB(nn.Module):
    """The layers, one for each resolution, that turn features into pixels in [0, 1].

    Args:
        channels: Channels of the features at every stage, smallest images first.
        colours: Channels of an image.
    """

    def __init__(self, channels: Sequence[int], colours: int) -> None:
        super().__init__()
        self.to_pixels = nn.ModuleList(EqualisedConv2d(c, colours, 1) for c in channels)

    def forward(self, features: Sequence[Tensor], alpha: Tensor) -> Tensor:
        """Return images ``(B, colours, height, width)`` of the last stage that has features, faded in.

        Args:
            features: Features ``(B, channels, height, width)`` of stage 0 and of those above it.
            alpha: Weight ``(B,)`` of the last stage against the one before; without meaning at stage 0.
        """
        stage = len(features) - 1
        large = torch.sigmoid(self.to_pixels[stage](features[stage]))
        if stage == 0 or bool((alpha == 1).all()):
            return large
        return fade(torch.sigmoid(self.to_pixels[stage - 1](features[stage - 1])), large, alpha)
