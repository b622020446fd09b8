"""The number of metrics' series does not grow with traffic, and the metrics count what clients count."""

from __future__ import annotations

import asyncio
import re
from collections import Counter
from types import SimpleNamespace
from typing import Any

import httpx
import numpy as np

from reliability.promise import Promise, Result, Trial
from reliability.rows import body, digits
from service.http.layers import Metrics

_METHODS = ("GET", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "HEAD", "TRACE", "BREW")
_AT_ONCE = 16


def label_by_path() -> None:
    """Answers are counted under the path that the client sent."""
    original = Metrics.enter

    def enter(self: Metrics, scope: Any) -> None:
        scope["route"] = SimpleNamespace(path=scope["path"])
        original(self, scope)

    Metrics.enter = enter  # type: ignore[method-assign]


def prove(trial: Trial) -> Result:
    """Send random paths, models and methods, and compare the metrics before and after."""
    with trial.serve() as service:
        asyncio.run(_send(service.url, 200, seed=0))  # every route and status once, as far as chance has it
        before, counted_before = _series(service.url)
        tally = asyncio.run(_send(service.url, trial.size, seed=1))
        after, counted = _series(service.url)
    counted.subtract(counted_before)
    counted["200"] -= 1  # the first look at the metrics
    wrong = {status: (tally[status], counted[status]) for status in tally | counted if tally[status] != counted[status]}
    grown = after - before
    broken = [
        *([f"{grown} series more after {trial.size} requests"] if grown > _most(trial.size) else []),
        *([f"clients and metrics disagree on {wrong}"] if wrong else []),
    ]
    return Result(
        f"{trial.size} requests",
        "random paths, models, versions, methods and ids",
        f"{grown} more series, {after} in all; {sum(abs(a - b) for a, b in wrong.values())} answers miscounted",
        broken,
    )


def _most(requests: int) -> int:
    """Return how many series may come: a route and a status that chance has not met before, of a closed set."""
    return min(100, requests // 5)


async def _send(url: str, count: int, seed: int) -> Counter[str]:
    """Send random requests, and return how many answers had each status."""
    generator, tally = np.random.default_rng(seed), Counter[str]()
    good = body(digits(1))
    turns = asyncio.Semaphore(_AT_ONCE)
    async with httpx.AsyncClient(base_url=url, timeout=60) as client:

        async def send(path: str, method: str) -> None:
            async with turns:
                headers = {"Content-Type": "application/json"} if method == "POST" else {}
                content = good if method == "POST" else None
                answer = await client.request(method, path, content=content, headers=headers)
            tally[str(answer.status_code)] += 1

        await asyncio.gather(*(send(_path(generator), str(generator.choice(_METHODS))) for _ in range(count)))
    return tally


def _path(generator: np.random.Generator) -> str:
    word = f"{generator.integers(2**62):x}"
    return str(
        generator.choice(
            [
                f"/{word}",
                f"/predict?model={word}",
                f"/predict?model=digits-mlp-mc_dropout&version={generator.integers(2**62)}",
                f"/predict?seed={generator.integers(2**62)}&samples=1",
                f"/models/{word}",
                f"/generate/{word}",
                f"/v2/models/{word}/infer",
                f"/jobs/{word}",
                f"/v1/models/{word}:predict",
            ]
        )
    )


def _series(url: str) -> tuple[int, Counter[str]]:
    """Return the number of series, and the number of answers of each status."""
    text = httpx.get(f"{url}/metrics", timeout=60).text
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    counted = Counter[str]()
    for line in lines:
        if found := re.fullmatch(r'credence_requests_total\{.*status="(\d+)"\} (\S+)', line):
            counted[found[1]] += int(float(found[2]))
    return len(lines), counted


PROMISE = Promise(
    "series",
    "The series of the metrics do not grow with traffic, and count what clients count",
    "requests",
    10_000,
    800,
    prove,
    (label_by_path,),
)
