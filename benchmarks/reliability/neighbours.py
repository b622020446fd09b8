"""One bad row never fails its neighbours in a batch."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from typing import Any

import httpx
import numpy as np

from reliability.backends import Run, around_run, is_marked, slow_down
from reliability.promise import Promise, Result, Trial, VoidError
from reliability.rows import DIGITS, body, digits, marked
from service.backends.predictor_jobs import Prediction, PredictJob

_EACH = 8
_TOLERANCE = 1e-5
_JSON = {"Content-Type": "application/json"}


def raise_on_marks() -> None:
    """A marked row makes the forward pass raise."""

    def run(original: Run, backend: Any, jobs: Sequence[PredictJob], check: Any) -> Sequence[Prediction]:
        if any(map(is_marked, jobs)):
            raise RuntimeError("a row that no network survives")
        return original(backend, jobs, check)

    around_run(run)


def spread_failures() -> None:
    """A failure lasts for 20 ms and fails whoever comes then."""
    failed_until = 0.0

    def run(original: Run, backend: Any, jobs: Sequence[PredictJob], check: Any) -> Sequence[Prediction]:
        nonlocal failed_until
        if any(map(is_marked, jobs)):
            failed_until = time.monotonic() + 0.02
        if time.monotonic() < failed_until:
            raise RuntimeError("a batch is one thing")
        return original(backend, jobs, check)

    around_run(run)


def prove(trial: Trial) -> Result:
    """Send batches of eight rows of which one to seven are bad and look at the good ones."""
    with trial.serve(slow_down, raise_on_marks, max_queue_seconds="60") as service:
        good, bad, wrong, worst = asyncio.run(_send_batches(service.url, trial.size))
        rows = service.metric("credence_batch_rows_sum", model=DIGITS)
        batches = service.metric("credence_batch_rows_count", model=DIGITS)
    broken = [] if not wrong else [f"{len(wrong)} rows answered wrongly, the first {wrong[0]}"]
    if not wrong and rows / batches < 1.2:
        raise VoidError(f"{rows / batches:.1f} rows a batch")
    return Result(
        f"{trial.size} batches of {_EACH}, {rows / batches:.1f} rows each on the device",
        f"{bad} bad rows: shape, NaN, a forward pass that raises",
        f"{len(wrong)} of {good + bad}; largest difference {worst:.0e}",
        broken,
    )


async def _send_batches(url: str, count: int) -> tuple[int, int, list[str], float]:
    """Return the numbers of good and bad rows, those that were answered wrongly, and the largest difference."""
    rows, generator = digits(64), np.random.default_rng(0)
    wrong, good, bad, worst = [], 0, 0, 0.0
    async with httpx.AsyncClient(base_url=url, timeout=60, headers=_JSON) as client:
        alone = [(await client.post("/predict", content=body([row]))).json()["mean"] for row in rows]
        for _ in range(count):
            is_bad = generator.permutation(_EACH) < generator.integers(1, _EACH)
            chosen = generator.integers(0, len(rows), _EACH)
            kinds = generator.integers(0, 3, _EACH)
            plan = list(zip(chosen, kinds, is_bad, strict=True))
            sent = [_spoil(rows[i], kind) if spoilt else body([rows[i]]) for i, kind, spoilt in plan]
            answers = await asyncio.gather(*(client.post("/predict", content=content) for content in sent))
            for answer, (i, kind, spoilt) in zip(answers, plan, strict=True):
                expected = (422, 422, 500)[kind] if spoilt else 200
                difference = 0.0
                if answer.status_code == expected == 200:
                    difference = float(np.abs(np.subtract(answer.json()["mean"], alone[i])).max())
                worst = max(worst, difference)
                if answer.status_code != expected or difference > _TOLERANCE:
                    wrong.append(f"{answer.status_code} for {expected}, off by {difference:.0e}")
            good, bad = good + int((~is_bad).sum()), bad + int(is_bad.sum())
    return good, bad, wrong, worst


def _spoil(row: Sequence[float], kind: int) -> bytes:
    """Return a body whose row has a wrong shape, a NaN, or the mark at which the forward pass raises."""
    if kind == 0:
        return body([row[:-1]])
    return body([[float("nan"), *row[1:]]]) if kind == 1 else body([marked(row)])


PROMISE = Promise(
    "neighbours",
    "One bad row never fails its neighbours in a batch",
    "batches",
    1000,
    40,
    prove,
    (spread_failures,),
)
