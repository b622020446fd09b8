"""Acquisition computed with torch on the CPU: what draws predict for a pool in, rows to label out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from models.prediction.acquisition.categorical import CategoricalInformation, count_configurations
from models.prediction.acquisition.gaussian import GaussianInformation
from models.prediction.acquisition.information import Information
from models.prediction.acquisition.selection import Method, Selection, random_rows, select
from service.backends.predictor_jobs import Prediction

_PRODUCT_SECONDS = 4e-11
_LOGARITHM_SECONDS = 2e-8
_MATRIX_SECONDS = 1e-7
_STEP_SECONDS = 2e-4
"""Times of a multiplication, of a logarithm with all that goes with it, of a small determinant and of the calls for one
more row: of a core of 2023, in float64. They are not measured anew, so that what is allowed is so on any machine."""
_LOOKED_AT_AGAIN = 0.5
"""Share of the rows whose gains `batchbald` computes anew for the next row; between a tenth and all."""


@dataclass(frozen=True)
class Choice:
    """The sizes of a choice among rows.

    Attributes:
        method: Way of choosing.
        task: ``classification`` or ``regression``.
        rows: Number of rows in the pool.
        targets: Number of target rows, which ``epig`` alone looks at.
        draws: Number of draws.
        outputs: Number of classes or targets.
    """

    method: Method
    task: str
    rows: int
    targets: int
    draws: int
    outputs: int

    def estimate_seconds(self, n: int) -> float:
        """Return about how long it takes to choose so many rows on one core: no bound, but within a small factor."""
        first = self.rows * self.targets * self._pair_seconds() if self.method == "epig" else 0.0
        looks = max(1.0, _LOOKED_AT_AGAIN * self.rows) if self.method == "batchbald" else 1.0
        if self.task == "classification":
            configurations = sum(count_configurations(self.draws, self.outputs, n))
            each = looks * self.outputs * (self.draws * _PRODUCT_SECONDS + _LOGARITHM_SECONDS)
            return first + configurations * each + n * _STEP_SECONDS
        row = self.outputs * self.draws**2 * _PRODUCT_SECONDS + _MATRIX_SECONDS
        return first + n * (looks * row + self.draws**3 * _PRODUCT_SECONDS + _STEP_SECONDS)

    def most_rows(self, seconds: float) -> int:
        """Return how many rows are chosen in so many seconds, by the estimate; 0 if not even one."""
        most, step = 0, 1 << self.rows.bit_length()
        while step := step // 2:
            if most + step <= self.rows and self.estimate_seconds(most + step) <= seconds:
                most += step
        return most

    def _pair_seconds(self) -> float:
        entries = self.outputs**2 * (self.draws * _PRODUCT_SECONDS)
        if self.task == "classification":
            return entries + self.outputs**2 * _LOGARITHM_SECONDS
        return entries + _MATRIX_SECONDS


def choose_rows(
    method: Method,
    task: str,
    pool: Sequence[Prediction],
    n: int,
    targets: Sequence[Prediction] | None,
    seed: int,
    proceed: Callable[[], None],
) -> Selection:
    """Choose rows of a pool; called on any thread.

    Args:
        method: Way of choosing.
        task: ``classification`` or ``regression``.
        pool: Predictions of consecutive parts of the pool, with their draws.
        n: Number of rows to choose.
        targets: Predictions of the same draws for target rows; ``None`` is the pool.
        seed: Seed of what is sampled.
        proceed: Called between two pieces of work; raises once nobody waits for the result.
    """
    with torch.inference_mode():
        others = None if targets is None else _information(task, targets, seed)
        return select(method, _information(task, pool, seed), n, targets=others, seed=seed, proceed=proceed)


def choose_at_random(pool: int, n: int, seed: int) -> list[int]:
    """Return ``n`` different rows of a pool of so many, those of :func:`choose_rows` for the same seed."""
    return random_rows(pool, n, seed)


def _information(task: str, parts: Sequence[Prediction], seed: int) -> Information:
    means = torch.from_numpy(np.concatenate([part.draw_means for part in parts if part.draw_means is not None], 1))
    if task == "classification":
        return CategoricalInformation(means, seed)
    variances = [part.draw_variances for part in parts if part.draw_variances is not None]
    return GaussianInformation(means, torch.from_numpy(np.concatenate(variances, 1)))
