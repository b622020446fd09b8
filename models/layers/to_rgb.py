"""From features to pixels at every resolution, and from one resolution to the next."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from models.layers.equalised import EqualisedConv2d


def enlarged(images: Tensor) -> Tensor:
    """Twice the height and width: every pixel becomes four."""
    return F.interpolate(images, scale_factor=2.0)


def faded(small: Tensor, large: Tensor, alpha: Tensor) -> Tensor:
    """Images on the way from one resolution to the next.

    Args:
        small: ``(B, channels, height, width)``.
        large: The same of twice that size.
        alpha: ``(B,)``: 0 is the small image, enlarged, and 1 the large one.
    """
    return torch.lerp(enlarged(small), large, alpha[:, None, None, None].to(large.dtype))


class ToRGB(nn.Module):
    """One layer for each resolution that makes pixels in [0, 1] of features.

    Args:
        channels: Of the features at every stage, smallest images first.
        colours: Channels of an image.
    """

    def __init__(self, channels: Sequence[int], colours: int) -> None:
        super().__init__()
        self.to_pixels = nn.ModuleList(EqualisedConv2d(c, colours, 1) for c in channels)

    def forward(self, features: Sequence[Tensor], alpha: Tensor) -> Tensor:
        """Images of the last stage of which there are features, faded in from the one before.

        Args:
            features: ``(B, channels, height, width)`` of stage 0 and of those above it.
            alpha: ``(B,)``; without meaning at stage 0.
        """
        stage = len(features) - 1
        large = torch.sigmoid(self.to_pixels[stage](features[stage]))
        if stage == 0 or bool((alpha == 1).all()):
            return large
        return faded(torch.sigmoid(self.to_pixels[stage - 1](features[stage - 1])), large, alpha)
