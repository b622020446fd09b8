"""SegNet: a class for every pixel, by an encoder and a decoder that puts maxima back where they were."""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn

from models.catalogue import Count, Share


class SegNet(nn.Module):
    """A network of blocks of convolution, batch norm, ReLU and 2 x 2 pooling, then as many that unpool and convolve.

    The defaults are SegNet-Basic; ``channels=(64, 128, 256, 512, 512)``, ``convolutions=2`` or 3 and ``kernel=3`` come
    to SegNet. Dropout follows the innermost half of the encoder's and of the decoder's blocks ("central" in the
    Bayesian SegNet paper), so the outer encoder blocks do not depend on the draw. Sides need not be even.

    Args:
        input_shape: Shape ``(channels, height, width)`` of one image.
        outputs: Number of outputs of every pixel.
        channels: Width of each block, from the outermost to the innermost.
        convolutions: Number of convolutions per block.
        kernel: Side of the square kernels, odd.
        dropout: Probability of dropping an element of a central block's feature map.

    References:
        Badrinarayanan, Kendall & Cipolla (2017), SegNet.
        Kendall, Badrinarayanan & Cipolla (2017), Bayesian SegNet.
    """

    def __init__(
        self,
        input_shape: tuple[int, int, int],
        outputs: int,
        channels: tuple[Count, ...] = (64, 64, 64, 64),
        convolutions: Count = 1,
        kernel: Count = 7,
        dropout: Share = 0.5,
    ) -> None:
        super().__init__()
        if len(input_shape) != 3:
            raise ValueError(f"a row of shape {input_shape} is no image; it takes (channels, height, width)")
        if not channels or convolutions < 1 or kernel % 2 == 0:
            raise ValueError(
                f"{len(channels)} blocks of {convolutions} convolutions, {kernel} wide: 1, 1 and odd at least"
            )
        outer = len(channels) // 2
        widths = list(pairwise([input_shape[0], *channels]))
        dropouts = [dropout if block >= outer else 0.0 for block in range(len(channels))]
        self.encoder = nn.ModuleList(
            _Encoder([before, *[after] * convolutions], kernel, p)
            for (before, after), p in zip(widths, dropouts, strict=True)
        )
        widths[0] = (channels[0], channels[0])
        self.decoder = nn.ModuleList(
            _Decoder([*[after] * convolutions, before], kernel, p)
            for (before, after), p in zip(widths[::-1], dropouts[::-1], strict=True)
        )
        self.classifier = nn.Conv2d(channels[0], outputs, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Return outputs ``(B, height, width, outputs)`` of images ``(B, *input_shape)``."""
        places = []
        for encoder in self.encoder:
            sides = x.shape[-2:]
            x, indices = encoder(x)
            places.append((indices, sides))
        for decoder, (indices, sides) in zip(self.decoder, reversed(places), strict=True):
            x = decoder(x, indices, sides)
        output: Tensor = self.classifier(x)
        return output.movedim(1, -1)


class _Encoder(nn.Module):
    def __init__(self, widths: list[int], kernel: int, dropout: float) -> None:
        super().__init__()
        self.convolutions = _convolutions(widths, kernel)
        self.pool = nn.MaxPool2d(2, ceil_mode=True, return_indices=True)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return pooled features ``(B, C, h, w)``, and the indices of the maxima in each map, of that shape."""
        pooled, indices = self.pool(self.convolutions(x))
        return self.dropout(pooled), indices


class _Decoder(nn.Module):
    def __init__(self, widths: list[int], kernel: int, dropout: float) -> None:
        super().__init__()
        self.convolutions = _convolutions(widths, kernel)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor, indices: Tensor, sides: torch.Size) -> Tensor:
        """Return features ``(B, C, *sides)`` of pooled ones ``(B, C, h, w)`` and the indices of their maxima."""
        output: Tensor = self.dropout(self.convolutions(unpool(x, indices, sides)))
        return output


def _convolutions(widths: list[int], kernel: int) -> nn.Sequential:
    """Return same-size convolutions with batch norm, whose shift makes a bias idle, and ReLU."""
    layers: list[nn.Module] = []
    for before, after in pairwise(widths):
        layers += [nn.Conv2d(before, after, kernel, padding=kernel // 2, bias=False), nn.BatchNorm2d(after), nn.ReLU()]
    return nn.Sequential(*layers)


def unpool(x: Tensor, indices: Tensor, sides: torch.Size) -> Tensor:
    """Return features ``(B, C, *sides)``: values at the places of their maxima, zeros elsewhere.

    ``F.max_unpool2d`` has no rule for vmap.

    Args:
        x: Pooled features ``(B, C, h, w)``.
        indices: Place of each in its flattened map, ``(B, C, h, w)``.
        sides: Height and width of the unpooled features.
    """
    flat = x.new_zeros(*x.shape[:2], sides.numel())
    return flat.scatter(-1, indices.flatten(2), x.flatten(2)).reshape(*x.shape[:2], *sides)
