"""A seed means the same draws: alone, in any batch and position, after a restart and in another process."""

from __future__ import annotations

import asyncio
import dataclasses
import functools
from collections.abc import Sequence
from typing import Any

import httpx
import numpy as np

from reliability.backends import Run, around_run, slow_down
from reliability.promise import Promise, Result, Trial, VoidError
from reliability.rows import CONVNET, DIGITS, body, digits
from service.backends.predictor_jobs import Prediction, PredictJob

_TOLERANCE = 1e-5
_AT_ONCE = 8
_SHARING = 20
"""Rows that have a seed in common: jobs of other seeds never share a batch."""
_FIELDS = ("mean", "epistemic_variance", "mutual_information")
_JSON = {"Content-Type": "application/json"}


def seed_by_batch() -> None:
    """A job's draws depend on how many share its batch."""

    def run(original: Run, backend: Any, jobs: Sequence[PredictJob], check: Any) -> Sequence[Prediction]:
        return original(backend, [dataclasses.replace(job, seed=job.seed + len(jobs)) for job in jobs], check)

    around_run(run)


def seed_by_process() -> None:
    """Another process has other draws."""
    import os

    def run(original: Run, backend: Any, jobs: Sequence[PredictJob], check: Any) -> Sequence[Prediction]:
        return original(backend, [dataclasses.replace(job, seed=job.seed + os.getpid()) for job in jobs], check)

    around_run(run)


def prove(trial: Trial) -> Result:
    """Ask rows one by one; then eight at a time, shuffled, of the same process and of another."""
    serve = functools.partial(trial.serve, slow_down, models=(DIGITS, CONVNET), max_queue_seconds="60")
    with serve() as first, serve() as second:
        alone = asyncio.run(_ask(first.url, trial.size, 1))
        together = asyncio.run(_ask(first.url, trial.size, _AT_ONCE))
        elsewhere = asyncio.run(_ask(second.url, trial.size, _AT_ONCE))
        shared = second.metric("credence_batch_rows_sum") / second.metric("credence_batch_rows_count")
    if shared < 1.2:
        raise VoidError(f"{shared:.1f} rows a batch")
    off = [_difference(one, two) for others in (together, elsewhere) for one, two in zip(alone, others, strict=True)]
    wrong = sum(difference > _TOLERANCE for difference in off)
    return Result(
        f"{trial.size} rows of 2 models, each alone, {_AT_ONCE} at once, and {_AT_ONCE} at once in another process",
        f"a seed for every {_SHARING} rows, any order, {shared:.1f} rows a batch",
        f"{wrong} of {len(off)}; largest difference {max(off):.0e}",
        [f"{wrong} answers differ from those alone"] if wrong else [],
    )


async def _ask(url: str, count: int, at_once: int) -> list[dict[str, Any]]:
    """Return the answers in the order of the rows; several at once go in a shuffled order."""
    turns = asyncio.Semaphore(at_once)
    rows, order = digits(count), np.arange(count)
    if at_once > 1:  # within each seed
        order = np.lexsort((np.random.default_rng(at_once).random(count), order // _SHARING))
    async with httpx.AsyncClient(base_url=url, timeout=60, headers=_JSON) as client:

        async def ask(index: int) -> tuple[int, dict[str, Any]]:
            query = f"model={(DIGITS, CONVNET)[index % 2]}&seed={2**63 + index // _SHARING}&samples=20"
            async with turns:
                answer = await client.post(f"/predict?{query}", content=body([rows[index]]))
            return index, answer.json()

        answers = dict(await asyncio.gather(*map(ask, order.tolist())))
    return [answers[i] for i in range(count)]


def _difference(one: dict[str, Any], other: dict[str, Any]) -> float:
    if any(name not in answer for name in _FIELDS for answer in (one, other)):
        return float("inf")
    return max(float(np.abs(np.subtract(one[name], other[name])).max()) for name in _FIELDS)


PROMISE = Promise(
    "seeds",
    "A seed means the same draws alone, in any batch and position, and in another process",
    "rows",
    200,
    32,
    prove,
    (seed_by_batch, seed_by_process),
)
