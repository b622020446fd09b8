"""A bound on the norm of gradients."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor

_EPSILON = 1e-6


@torch.no_grad()
def clip_gradients(parameters: Iterable[Tensor], largest: float, stacked: bool = False) -> None:
    """Scale all gradients by one factor, so that their L2 norm together is at most ``largest``.

    A norm that is not finite is left to the loop, which refuses the epoch's loss.

    Args:
        parameters: Parameters of any shapes; those without a gradient do not count.
        largest: Largest norm of a model's gradients.
        stacked: Whether every parameter is of ``M`` models, ``(M, ...)``: each model has then a factor of its own.

    References:
        Pascanu, Mikolov & Bengio (2013), On the Difficulty of Training Recurrent Neural Networks, algorithm 1.
    """
    gradients = [parameter.grad for parameter in parameters if parameter.grad is not None]
    by_model = [gradient if stacked else gradient.unsqueeze(0) for gradient in gradients]
    squares = torch.stack([gradient.reshape(len(gradient), -1).square().sum(1) for gradient in by_model])
    factors = (largest / (squares.sum(0).sqrt() + _EPSILON)).clamp_max(1.0)
    for gradient in by_model:
        gradient.mul_(factors.view(-1, *(1 for _ in gradient.shape[1:])))
