"""Partners of images: near, never the image itself, and the same for the same seed and step."""

from __future__ import annotations

import pytest
import torch

from training.data import Dataset
from training.pairs import Neighbours, jitter
from training.recipe import pixels


def test_no_jitter_is_the_image() -> None:
    images = torch.rand(3, 1, 8, 8)
    assert torch.allclose(jitter(images, torch.zeros(3, 4)), images, atol=1e-5)


def test_a_shift_to_the_left_moves_the_light_to_the_left() -> None:
    image = torch.zeros(1, 1, 8, 8)
    image[..., 4] = 1
    columns = jitter(image, torch.tensor([[0.0, 0.0, 1.0, 0.0]])).sum((0, 1, 2))
    assert columns[3] > columns[5]
    assert float(columns[3] + columns[4]) == pytest.approx(8, rel=0.01)


def test_partners_repeat_by_seed_and_step(digits: Dataset) -> None:
    neighbours = Neighbours(pixels(digits.inputs, digits.train.inputs[:100]), 5)
    rows = torch.arange(10)
    assert torch.equal(neighbours.jittered(rows, 1, 2), neighbours.jittered(rows, 1, 2))
    assert not torch.equal(neighbours.jittered(rows, 1, 2), neighbours.jittered(rows, 1, 3))


def test_nearest_neighbours_leave_out_the_image_itself() -> None:
    images = torch.tensor([0.0, 0.1, 1.0])[:, None, None, None]
    assert Neighbours(images, 1)._nearest.flatten().tolist() == [1, 0, 1]
