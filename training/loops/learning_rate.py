"""Learning rates that fall along a run."""

from __future__ import annotations

import math
from collections.abc import Callable

from torch.optim import Optimizer

from training.losses.hook import Hook

Schedule = Callable[[float], float]
"""A factor of the learning rate, by the share of the run that is done."""


def constant(_progress: float) -> float:
    """Return 1, whatever the progress."""
    return 1.0


def cosine(progress: float) -> float:
    """Return a factor that falls from 1 to 0 along half a cosine, for a progress in [0, 1]."""
    return 0.5 * (1 + math.cos(math.pi * progress))


def linear(progress: float) -> float:
    """Return a factor that falls from 1 to 0 in a straight line, for a progress in [0, 1]."""
    return 1 - progress


class LearningRate(Hook):
    """Set an optimiser's learning rate before each step.

    Args:
        optimiser: Optimiser whose rate at the beginning is the largest.
        schedule: Factor of that rate by the progress of the run.
    """

    def __init__(self, optimiser: Optimizer, schedule: Schedule) -> None:
        self.optimiser = optimiser
        self.schedule = schedule
        self.largest = optimiser.defaults["lr"]

    def before_step(self, step: int, progress: float) -> None:
        for group in self.optimiser.param_groups:
            group["lr"] = self.largest * self.schedule(progress)
