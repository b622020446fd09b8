"""Pairs of images that show the same kind of thing, made without labels: an image and a jittered neighbour of it."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from models.noise import Categorical, Site, Uniform, draw

_ROTATION_RADIANS = 0.15
_SCALING = 0.1
_SHIFT_PIXELS = 0.7
"""Largest jitter: little enough that a handwritten digit stays the digit that it is."""


class Neighbours:
    """The nearest other images of every image.

    Args:
        images: ``(N, channels, height, width)`` with pixels in [0, 1].
        count: Of neighbours, by the distance of their pixels.
    """

    def __init__(self, images: Tensor, count: int) -> None:
        pixels = images.flatten(1)
        self._images = images
        self._nearest = torch.cdist(pixels, pixels).topk(count + 1, largest=False).indices[:, 1:]

    def jittered(self, rows: Tensor, seed: int, step: int) -> Tensor:
        """One neighbour of each of some images, turned, scaled and shifted a little at random."""
        sites = (
            Site("neighbour", (len(rows),), Categorical(self._nearest.shape[1])),
            Site("jitter", (len(rows), 4), Uniform(-1.0, 1.0)),
        )
        drawn = {name: tensor[0] for name, tensor in draw(sites, seed, step + 1, step).items()}
        return jitter(self._images[self._nearest[rows, drawn["neighbour"]]], drawn["jitter"])


def jitter(images: Tensor, amounts: Tensor) -> Tensor:
    """Turn, scale and shift images; what comes in from outside is 0.

    Args:
        images: ``(B, channels, height, width)``.
        amounts: Rotation, scaling, shift right and down, each from -1 to 1, ``(B, 4)``.
    """
    angle, scale = amounts[:, 0] * _ROTATION_RADIANS, 1 + amounts[:, 1] * _SCALING
    shift = amounts[:, 2:] * _SHIFT_PIXELS * 2 / torch.tensor([images.shape[3], images.shape[2]])
    cos, sin = angle.cos() * scale, angle.sin() * scale
    matrix = torch.stack([torch.stack([cos, -sin, shift[:, 0]], 1), torch.stack([sin, cos, shift[:, 1]], 1)], 1)
    grid = F.affine_grid(matrix, list(images.shape), align_corners=False)
    return F.grid_sample(images, grid, align_corners=False)
