"""Images turned, scaled and shifted a little at random: they still show the same thing."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

from models.noise import Site, Uniform
from training.losses.adversarial_loss import StepContext

_ROTATION_RADIANS = 0.25
_SCALING = 0.2
_SHIFT_PIXELS = 1.0
"""Largest jitter: little enough that a handwritten digit of 8 x 8 pixels stays the digit that it is."""


def jittered(images: Tensor, context: StepContext) -> Tensor:
    """Every image with a jitter of its own, at this context of a run."""
    return jitter(images, context.draw(Site("jitter", (len(images), 4), Uniform(-1.0, 1.0)), images.device))


def jitter(images: Tensor, amounts: Tensor) -> Tensor:
    """Turn, scale and shift images; what comes in from outside is 0.

    Args:
        images: ``(B, channels, height, width)``.
        amounts: Rotation, scaling, shift right and down, each from -1 to 1, ``(B, 4)``.
    """
    angle, scale = amounts[:, 0] * _ROTATION_RADIANS, 1 + amounts[:, 1] * _SCALING
    right, down = (amounts[:, 2 + i] * _SHIFT_PIXELS * 2 / images.shape[3 - i] for i in range(2))
    cos, sin = angle.cos() * scale, angle.sin() * scale
    return warped(images, (cos, -sin, right), (sin, cos, down))


def warped(images: Tensor, x: Sequence[Tensor], y: Sequence[Tensor]) -> Tensor:
    """Images whose point ``(u, v)`` is the given ones' at ``(x0 u + x1 v + x2, y0 u + y1 v + y2)``; 0 from outside.

    Args:
        images: ``(B, channels, height, width)``, with sides from -1 to 1.
        x: Three numbers of every image, ``(B,)`` each.
        y: Likewise.
    """
    matrix = torch.stack([torch.stack(list(x), 1), torch.stack(list(y), 1)], 1)
    grid = F.affine_grid(matrix, list(images.shape), align_corners=False)
    return F.grid_sample(images, grid, align_corners=False)
