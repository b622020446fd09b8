"""The reports of a loop after every epoch, and what it asks of its caller."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from models.noise import Permutation, Site, draw_noise
from training.errors import DivergenceError
from training.loops.state import StateFile
from training.losses.loss import Report


@dataclass(frozen=True)
class Epoch:
    """A finished epoch.

    Attributes:
        number: Number of the epoch, from 1.
        of: Largest number of epochs of the run.
        losses: Means over the epoch by name, in nats.
        metric: Name and value of what was measured on the validation split; ``None`` for an adversarial run.
        warning: Description of what looks wrong, in one line.
        samples: Images that a generator makes of the codes of the seeds 0, 1, ..., after some epochs,
            ``(N, channels, height, width)``.
    """

    number: int
    of: int
    losses: Mapping[str, float]
    metric: tuple[str, float] | None = None
    warning: str = ""
    samples: Tensor | None = None


@dataclass(frozen=True)
class Kept:
    """The epoch whose weights a run kept, because its validation metric was the best.

    Attributes:
        epoch: Number of the epoch, from 1.
        ran: Number of epochs that were run.
        of: Largest number of epochs of the run.
        metric: Name of the metric.
        value: Metric of the epoch, in nats.
    """

    epoch: int
    ran: int
    of: int
    metric: str
    value: float

    def __str__(self) -> str:
        stopped = f", stopped after {self.ran}" if self.ran < self.of else ""
        return f"best of {self.of} epochs{stopped}: {self.epoch}, {self.metric} {self.value:.4g} nats"


def _silent(_epoch: Epoch) -> None:
    pass


@dataclass(frozen=True)
class Run:
    """The needs of a loop besides the model, the data and the hyper-parameters.

    Attributes:
        seed: Seed of everything random in the run.
        state: File that the run keeps its state in; ``None`` for a run too short to keep one.
        resume: Whether to go on from there.
        report: Function that is called after every epoch.
    """

    seed: int
    state: StateFile | None = None
    resume: bool = False
    report: Callable[[Epoch], None] = field(default=_silent)


def shuffled(rows: int, seed: int, epoch: int) -> Tensor:
    """Return the order of the training rows in an epoch, counted from 1: indices, int64 ``(rows,)``."""
    return draw_noise([Site("shuffle", (rows,), Permutation())], seed, epoch, epoch - 1)["shuffle"][0]


def epoch_means(reports: Sequence[Report], epoch: int) -> dict[str, float]:
    """Return the means of all reported scalars over an epoch's steps, by name; some steps may lack some names.

    Raises:
        DivergenceError: if a mean is not finite.
    """
    names = dict.fromkeys(name for report in reports for name in report)
    means = {name: float(torch.stack([r[name] for r in reports if name in r]).mean()) for name in names}
    check_finite(means, epoch)
    return means


def check_finite(losses: Mapping[str, float], epoch: int) -> None:
    """Raise if the run has diverged.

    Raises:
        DivergenceError: naming the loss.
    """
    for name, value in losses.items():
        if not math.isfinite(value):
            raise DivergenceError(
                f"the {readable(name)} is {value} in epoch {epoch}: try another seed or a lower learning rate"
            )


def readable(name: str) -> str:
    """Return the name of a loss or a diagnostic as words.

    >>> readable("discriminator_accuracy")
    'discriminator accuracy'
    """
    return name.replace("_", " ")
