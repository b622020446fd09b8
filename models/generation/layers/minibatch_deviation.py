"""Minibatch standard deviation: shows a critic how much the images of a batch vary."""

from __future__ import annotations

import torch
from torch import Tensor, nn

_TINY = 1e-8


class MinibatchDeviation(nn.Module):
    """A layer that appends the deviation over the batch, averaged over features and places, as one more feature.

    A generator that makes too few kinds of image is found out by it. It couples the images of a batch on purpose, so
    it has no place in anything that makes images.

    References:
        Karras et al. (2018), Progressive Growing of GANs, section 3.
    """

    def forward(self, x: Tensor) -> Tensor:
        """Return features ``(B, C + 1, H, W)`` of features ``(B, C, H, W)``."""
        # A square root has no slope at zero, where all images are equal.
        deviation = (self.variance(x) + _TINY).sqrt().mean() - _TINY**0.5
        return torch.cat([x, deviation.expand(len(x), 1, *x.shape[2:])], 1)

    def variance(self, x: Tensor) -> Tensor:
        """Return the variance of each feature over the batch, ``(C, H, W)``, of features ``(B, C, H, W)``."""
        return x.var(0, correction=0)
