"""Slant, width and thickness of handwriting, measured on bright strokes on a dark ground."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

_NO_INK = 1e-6


def slant(images: Tensor) -> Tensor:
    r"""Compute how far strokes lean: the tangent of the angle that they are sheared by, positive to the right.

    .. math:: -\mu_{11} / \mu_{02}

    with the central moments of the ink and rows that count downwards; 0 of an image without height.

    Args:
        images: Images ``(B, channels, height, width)`` in [0, 1].

    Returns:
        Tangents ``(B,)`` in float64.

    References:
        Hu (1962), Visual Pattern Recognition by Moment Invariants; shearing by it is the usual way to deskew digits.
    """
    _, across, down = _moments(images)
    return -across / down.clamp_min(_NO_INK)


def width(images: Tensor) -> Tensor:
    r"""Compute how wide handwriting is once it stands upright: the deviation of its ink to the sides.

    .. math:: \sqrt{\mu_{20} - \mu_{11}^2 / \mu_{02}}

    with the moments of :func:`slant`: what is left of the deviation to the sides when the shear is taken off.

    Args:
        images: Images ``(B, channels, height, width)`` in [0, 1].

    Returns:
        Pixels ``(B,)`` in float64.
    """
    right, across, down = _moments(images)
    return (right - across.square() / down.clamp_min(_NO_INK)).clamp_min(0).sqrt()


def stroke_width(images: Tensor) -> Tensor:
    """Compute the mean thickness of the strokes: a line's area is half its outline times its thickness.

    The outline's length is the total variation of the pixels, so blurred edges count as sharp ones do; 0 of an empty
    image.

    Args:
        images: Images ``(B, channels, height, width)`` in [0, 1].

    Returns:
        Pixels ``(B,)`` in float64.
    """
    ink = F.pad(images.double().mean(1), (1, 1, 1, 1))
    down, right = ink[:, 1:, :-1] - ink[:, :-1, :-1], ink[:, :-1, 1:] - ink[:, :-1, :-1]
    outline = (down.square() + right.square()).sqrt().sum((1, 2))
    return 2 * ink.sum((1, 2)) / outline.clamp_min(_NO_INK)


def _moments(images: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    r""":math:`\mu_{20}, \mu_{11}, \mu_{02}` of every image's ink, ``(B,)``, float64: 0 of an empty image."""
    ink = images.double().mean(1)
    ink = ink / ink.sum((1, 2), keepdim=True).clamp_min(_NO_INK)
    y, x = (torch.arange(side, dtype=torch.float64, device=ink.device) for side in ink.shape[1:])
    down = y[:, None] - (ink.sum(2) @ y)[:, None, None]
    right = x - (ink.sum(1) @ x)[:, None, None]
    right_square, across, down_square = ((ink * p).sum((1, 2)) for p in (right.square(), down * right, down.square()))
    return right_square, across, down_square
