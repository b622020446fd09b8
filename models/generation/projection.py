"""Gradient descent from a mean style to the style of a given image."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence

import torch
from torch import Tensor

from models.generation.style import Projection

_RATE = 0.1
_WARM_UP = 0.05
_RAMP_DOWN = 0.25


def projection(
    paint: Callable[[Tensor], Tensor],
    features: Callable[[Tensor], Sequence[Tensor]],
    start: Tensor,
    target: Tensor,
    steps: int,
) -> Iterator[Projection]:
    """Search for a style by Adam, with no noise, and yield every step.

    Args:
        paint: Function from styles ``(B, w)`` to images ``(B, channels, height, width)``.
        features: Function from images to features that are compared beside their pixels.
        start: Style ``(w,)`` to start from.
        target: Image ``(channels, height, width)`` to come near to.
        steps: Number of steps.

    References:
        Abdal, Qin & Wonka (2019), Image2StyleGAN; Karras et al. (2020), StyleGAN2, appendix D, for the learning rate.
    """
    w = start.detach().clone().requires_grad_()
    adam = torch.optim.Adam([w], _RATE)
    wanted = [target[None], *(part.detach() for part in features(target[None]))]
    for step in range(1, steps + 1):
        adam.param_groups[0]["lr"] = _RATE * ramp(step / steps)
        now = w.detach().clone()
        with torch.enable_grad():  # not across the yield: whoever waits there keeps its own mode
            image = paint(w[None])
            differences = [
                (one - other).square().mean() for one, other in zip([image, *features(image)], wanted, strict=True)
            ]
            loss = torch.stack(differences).sum()
            (w.grad,) = torch.autograd.grad(loss, w)
        adam.step()
        yield Projection(now.float(), image[0].detach().float(), float(loss.detach()), step, steps)


def ramp(share: float) -> float:
    """Return the factor of the learning rate when this share of the search is over: up fast, and down in the end."""
    down = min(1.0, (1 - share) / _RAMP_DOWN)
    return min(1.0, share / _WARM_UP) * (0.5 - 0.5 * math.cos(math.pi * down))
