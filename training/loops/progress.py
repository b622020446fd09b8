"""What a loop says of itself after every epoch, and what it asks of whoever runs it."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from torch import Tensor

from training.errors import DivergenceError
from training.loops.state import StateFile


@dataclass(frozen=True)
class Epoch:
    """A finished epoch.

    Attributes:
        number: From 1.
        of: How many the run has at most.
        losses: Means over the epoch by name, in nats.
        metric: Name and value of what was measured on the validation split; none for an adversarial run.
        warning: What looks wrong, in one line.
        samples: What a generator makes of the codes of the seeds 0, 1, ..., after some epochs.
    """

    number: int
    of: int
    losses: Mapping[str, float]
    metric: tuple[str, float] | None = None
    warning: str = ""
    samples: Tensor | None = None


def _silent(_epoch: Epoch) -> None:
    pass


@dataclass(frozen=True)
class Run:
    """What a loop needs besides the model, the data and the hyper-parameters.

    Attributes:
        seed: Of everything random in the run.
        state: Where the run keeps its state; ``None`` for a run too short to keep one.
        resume: Whether to go on from there.
        report: Called after every epoch.
    """

    seed: int
    state: StateFile | None = None
    resume: bool = False
    report: Callable[[Epoch], None] = field(default=_silent)


def check_finite(losses: Mapping[str, float], epoch: int) -> None:
    """Raise if the run has diverged.

    Raises:
        DivergenceError: naming the loss.
    """
    for name, value in losses.items():
        if not math.isfinite(value):
            raise DivergenceError(f"the {name} is {value} in epoch {epoch}: try another seed or a lower learning rate")
