"""Pixelwise normalisation: no pixel's features can run away in the contest of generator and critic."""

from __future__ import annotations

from torch import Tensor, nn

_TINY = 1e-8


class PixelNorm(nn.Module):
    """Normalisation that divides the features of every pixel, or those of a code, by their root mean square.

    References:
        Karras et al. (2018), Progressive Growing of GANs, section 4.2.
    """

    def forward(self, x: Tensor) -> Tensor:
        """Return normalised features ``(B, C, ...)`` of features of that shape."""
        return x * (x.square().mean(1, keepdim=True) + _TINY).rsqrt()
