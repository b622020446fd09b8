"""The place of a step in its run, which all of its randomness follows from."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from models.noise import Site, draw_noise


@dataclass(frozen=True)
class StepContext:
    """The place of a step in its run.

    Attributes:
        seed: Seed of everything random in the step, together with ``step``.
        step: Number of steps before this one; of two players, of the critic's steps.
        progress: Share of the run that is done, in [0, 1]: a number, or a scalar on the device of the loss.
    """

    seed: int
    step: int
    progress: float | Tensor

    def draw(self, site: Site, device: torch.device) -> Tensor:
        """Return this step's draw of a site, a tensor of shape ``site.shape``.

        Args:
            site: Name, shape and distribution of the noise.
            device: Device that the draw is sent to.
        """
        return send(draw_noise([site], self.seed, self.step + 1, self.step)[site.name][0], device)


def send(tensor: Tensor, device: torch.device) -> Tensor:
    """Return a tensor of any shape on a device, without waiting until it has arrived there."""
    if tensor.device == device:
        return tensor
    return tensor.pin_memory().to(device, non_blocking=True)
