"""On SIGTERM the service first says that it is not ready, answers all that it has accepted, and exits with 0."""

from __future__ import annotations

import asyncio
import os
import threading
import time
from collections import Counter

import httpx

from reliability.open_loop import LOST, REFUSED, Reply, drive, measure_capacity, request
from reliability.promise import Promise, Result, Trial, VoidError
from reliability.rows import body, digits
from service.runtime.server import Server

_SHARE = 0.7
_REQUEST = request(body(digits(4)), "/predict?samples=500")
_DRAIN_SECONDS = 0.5
_GRACE_SECONDS = 10.0


def exit_at_once() -> None:
    """SIGTERM ends the process at once."""

    def handle_exit(*_: object) -> None:
        os._exit(0)

    Server.handle_exit = handle_exit  # type: ignore[method-assign, assignment]


def prove(trial: Trial) -> Result:
    """Stop the service under load, again and again, and look for a request that was accepted and lost."""
    replies, broken, slowest = list[Reply](), list[str](), 0.0
    for cycle in range(trial.size):
        with trial.serve(drain_seconds=str(_DRAIN_SECONDS)) as service:
            rate = _SHARE * asyncio.run(measure_capacity(service.port, _REQUEST, 1.0))
            over = threading.Event()
            load = threading.Thread(target=_load, args=(service.port, rate, over, replies))
            load.start()
            time.sleep(0.5 + 0.02 * (cycle % 10))
            start = time.monotonic()
            service.process.terminate()
            time.sleep(0.05)
            if (ready := _readiness(service.url)) == 200:
                broken.append("the service was ready after SIGTERM")
            status = service.process.wait(_GRACE_SECONDS + 60)
            slowest = max(slowest, time.monotonic() - start)
            over.set()
            load.join()
            if status:
                broken.append(f"the exit status was {status}, after readiness {ready}")
    tally = Counter(reply.status for reply in replies)
    if not tally[200]:
        raise VoidError(f"no request was answered: {dict(tally)}")
    lost = [reply for reply in replies if reply.status == LOST]
    if lost:
        first = sum(reply.is_first for reply in lost)
        broken.append(f"{len(lost)} accepted requests were lost, {first} of them on new connections")
    if odd := tally.keys() - {200, 503, LOST, REFUSED}:
        broken.append(f"requests were answered by {sorted(odd)}")
    if slowest > _GRACE_SECONDS:
        broken.append(f"an end took {slowest:.1f} s")
    return Result(
        f"{trial.size} cycles at {_SHARE} of the capacity, {tally[200]} answers",
        f"{trial.size} x SIGTERM",
        f"{len(lost)} accepted and lost; ended within {slowest:.1f} s",
        broken,
    )


def _load(port: int, rate: float, over: threading.Event, replies: list[Reply]) -> None:
    replies += asyncio.run(drive(port, _REQUEST, rate, 60, over.is_set))


def _readiness(url: str) -> int:
    """Return the status of readiness; 0 if nobody answers."""
    try:
        return httpx.get(f"{url}/health/ready", timeout=5).status_code
    except httpx.HTTPError:
        return 0


PROMISE = Promise(
    "stopping",
    "On SIGTERM: not ready, what was accepted is answered, exit 0 within the grace period",
    "cycles",
    50,
    3,
    prove,
    (exit_at_once,),
)
