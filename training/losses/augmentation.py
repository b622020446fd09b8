"""Random affine changes of images that leave what they show."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

from models.noise import Site, Uniform
from training.losses.step_context import StepContext

_ROTATION_RADIANS = 0.25
_SCALING = 0.2
_SHIFT_PIXELS = 1.0
"""Largest change of each kind: so little that a handwritten digit of 8 x 8 pixels stays the digit that it is."""
_SITE = "jitter"
"""Name of the noise. Another name would draw other changes, and a seed would give other weights than before."""


def augment(images: Tensor, context: StepContext) -> Tensor:
    """Return images ``(B, channels, height, width)``, each rotated, scaled and shifted at random."""
    return transform(images, context.draw(Site(_SITE, (len(images), 4), Uniform(-1.0, 1.0)), images.device))


def transform(images: Tensor, amounts: Tensor) -> Tensor:
    """Rotate, scale and shift images; pixels from outside are 0.

    Args:
        images: Images ``(B, channels, height, width)``.
        amounts: Rotation, scaling, shift to the right and down, each from -1 to 1, ``(B, 4)``.

    Returns:
        Images of the same shape.
    """
    angle, scale = amounts[:, 0] * _ROTATION_RADIANS, 1 + amounts[:, 1] * _SCALING
    right, down = (amounts[:, 2 + i] * _SHIFT_PIXELS * 2 / images.shape[3 - i] for i in range(2))
    cos, sin = angle.cos() * scale, angle.sin() * scale
    return warp(images, (cos, -sin, right), (sin, cos, down))


def warp(images: Tensor, x: Sequence[Tensor], y: Sequence[Tensor]) -> Tensor:
    """Map the point ``(u, v)`` of new images to ``(x0 u + x1 v + x2, y0 u + y1 v + y2)`` of the given ones.

    Args:
        images: Images ``(B, channels, height, width)``, whose sides run from -1 to 1; pixels from outside are 0.
        x: Three coefficients of the horizontal coordinate, ``(B,)`` each.
        y: Three coefficients of the vertical coordinate, ``(B,)`` each.

    Returns:
        Images of the same shape.
    """
    matrix = torch.stack([torch.stack(list(x), 1), torch.stack(list(y), 1)], 1)
    grid = F.affine_grid(matrix, list(images.shape), align_corners=False)
    return F.grid_sample(images, grid, align_corners=False)
