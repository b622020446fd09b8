"""Minibatch deviation: one more feature, zero where all images are alike."""

from __future__ import annotations

import pytest
import torch

from models.generation.layers.minibatch_deviation import MinibatchDeviation


def test_it_is_zero_for_equal_images_and_for_one_alone() -> None:
    x = torch.rand(1, 3, 4, 4)
    for images in (x, x.expand(6, -1, -1, -1)):
        out = MinibatchDeviation()(images)
        assert out.shape == (len(images), 4, 4, 4)
        assert torch.equal(out[:, :3], images)
        assert out[:, 3].abs().max() < 1e-6


def test_it_is_the_mean_deviation_over_the_batch() -> None:
    x = torch.zeros(2, 1, 1, 2)
    x[1] = torch.tensor([2.0, 6.0])
    assert MinibatchDeviation()(x)[:, 1].unique().tolist() == pytest.approx([2.0], abs=1e-3)


def test_it_has_a_finite_slope_where_images_are_equal() -> None:
    x = torch.ones(4, 2, 3, 3, requires_grad=True)
    MinibatchDeviation()(x)[:, -1].sum().backward()
    assert x.grad is not None
    assert x.grad.isfinite().all()
