"""How handwriting leans and how thick it is, from the pixels of bright strokes on a dark ground."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

_NO_INK = 1e-6


def slant(images: Tensor) -> Tensor:
    r"""How far strokes lean, ``(B,)``: the tangent of the angle that they are sheared by, to the right above 0.

    .. math:: -\mu_{11} / \mu_{02}

    with the central moments of the ink and rows that count downwards; 0 of an image without height.

    Args:
        images: ``(B, channels, height, width)`` in [0, 1].

    References:
        Hu (1962), Visual Pattern Recognition by Moment Invariants; shearing by it is the usual way to deskew digits.
    """
    ink = images.double().mean(1)
    ink = ink / ink.sum((1, 2), keepdim=True).clamp_min(_NO_INK)
    y, x = (torch.arange(side, dtype=torch.float64, device=ink.device) for side in ink.shape[1:])
    down = y[:, None] - (ink.sum(2) @ y)[:, None, None]
    right = x - (ink.sum(1) @ x)[:, None, None]
    return -(ink * down * right).sum((1, 2)) / (ink * down.square()).sum((1, 2)).clamp_min(_NO_INK)


def stroke_width(images: Tensor) -> Tensor:
    """Mean thickness of the strokes in pixels, ``(B,)``: a line has twice its thickness in area for its outline.

    The outline's length is the total variation of the pixels, so blurred edges count as sharp ones do; 0 of an empty
    image.

    Args:
        images: ``(B, channels, height, width)`` in [0, 1].
    """
    ink = F.pad(images.double().mean(1), (1, 1, 1, 1))
    down, right = ink[:, 1:, :-1] - ink[:, :-1, :-1], ink[:, :-1, 1:] - ink[:, :-1, :-1]
    outline = (down.square() + right.square()).sqrt().sum((1, 2))
    return 2 * ink.sum((1, 2)) / outline.clamp_min(_NO_INK)
