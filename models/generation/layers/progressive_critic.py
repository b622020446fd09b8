"""A critic that takes images of every resolution of a progressive generator."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from models.generation.layers.equalised import RELU_GAIN, EqualisedConv2d, EqualisedLinear
from models.generation.layers.minibatch_deviation import MinibatchDeviation


class ProgressiveCritic(nn.Module):
    """A critic that halves an image until it is of the smallest size, and judges that.

    Args:
        colours: Channels of an image.
        channels: Channels of the features at every stage, smallest images first.
        smallest: Size ``(height, width)`` of stage 0.

    References:
        Karras et al. (2018), Progressive Growing of GANs, table 2.
    """

    def __init__(self, colours: int, channels: Sequence[int], smallest: tuple[int, int]) -> None:
        super().__init__()
        first = channels[0]
        self.from_pixels = nn.ModuleList(
            nn.Sequential(EqualisedConv2d(colours, c, 1, RELU_GAIN), nn.LeakyReLU(0.2)) for c in channels
        )
        self.halve = nn.ModuleList(
            nn.Sequential(*_convolved(high, high), *_convolved(high, low), nn.AvgPool2d(2))
            for low, high in itertools.pairwise(channels)
        )
        self.last = nn.Sequential(
            MinibatchDeviation(),
            *_convolved(first + 1, first),
            nn.Flatten(),
            EqualisedLinear(first * smallest[0] * smallest[1], first, RELU_GAIN),
            nn.LeakyReLU(0.2),
            EqualisedLinear(first, 1),
        )

    def forward(self, pixels: Tensor, stage: int, alpha: Tensor) -> Tensor:
        """Return values ``(B,)`` of images of a stage; see :meth:`features`."""
        values: Tensor = self.last(self.features(pixels, stage, alpha)[-1]).squeeze(-1)
        return values

    def features(self, pixels: Tensor, stage: int, alpha: Tensor) -> list[Tensor]:
        """Return features ``(B, C, H, W)`` of this stage, then of every one below it.

        Args:
            pixels: Images ``(B, colours, height, width)`` in [0, 1].
            stage: Stage whose size the images have.
            alpha: Weight ``(B,)`` of the images themselves; 0 looks at halved ones alone.
        """
        images = 2 * pixels - 1
        seen = [self.from_pixels[stage](images)]
        for below in reversed(range(stage)):
            halved = self.halve[below](seen[-1])
            if below == stage - 1 and (alpha < 1).any():
                before = self.from_pixels[below](F.avg_pool2d(images, 2))
                halved = torch.lerp(before, halved, alpha[:, None, None, None].to(halved.dtype))
            seen.append(halved)
        return seen


def _convolved(inputs: int, outputs: int) -> tuple[nn.Module, nn.Module]:
    return EqualisedConv2d(inputs, outputs, 3, RELU_GAIN), nn.LeakyReLU(0.2)
