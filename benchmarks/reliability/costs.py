"""Cost is bounded before work: limits are exact, and what is beyond them is refused at once, in the same memory."""

from __future__ import annotations

import http.client
import json
import statistics
import time
from collections.abc import Iterator
from dataclasses import dataclass

from reliability.promise import Promise, Result, Trial
from reliability.rows import DIGITS, body, digits
from reliability.service_process import Service
from service.settings import Settings

_MOST_SECONDS = 0.05
_MOST_GROWTH = 16 * 2**20
"""Bytes that a thousand refusals may add: the allocator's own, not a body for each."""
_HUGE = (10**9, 2**63, 2**64)
_LIMITS = Settings()


@dataclass(frozen=True)
class Attempt:
    """A request, and whether it is within the limits."""

    path: str
    content: bytes
    allowed: bool
    headers: tuple[tuple[str, str], ...] = ()


def double_limits() -> None:
    """The limits on rows, draws, images and bodies are twice as high as the service says."""
    for name in ("max_rows", "max_draws", "max_work", "max_images", "max_json_bytes", "max_header_bytes"):
        Settings.model_fields[name].default *= 2
    Settings.model_rebuild(force=True)


def prove(trial: Trial) -> Result:
    """Ask one below each limit, at it and one beyond; then the absurd, again and again, and look at the memory."""
    with trial.serve(models=(DIGITS, "digits-vae"), max_request_seconds="1000") as service:
        inexact = [attempt.path for attempt in _edges() if _status(service, attempt)[0] != _expected(attempt)]
        absurd = list(_absurdities())
        for attempt in absurd:  # so that what is made once is there
            _status(service, attempt)
        before = service.footprint().memory
        asked = [(attempt, *_status(service, attempt)) for attempt in absurd * (trial.size // len(absurd) + 1)]
        growth = service.footprint().memory - before
    accepted = [attempt.path for attempt, status, _ in asked if status not in (413, 422, 431)]
    slow = statistics.quantiles([seconds for _, _, seconds in asked], n=100)[98]
    broken = [
        *([f"{len(inexact)} limits are not exact, such as that of {inexact[0]}"] if inexact else []),
        *([f"{len(accepted)} absurd requests were not refused, such as {accepted[0]}"] if accepted else []),
        *([f"a refusal took {slow * 1000:.0f} ms"] if slow > _MOST_SECONDS else []),
        *([f"memory grew by {growth / 2**20:.0f} MiB"] if growth > _MOST_GROWTH else []),
    ]
    return Result(
        f"each of {len(list(_edges())) // 3} limits at -1, 0 and +1; {len(asked)} requests far beyond",
        "10^9, 2^63 and 2^64 draws and images, bodies and heads beyond the limit",
        f"{len(inexact) + len(accepted)}; p99 of refusals {slow * 1000:.1f} ms; memory {growth / 2**20:+.1f} MiB",
        broken,
    )


def _edges() -> Iterator[Attempt]:
    """Yield requests one below, at and one beyond each limit."""
    row = digits(1)[0]
    rows_at_limit, steps = _LIMITS.max_rows, (-1, 0, 1)
    for step in steps:
        allowed = step <= 0
        yield Attempt("/predict?samples=1", body([row] * (rows_at_limit + step)), allowed)
        yield Attempt(f"/predict?samples={_LIMITS.max_draws + step}", body([row]), allowed)
        yield Attempt(f"/predict?samples={_LIMITS.max_work // 128 + step}", body([row] * 128), allowed)
        yield Attempt("/generate/vae", json.dumps({"n": _LIMITS.max_images + step}).encode(), allowed)
        yield Attempt("/predict?samples=1", _padded(body([row]), _LIMITS.max_json_bytes + step), allowed)


def _absurdities() -> Iterator[Attempt]:
    row = digits(1)[0]
    for number in _HUGE:
        yield Attempt(f"/predict?samples={number}", body([row]), allowed=False)
        yield Attempt("/predict", body([row], samples=number), allowed=False)
        yield Attempt("/generate/vae", json.dumps({"n": number}).encode(), allowed=False)
    yield Attempt("/predict", body([[0]] * 20_000), allowed=False)
    yield Attempt("/predict", b"", allowed=False, headers=(("Content-Length", "1000000000"),))
    yield Attempt("/predict", body([row]), allowed=False, headers=(("X-Long", "x" * _LIMITS.max_header_bytes),))


def _padded(content: bytes, length: int) -> bytes:
    return content + b" " * (length - len(content))


def _expected(attempt: Attempt) -> int:
    too_long = len(attempt.content) > _LIMITS.max_json_bytes
    return 200 if attempt.allowed else 413 if too_long else 422


def _status(service: Service, attempt: Attempt) -> tuple[int, float]:
    """Return the status and the seconds from the last byte sent to the answer."""
    connection = http.client.HTTPConnection("127.0.0.1", service.port, timeout=60)
    headers = {"Content-Type": "application/json", **dict(attempt.headers)}
    try:
        connection.connect()
        start = time.perf_counter()
        connection.request("POST", attempt.path, attempt.content, headers)
        answer = connection.getresponse()
        answer.read()
        return answer.status, time.perf_counter() - start
    finally:
        connection.close()


PROMISE = Promise(
    "costs",
    "Cost is bounded before work: rows, draws, images, bodies, heads",
    "refusals",
    1000,
    60,
    prove,
    (double_limits,),
)
