"""Jobs that wait: on what terms, whose they are, and how long it takes until a turn comes."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, NamedTuple, TypeVar

R = TypeVar("R")

CheckCancelled = Callable[[], None]
"""Called by a run between chunks; raises :class:`Cancelled` once nobody waits for the result."""

LONG_SECONDS = 0.02
"""Estimated seconds from which a job is a long one, which gives way to others and shares no batch with them."""


class Cancelled(Exception):  # noqa: N818 - not an error: nobody is left to see it
    """Everybody who waited for this run has left."""


class Flow(NamedTuple):
    """Jobs that have a share of the device together: the short ones of a client, or the long ones."""

    client: str
    is_long: bool


@dataclass(frozen=True)
class BatchTerms:
    """The terms on which a job joins a batch.

    Attributes:
        key: Jobs of equal keys may share a batch.
        rows: Rows or images, for the gauge of what waits.
        work: Work in the units of ``max_batch_work``.
        seconds: Estimated time that the job itself takes on the device.
        batch_seconds: Estimated overhead of its batch in seconds, counted once for all waiting jobs of a key.
        is_direct: Whether the event loop may run a short batch of such jobs itself: it takes what is estimated, waits
            for nothing, and would lose more by sharing the interpreter's lock with another thread.
    """

    key: Hashable
    rows: int
    work: float
    seconds: float
    batch_seconds: float = 0.0
    is_direct: bool = False


@dataclass(frozen=True)
class BatchResult(Generic[R]):
    """A job's result, the seconds that it waited and ran, and the time of its end on the monotonic clock."""

    result: R
    queue_seconds: float
    compute_seconds: float
    ended: float = field(default_factory=time.monotonic)


@dataclass(eq=False)
class QueuedJob:
    """A job that waits for its turn, and the future of its result."""

    job: Any
    terms: BatchTerms
    run: Callable[[Sequence[Any], CheckCancelled], Sequence[Any]]
    label: Any
    flow: Flow
    future: asyncio.Future[BatchResult[Any]]
    since: float = field(default_factory=time.monotonic)


def estimate_seconds(jobs: Sequence[QueuedJob]) -> float:
    """Estimate what jobs take: their own parts, and one overhead for each key."""
    own = sum(queued.terms.seconds for queued in jobs)
    return own + sum({queued.terms.key: queued.terms.batch_seconds for queued in jobs}.values())


def seconds_ahead(job: BatchTerms, flow: Flow, waiting: Iterable[QueuedJob], begun: Mapping[Flow, float]) -> float:
    """Estimate the seconds until a job's turn: what its own flow has ahead of it, and what others get meanwhile.

    Args:
        job: Terms of the job.
        flow: Its flow.
        waiting: Jobs that wait.
        begun: Seconds that are left of what has begun, by its flow.
    """
    jobs: dict[Flow, list[QueuedJob]] = {}
    for queued in waiting:
        jobs.setdefault(queued.flow, []).append(queued)
    ahead = {one: estimate_seconds(jobs.get(one, ())) + begun.get(one, 0.0) for one in {**jobs, **begun}}
    own = ahead.pop(flow, 0.0)
    fair = max(own + job.seconds, LONG_SECONDS)
    return own + sum(min(seconds, fair) for seconds in ahead.values())
