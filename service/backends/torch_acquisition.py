"""Acquisition computed with torch on the CPU: what draws predict for a pool in, rows to label out."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch

from models.prediction.acquisition.categorical import CategoricalInformation
from models.prediction.acquisition.gaussian import GaussianInformation
from models.prediction.acquisition.information import Information
from models.prediction.acquisition.selection import Method, Selection, random_rows, select
from service.backends.predictor_jobs import Prediction


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
