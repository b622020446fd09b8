"""Traversals hold everything but one code."""

from __future__ import annotations

import io

import numpy as np
import pytest
import torch
from PIL import Image

from models.generators.infogan import InfoGAN
from training.evaluation.plots.traversal import png, traversal


@pytest.fixture
def model() -> InfoGAN:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return InfoGAN((1, 8, 8), {"digit": 4}, ("c1", "c2"), noise=5, width=8, critic_width=8).eval()


def test_a_rows_images_differ_in_the_code_alone(model: InfoGAN) -> None:
    grid = traversal(model, "c1")
    assert grid.shape == (10, 11, 1, 8, 8)
    for row, column in ((0, 0), (3, 10), (6, 5)):
        codes = {"digit": float(row % 4), "c1": float(torch.linspace(-1, 1, 11)[column])}
        expected = model.generate(model.latents([row], codes))[0]
        torch.testing.assert_close(grid[row, column], expected, rtol=0, atol=1e-5)


def test_every_value_of_a_category_is_a_column(model: InfoGAN) -> None:
    grid = traversal(model, "digit")
    assert grid.shape == (10, 4, 1, 8, 8)
    expected = model.generate(model.latents([7], {"digit": 2.0}))[0]
    torch.testing.assert_close(grid[7, 2], expected, rtol=0, atol=1e-5)


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_the_picture_shows_each_image_in_its_place(channels: int) -> None:
    images = torch.zeros(2, 3, channels, 8, 8)
    images[1, 2] = 1
    with Image.open(io.BytesIO(png(images))) as picture:
        pixels = np.asarray(picture)
    assert pixels.shape[:2] == (2 * 34, 3 * 34)
    assert (pixels[34:66, 68:100] == 255).all()
    assert (pixels[:32, :32] == 0).all()
