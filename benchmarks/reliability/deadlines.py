"""A deadline is kept at admission, in the queue and between chunks, and the model does not run for nobody."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from typing import Any

import httpx

from reliability.backends import Run, around_run
from reliability.promise import Promise, Result, Trial
from reliability.rows import DIGITS, body, digits
from service.backends.predictor_jobs import Prediction, PredictJob
from service.http.exchange import Exchange

_BUSY_SECONDS = 0.5
_LIMIT_MS = 60
_MOST_LATE = 0.25
"""Seconds after the deadline until the answer has to be there."""
_HEADERS = {"Content-Type": "application/json"}


def hold_the_device() -> None:
    """Every batch keeps the device busy for half a second, and looks in between whether somebody still waits."""

    def run(original: Run, backend: Any, jobs: Sequence[PredictJob], check: Any) -> Sequence[Prediction]:
        end = time.monotonic() + _BUSY_SECONDS
        while time.monotonic() < end:
            check()
            time.sleep(0.01)
        return original(backend, jobs, check)

    around_run(run)


def run_for_nobody() -> None:
    """Nobody looks at deadlines, nor whether the client is still there."""

    async def wait_for(_: Exchange, work: Any) -> Any:
        return await work

    Exchange.wait_for = wait_for  # type: ignore[method-assign, assignment]


def prove(trial: Trial) -> Result:
    """Keep the device busy, and send requests that cannot be answered in their time."""
    with trial.serve(hold_the_device, max_queue_seconds="60") as service:
        before = service.metric("credence_batch_rows_count", model=DIGITS)
        statuses, late = asyncio.run(_send(service.url, trial.size))
        ran = service.metric("credence_batch_rows_count", model=DIGITS) - before
    wrong = sum(status != httpx.codes.GATEWAY_TIMEOUT for status in statuses)
    broken = [
        *([f"{wrong} of {len(statuses)} were not answered by 504"] if wrong else []),
        *([f"the model ran {ran - 1:.0f} times for nobody"] if ran > 1 else []),
        *([f"a 504 came {late * 1000:.0f} ms late"] if late > _MOST_LATE else []),
    ]
    return Result(
        f"1 request at work, {trial.size} waiting, 1 more at work",
        f"a deadline of {_LIMIT_MS} ms",
        f"the model ran {max(0, ran - 1):.0f} times for {trial.size + 1} late requests; 504 {late * 1000:.0f} ms late",
        broken,
    )


async def _send(url: str, count: int) -> tuple[list[int], float]:
    """Return the statuses of the late requests, and the seconds by which the latest answer was late."""
    row = body(digits(1))
    limited = {**_HEADERS, "X-Request-Timeout-Ms": str(_LIMIT_MS)}
    async with httpx.AsyncClient(base_url=url, timeout=120, limits=httpx.Limits(max_connections=None)) as client:

        async def ask(index: int) -> tuple[int, float]:
            start = time.monotonic()
            answer = await client.post(f"/predict?seed={index}", content=row, headers=limited)
            return answer.status_code, time.monotonic() - start - _LIMIT_MS / 1000

        first = asyncio.create_task(client.post("/predict", content=row, headers=_HEADERS))
        await asyncio.sleep(0.1)
        waiting = await asyncio.gather(*map(ask, range(count)))
        assert (await first).status_code == httpx.codes.OK
        running = await ask(count)
    answers = [*waiting, running]
    return [status for status, _ in answers], max(late for _, late in answers)


PROMISE = Promise(
    "deadlines",
    "A deadline is kept in the queue and between chunks: 504, and the model does not run",
    "late requests",
    50,
    20,
    prove,
    (run_for_nobody,),
)
