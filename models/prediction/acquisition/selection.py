"""Selection: the rows of a pool that a method would have labelled, in its order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from models.noise import Permutation, Site, draw_noise
from models.prediction.acquisition.information import Information, Proceed, go_on

Method = Literal["bald", "batchbald", "epig", "random"]
I = TypeVar("I", bound=Information)  # noqa: E741 - the field's letter for information

_AT_A_TIME = 64
"""Rows whose bounds are renewed together."""
_DECIMALS = 9
"""Digits of a score that count, so that rows that are equal tie on any processor; the first of them is chosen."""


@dataclass(frozen=True)
class Selection:
    """Rows to label, in the order in which they were chosen.

    Attributes:
        rows: Numbers of the rows in the pool.
        gains: Score by which each was chosen, in nats; ``None`` for random rows.
        joint: Information that the labels of the rows so far hold about the function, in nats.
        is_exact: ``False`` if ``joint`` is estimated from sampled labels.
    """

    rows: Sequence[int]
    gains: Sequence[float] | None
    joint: Sequence[float]
    is_exact: bool


def select(
    method: Method,
    pool: I,
    n: int,
    *,
    targets: I | None = None,
    seed: int = 0,
    proceed: Proceed = go_on,
) -> Selection:
    """Choose rows of a pool to label.

    Args:
        method: ``bald``, the rows with the most information each; ``batchbald``, those with the most together, chosen
            one after the other; ``epig``, those that tell most about the labels of the targets; ``random``.
        pool: Predictions for the pool, to which no label was added yet; the chosen ones are added.
        n: Number of rows, at most those of the pool.
        targets: Predictions of the same draws for the rows that matter, for ``epig``; ``None`` is the pool.
        seed: Seed of random rows.
        proceed: Called between two pieces of work.

    References:
        Nemhauser, Wolsey & Fisher (1978), An analysis of approximations for maximizing submodular set functions.
    """
    if method == "batchbald":
        rows, gains = _choose_greedily(pool, n, proceed)
        return Selection(rows, gains, np.cumsum(gains).tolist(), pool.is_exact)
    scores = None if method == "random" else _rounded(pool.gains(torch.arange(pool.rows)))
    if method == "epig":
        scores = _rounded(pool.about(pool if targets is None else targets, proceed))
    rows = random_rows(pool.rows, n, seed) if scores is None else np.argsort(-scores, kind="stable")[:n].tolist()
    joint = _joint(pool, rows, proceed)
    return Selection(rows, None if scores is None else scores[rows].tolist(), joint, pool.is_exact)


def random_rows(pool: int, n: int, seed: int) -> list[int]:
    """Return the numbers of ``n`` different rows of a pool of so many."""
    order: list[int] = draw_noise([Site("random rows", (pool,), Permutation())], seed, 1)["random rows"][0].tolist()
    return order[:n]


def _choose_greedily(pool: Information, n: int, proceed: Proceed) -> tuple[list[int], list[float]]:
    """Choose the row that adds most, again and again.

    What a row adds only falls as others are added, so its last gain bounds its next: most rows need not be looked at
    again (Minoux, 1978, Accelerated greedy algorithms for maximizing submodular set functions).
    """
    bounds = _rounded(pool.gains(torch.arange(pool.rows)))
    is_stale = np.zeros(pool.rows, dtype=bool)
    rows: list[int] = []
    gains: list[float] = []
    while len(rows) < n:
        proceed()
        leader = int(bounds.argmax())
        if is_stale[leader]:
            highest = np.argsort(np.where(is_stale, -bounds, np.inf), kind="stable")[:_AT_A_TIME]
            block = highest[is_stale[highest]]
            bounds[block], is_stale[block] = _rounded(pool.gains(torch.from_numpy(block))), False
            continue
        rows.append(leader)
        gains.append(float(bounds[leader]))
        pool.add(leader)
        bounds[leader], is_stale[:] = -np.inf, True
        is_stale[rows] = False
    return rows, gains


def _joint(pool: Information, rows: Sequence[int], proceed: Proceed) -> list[float]:
    """Return what the labels of the rows so far hold about the function, in nats, row by row."""
    total, sums = 0.0, []
    for row in rows:
        proceed()
        total += float(pool.gains(torch.tensor([row])))
        sums.append(total)
        pool.add(row)
    return sums


def _rounded(scores: Tensor) -> NDArray[np.float64]:
    rounded: NDArray[np.float64] = scores.numpy().round(_DECIMALS)
    return rounded
