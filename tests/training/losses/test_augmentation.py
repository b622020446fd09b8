"""Augmentation: a little, in the right direction, and the same for the same seed and step."""

from __future__ import annotations

import pytest
import torch

from training.data import Dataset
from training.data.pixels import pixels
from training.losses.augmentation import augment, transform
from training.losses.step_context import StepContext


def test_no_jitter_is_the_image() -> None:
    images = torch.rand(3, 1, 8, 8)
    assert torch.allclose(transform(images, torch.zeros(3, 4)), images, atol=1e-5)


def test_a_shift_to_the_left_moves_the_light_to_the_left() -> None:
    image = torch.zeros(1, 1, 8, 8)
    image[..., 4] = 1
    columns = transform(image, torch.tensor([[0.0, 0.0, 1.0, 0.0]])).sum((0, 1, 2))
    assert columns[3] > columns[5]
    assert float(columns[3] + columns[4]) == pytest.approx(8, rel=0.01)


def test_jitter_repeats_by_seed_and_step(digits: Dataset) -> None:
    images = pixels(digits.inputs, digits.train.inputs[:10])
    assert torch.equal(augment(images, StepContext(1, 2, 0.0)), augment(images, StepContext(1, 2, 0.0)))
    assert not torch.equal(augment(images, StepContext(1, 2, 0.0)), augment(images, StepContext(1, 3, 0.0)))
    assert not torch.equal(augment(images, StepContext(1, 2, 0.0)), images)
