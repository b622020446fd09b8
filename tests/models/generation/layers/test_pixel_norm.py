"""Pixel norm: every pixel's features, and every code, have a mean square of one."""

from __future__ import annotations

import torch

from models.generation.layers.pixel_norm import PixelNorm


def test_the_mean_square_over_features_is_one_at_every_pixel() -> None:
    x = 100 * torch.rand(2, 5, 3, 4)
    normed = PixelNorm()(x)
    torch.testing.assert_close(normed.square().mean(1), torch.ones(2, 3, 4))
    torch.testing.assert_close(normed / normed[:, :1], x / x[:, :1])


def test_of_a_code_only_the_direction_counts() -> None:
    z = torch.randn(4, 16)
    torch.testing.assert_close(PixelNorm()(z), PixelNorm()(7 * z))


def test_zeros_stay_zeros() -> None:
    assert not PixelNorm()(torch.zeros(1, 3)).any()
