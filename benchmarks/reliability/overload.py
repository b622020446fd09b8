"""Under five times the load that it can bear the service answers what it can, refuses the rest and stays visible."""

from __future__ import annotations

import asyncio
import statistics
import time
from collections import Counter
from collections.abc import Sequence

import httpx

from reliability.open_loop import Reply, drive, measure_capacity, request
from reliability.promise import Promise, Result, Trial, VoidError
from reliability.rows import body, digits
from service.settings import Settings

_TIMES, _LEAST_GOODPUT, _MOST_SECONDS = 5, 0.9, 0.05
_IN_TIME = 2.0
"""Seconds within which an answer is of use: twice what may wait in the queue."""
_TURN, _OF_TURN = 10.0, 0.3
"""Seconds of overload in a turn, and the share of this for which the capacity is measured before."""
_VISIBLE = ("/health/live", "/health/ready", "/metrics")
_REQUEST = request(body(digits(8)), "/predict?samples=1000")
"""A request that takes the device so long that this machine can send five times as many."""


def queue_without_end() -> None:
    """The queue has no end."""
    for name in ("max_queue_seconds", "max_queue_requests"):
        Settings.model_fields[name].default = 10**9
    Settings.model_rebuild(force=True)


def prove(trial: Trial) -> Result:
    """Measure the capacity, then send five times as much, and look at the service meanwhile; turn by turn.

    A machine that others use too is a tenth faster or slower from one minute to the next, which turns even out.
    """
    turns = max(1, round(trial.size / _TURN))
    replies, looks, possible = list[Reply](), list[int](), 0.0
    with trial.serve(threads="1") as service:  # or what is measured as capacity includes the core that the load takes
        for _ in range(turns):
            capacity = asyncio.run(measure_capacity(service.port, _REQUEST, _TURN * _OF_TURN))
            begun = time.monotonic()
            new, seen = asyncio.run(_overload(service.url, service.port, capacity, trial.size / turns))
            possible += capacity * (time.monotonic() - begun)
            replies += new
            looks += seen
    statuses = Counter(reply.status for reply in replies)
    if set(statuses) == {200}:
        raise VoidError(f"no request of {len(replies)} had to be refused")
    useful = sum(reply.status == 200 and reply.seconds <= _IN_TIME for reply in replies) / possible
    refusals = [reply for reply in replies if reply.status == 503]
    late = _percentile([reply.seconds for reply in refusals])
    silent = sum(not reply.retry_after for reply in refusals)
    hidden = sum(status != 200 for status in looks)
    odd = sum(count for status, count in statuses.items() if status not in (200, 503))
    broken = [
        *([f"goodput was {useful:.2f} of the capacity"] if useful < _LEAST_GOODPUT else []),
        *([f"1 refusal of 100 took {late * 1000:.0f} ms"] if late > _MOST_SECONDS else []),
        *([f"{silent} refusals had no Retry-After"] if silent else []),
        *([f"{hidden} of {len(looks)} looks at health and metrics failed"] if hidden else []),
        *([f"{odd} answers were neither 200 nor 503: {dict(statuses)}"] if odd else []),
    ]
    return Result(
        f"{_TIMES} x {capacity:.0f} requests/s for {trial.size} s, open loop, in {turns} turns",
        f"{len(refusals)} of {len(replies)} beyond the capacity",
        f"goodput {useful:.2f} of the capacity; refusals p99 {late * 1000:.0f} ms; looks failed: {hidden}",
        broken,
    )


async def _overload(url: str, port: int, capacity: float, seconds: float) -> tuple[Sequence[Reply], list[int]]:
    """Return what became of the requests, and the statuses of looks at health and metrics."""
    end, looks = time.monotonic() + seconds, list[int]()

    async def look() -> None:
        async with httpx.AsyncClient(base_url=url, timeout=10) as client:
            while time.monotonic() < end:
                for path in _VISIBLE:
                    looks.append((await client.get(path)).status_code)
                await asyncio.sleep(0.2)

    replies, _ = await asyncio.gather(drive(port, _REQUEST, _TIMES * capacity, seconds), look())
    return replies, looks


def _percentile(values: Sequence[float]) -> float:
    """Return the 99th percentile; 0 of no value."""
    return statistics.quantiles(values, n=100)[98] if len(values) > 1 else 0.0


PROMISE = Promise(
    "overload",
    f"At {_TIMES} x capacity: goodput ≥ {_LEAST_GOODPUT}, refusals at once, health and metrics always there",
    "seconds",
    60,
    8,
    prove,
    (queue_without_end,),
)
