"""Pixels of features: in [0, 1], and faded from one resolution into the next."""

from __future__ import annotations

import torch

from models.generation.layers.to_rgb import ToRGB, fade, upsample


def test_enlarging_makes_four_equal_pixels_of_each() -> None:
    small = torch.rand(2, 1, 3, 5)
    large = upsample(small)
    assert large.shape == (2, 1, 6, 10)
    for i in (0, 1):
        for j in (0, 1):
            assert torch.equal(large[..., i::2, j::2], small)


def test_fading_is_a_straight_line_for_each_image() -> None:
    small, large = torch.rand(3, 1, 2, 2), torch.rand(3, 1, 4, 4)
    mixed = fade(small, large, torch.tensor([0.0, 0.5, 1.0]))
    assert torch.equal(mixed[0], upsample(small)[0])
    torch.testing.assert_close(mixed[1], (upsample(small)[1] + large[1]) / 2)
    assert torch.equal(mixed[2], large[2])


def test_a_grown_image_does_not_depend_on_neighbours_that_fade() -> None:
    painter = ToRGB((4, 2), 1)
    features = [torch.randn(2, 4, 4, 4), torch.randn(2, 2, 8, 8)]
    alone = painter(features, torch.ones(2))
    assert torch.equal(painter(features, torch.tensor([1.0, 0.3]))[0], alone[0])
    assert 0 <= alone.min() <= alone.max() <= 1
