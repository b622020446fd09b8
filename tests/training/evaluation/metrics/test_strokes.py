"""Slant and stroke width of lines drawn by hand."""

from __future__ import annotations

import math

import pytest
import torch

from training import data
from training.evaluation.metrics.strokes import slant, stroke_width, width


def leaning(tangent: float, half_width: float, side: int = 32) -> torch.Tensor:
    """A blurred line through the middle of an image, sheared to the right: ``(1, 1, side, side)``."""
    y, x = torch.meshgrid(torch.arange(side) - side / 2 + 0.5, torch.arange(side) - side / 2 + 0.5, indexing="ij")
    away = (x + tangent * y).abs()
    line = (half_width + 0.5 - away).clamp(0, 1) * (y.abs() < side / 3)
    return line[None, None]


@pytest.mark.parametrize("tangent", [-0.6, 0.0, 0.3])
def test_slant_is_the_tangent_of_the_shear_to_the_right(tangent: float) -> None:
    assert float(slant(leaning(tangent, 2.0))) == pytest.approx(tangent, abs=0.02)


def test_slant_does_not_depend_on_place_thickness_or_brightness() -> None:
    images = leaning(0.3, 1.5), 0.4 * leaning(0.3, 1.5), leaning(0.3, 3.0), leaning(0.3, 1.5).roll((3, -4), (2, 3))
    for image in images:
        assert float(slant(image)) == pytest.approx(0.3, abs=0.02)


@pytest.mark.parametrize("half_width", [1.0, 1.5, 2.5])
@pytest.mark.parametrize("tangent", [0.0, 0.3])
def test_stroke_width_of_a_line(tangent: float, half_width: float) -> None:
    across = 2 * half_width / math.sqrt(1 + tangent**2)
    length = 2 * 32 / 3 * math.sqrt(1 + tangent**2)
    expected = 2 * across * length / (2 * length + 2 * across)  # the ends are outline too
    assert float(stroke_width(leaning(tangent, half_width))) == pytest.approx(expected, rel=0.1)


def test_an_empty_image_has_neither() -> None:
    assert float(slant(torch.zeros(1, 1, 8, 8))) == 0
    assert float(stroke_width(torch.zeros(1, 1, 8, 8))) == 0


def test_sheared_digits_lean_more_and_blurred_ones_do_not_get_thin() -> None:
    digits = data.load("digits").test.inputs / 16
    rows = torch.nn.functional.interpolate(digits, scale_factor=4, mode="bilinear")
    matrix = torch.tensor([[1.0, 0.3, 0.0], [0.0, 1.0, 0.0]]).expand(len(rows), 2, 3)
    grid = torch.nn.functional.affine_grid(matrix, list(rows.shape), align_corners=False)
    sheared = torch.nn.functional.grid_sample(rows, grid, align_corners=False)
    assert float((slant(sheared) - slant(rows)).median()) == pytest.approx(0.3, abs=0.05)
    thick = torch.nn.functional.max_pool2d(rows, 3, 1, 1)
    assert float((stroke_width(thick) > stroke_width(rows)).double().mean()) > 0.95


@pytest.mark.parametrize("tangent", [-0.6, 0.0, 0.3])
def test_width_is_the_deviation_to_the_sides_of_what_stands_upright(tangent: float) -> None:
    assert float(width(leaning(tangent, 2.0))) == pytest.approx(math.sqrt((4**2 - 1) / 12), rel=0.1)


def test_wider_digits_are_wider_whatever_their_brightness() -> None:
    digits = data.load("digits").test.inputs / 16
    stretched = torch.nn.functional.interpolate(digits, size=(32, 48), mode="bilinear")
    usual = torch.nn.functional.interpolate(digits, size=(32, 32), mode="bilinear")
    assert float((width(0.5 * stretched) / width(usual)).median()) == pytest.approx(1.5, rel=0.02)
