"""Adaptive instance normalisation: the style alone decides mean and deviation of every feature map."""

from __future__ import annotations

import torch

from models.generation.layers.adaptive_instance_norm import AdaptiveInstanceNorm


def test_features_have_the_mean_and_deviation_of_the_style() -> None:
    layer = AdaptiveInstanceNorm(3, 4)
    x, style = 5 + 20 * torch.rand(2, 4, 8, 8), torch.randn(2, 3)
    out = layer(x, style)
    scale, shift = layer.affine(style).chunk(2, 1)
    torch.testing.assert_close(out.mean((2, 3)), shift, rtol=0, atol=1e-4)
    torch.testing.assert_close(out.std((2, 3), correction=0), (1 + scale).abs(), rtol=0, atol=1e-4)


def test_scale_and_shift_of_what_comes_in_do_not_count() -> None:
    layer, style = AdaptiveInstanceNorm(3, 4), torch.randn(2, 3)
    x = torch.rand(2, 4, 8, 8)
    torch.testing.assert_close(layer(x, style), layer(30 * x - 7, style), rtol=0, atol=1e-3)


def test_a_style_of_nothing_normalises() -> None:
    out = AdaptiveInstanceNorm(3, 4)(torch.rand(2, 4, 8, 8), torch.zeros(2, 3))
    torch.testing.assert_close(out.mean((2, 3)), torch.zeros(2, 4), rtol=0, atol=1e-5)
