"""What every data set is: raw values in three splits, and what they mean."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from models.specs import InputSpec, OutputSpec


class Split(NamedTuple):
    """Rows of one split.

    Attributes:
        inputs: Raw values, float32 ``(N, *shape)``.
        targets: Class indices, int64 ``(N,)``, or raw targets, float32 ``(N, D)``.
    """

    inputs: Tensor
    targets: Tensor

    def rows(self, chosen: Tensor | slice) -> Split:
        """Some of the rows."""
        return Split(self.inputs[chosen], self.targets[chosen])


@dataclass(frozen=True)
class Truth:
    """How generated data came about, so that an estimate can be compared with it; ``(N, 1)`` to ``(N, 1)``."""

    mean: Callable[[Tensor], Tensor]
    deviation: Callable[[Tensor], Tensor]


@dataclass(frozen=True)
class Dataset:
    """A data set as models are fitted to it.

    Attributes:
        name: Becomes the first part of a model's name.
        inputs: Specification of a row, its statistics from the training split.
        outputs: Specification of the target, its statistics from the training split; ``None`` without targets.
        train: For the weights.
        validation: For when to stop.
        test: For the card; nothing is ever chosen by it.
        truth: Of generated data.
    """

    name: str
    inputs: InputSpec
    outputs: OutputSpec | None
    train: Split
    validation: Split
    test: Split
    truth: Truth | None = None


def moments(values: Tensor) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Mean and standard deviation of every column of ``(N, D)``; a constant column counts as one of deviation 1."""
    columns = values.double()
    deviation = columns.std(0)
    deviation = torch.where(deviation > 0, deviation, torch.ones_like(deviation))
    return tuple(columns.mean(0).tolist()), tuple(deviation.tolist())


def image_spec(train: Tensor, low: float, high: float) -> InputSpec:
    """Images, standardised by one mean and one deviation for all pixels.

    Args:
        train: Raw images of the training split, ``(N, channels, height, width)``.
    """
    mean, scale = moments(train.reshape(-1, 1))
    return InputSpec("image", tuple(train.shape[1:]), mean, scale, low, high)
