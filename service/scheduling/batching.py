"""Batches by work: jobs that may share a run wait together, and a run starts as soon as the device is free.

Knows neither HTTP nor models. A job is given up by cancelling the task that waits for it (its deadline passed, or
its client left): if it still waits it never runs, and a run in which nobody is interested any longer stops at its next
checkpoint.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Hashable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from service.errors import DrainingError, OverloadedError

J = TypeVar("J")
R = TypeVar("R")

CheckCancelled = Callable[[], None]
"""Called by a run between chunks; raises :class:`Cancelled` once nobody waits for the result."""


class Cancelled(Exception):  # noqa: N818 - not an error: nobody is left to see it
    """Everybody who waited for this run has left."""


@dataclass(frozen=True)
class BatchTerms:
    """The terms on which a job joins a batch.

    Attributes:
        key: Jobs of equal keys may share a batch.
        rows: Rows or images, for the gauge of what waits.
        work: Work in the units of ``max_batch_work``.
        seconds: Estimated time that the job itself takes on the device.
        batch_seconds: Estimated overhead of its batch in seconds, counted once for all waiting jobs of a key.
    """

    key: Hashable
    rows: int
    work: float
    seconds: float
    batch_seconds: float = 0.0


@dataclass(frozen=True)
class BatchResult(Generic[R]):
    """A job's result, and the seconds that it waited and ran."""

    result: R
    queue_seconds: float
    compute_seconds: float


@dataclass(eq=False)
class _QueuedJob:
    job: Any
    terms: BatchTerms
    run: Callable[[Sequence[Any], CheckCancelled], Sequence[Any]]
    label: Any
    future: asyncio.Future[BatchResult[Any]]
    since: float = field(default_factory=time.monotonic)


class Batcher:
    """One queue in front of one device.

    Args:
        max_batch_work: Limit on the work of a batch; a job with more runs alone.
        max_queue_seconds: Estimated seconds of waiting work above which new jobs are refused.
        max_queue_jobs: Number of waiting jobs at which new ones are refused.
        on_queue: Callback that gets the number of waiting rows after every change.
        on_batch: Callback that gets the label, rows and seconds of every batch that has run.
    """

    def __init__(
        self,
        max_batch_work: float,
        max_queue_seconds: float,
        max_queue_jobs: int,
        on_queue: Callable[[int], None] = lambda rows: None,
        on_batch: Callable[[Any, int, float], None] = lambda label, rows, seconds: None,
    ) -> None:
        self._max_batch_work = max_batch_work
        self._max_queue_seconds = max_queue_seconds
        self._max_queue_jobs = max_queue_jobs
        self._on_queue = on_queue
        self._on_batch = on_batch
        self._waiting: list[_QueuedJob] = []
        self._running_until = 0.0
        self._arrived = asyncio.Event()
        self._device = ThreadPoolExecutor(1, thread_name_prefix="device")
        self._loop_task: asyncio.Task[None] | None = None
        self._closed = False

    @property
    def waiting(self) -> int:
        """Number of jobs that wait for the device."""
        return len(self._waiting)

    @property
    def is_busy(self) -> bool:
        """``True`` while a batch runs."""
        return self._running_until > 0.0

    async def start(self) -> None:
        """Begin to take jobs off the queue."""
        self._loop_task = asyncio.create_task(self._serve())

    async def stop(self) -> None:
        """Refuse new jobs, finish those that wait, and let the device go."""
        self._closed = True
        self._arrived.set()
        if self._loop_task:
            await self._loop_task
        self._device.shutdown()

    async def run_on_device(self, function: Callable[[], R]) -> R:
        """Run any other function on the device's thread, such as one that loads a model."""
        return await asyncio.get_running_loop().run_in_executor(self._device, function)

    async def submit(
        self, run: Callable[[Sequence[J], CheckCancelled], Sequence[R]], job: J, terms: BatchTerms, label: Any = None
    ) -> BatchResult[R]:
        """Wait for a job's turn and its result.

        Args:
            run: Computes a batch, with results in the order of the jobs; it is the same for all jobs of a key.
            job: Data for ``run``.
            terms: Key, size and cost of the job.
            label: Object under which its batch is reported.

        Raises:
            OverloadedError: if the queue is full.
            DrainingError: if the service is about to stop.
        """
        if self._closed:
            raise DrainingError("the service is about to stop")
        ahead = max(0.0, self._running_until - time.monotonic()) + _estimate_seconds(self._waiting)
        if ahead > self._max_queue_seconds or len(self._waiting) >= self._max_queue_jobs:
            raise OverloadedError(f"{len(self._waiting)} requests wait, about {ahead:.1f} s of work", ahead)
        future: asyncio.Future[BatchResult[R]] = asyncio.get_running_loop().create_future()
        queued = _QueuedJob(job, terms, run, label, future)
        self._set_queue([*self._waiting, queued])
        self._arrived.set()
        try:
            return await future
        finally:
            if queued in self._waiting:  # given up before its turn came
                self._set_queue([other for other in self._waiting if other is not queued])

    async def _serve(self) -> None:
        while not self._closed or self._waiting:
            await self._arrived.wait()
            self._arrived.clear()
            while batch := self._next_batch():
                await self._run(batch)

    def _next_batch(self) -> list[_QueuedJob]:
        """Take the job that has waited longest off the queue, and those that may join it."""
        batch: list[_QueuedJob] = []
        left: list[_QueuedJob] = []
        work = 0.0
        for queued in self._waiting:
            terms = queued.terms
            if batch and (terms.key != batch[0].terms.key or work + terms.work > self._max_batch_work):
                left.append(queued)
            else:
                batch.append(queued)
                work += terms.work
        if batch:
            self._set_queue(left)
        return batch

    async def _run(self, batch: list[_QueuedJob]) -> None:
        """Compute a batch; if it fails, halve it and try again, so that one bad job fails alone."""
        batch = [queued for queued in batch if not queued.future.done()]
        if not batch:
            return

        def check_cancelled() -> None:
            if all(queued.future.done() for queued in batch):
                raise Cancelled

        started = time.monotonic()
        self._running_until = started + _estimate_seconds(batch)
        jobs = [queued.job for queued in batch]
        try:
            loop = asyncio.get_running_loop()
            results = await loop.run_in_executor(self._device, batch[0].run, jobs, check_cancelled)
        except Cancelled:
            return
        except Exception as error:
            await self._split(batch, error)
            return
        finally:
            self._running_until = 0.0
        seconds = time.monotonic() - started
        self._on_batch(batch[0].label, sum(queued.terms.rows for queued in batch), seconds)
        for queued, result in zip(batch, results, strict=True):
            if not queued.future.done():
                queued.future.set_result(BatchResult(result, started - queued.since, seconds))

    async def _split(self, batch: list[_QueuedJob], error: Exception) -> None:
        if len(batch) > 1:
            middle = len(batch) // 2
            await self._run(batch[:middle])
            await self._run(batch[middle:])
        elif not batch[0].future.done():
            batch[0].future.set_exception(error)

    def _set_queue(self, waiting: list[_QueuedJob]) -> None:
        self._waiting = waiting
        self._on_queue(sum(queued.terms.rows for queued in waiting))


def _estimate_seconds(jobs: Sequence[_QueuedJob]) -> float:
    """Estimate what jobs take: their own parts, and one overhead for each key."""
    own = sum(queued.terms.seconds for queued in jobs)
    return own + sum({queued.terms.key: queued.terms.batch_seconds for queued in jobs}.values())
