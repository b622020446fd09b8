"""Batches by work: jobs that may share a run wait together, and a run starts as soon as the device is free.

Knows neither HTTP nor models. A job is given up by cancelling the task that waits for it (its deadline passed, or
its client left): if it still waits it never runs, and a run in which nobody is interested any more stops at its next
checkpoint.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable, Hashable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from service.errors import DrainingError, OverloadedError

J = TypeVar("J")
R = TypeVar("R")

CheckCancelled = Callable[[], None]
"""Called by a run between chunks; raises :class:`Abandoned` if nobody waits for the result any more."""


class Abandoned(Exception):  # noqa: N818 - not an error: nobody is left to see it
    """Everybody who waited for this run has left."""


@dataclass(frozen=True)
class BatchResult(Generic[R]):
    """A job's result, and where its time went."""

    result: R
    queue_seconds: float
    compute_seconds: float


@dataclass(eq=False)
class _QueuedJob:
    key: Hashable
    job: Any
    rows: int
    work: float
    seconds: float
    batch_seconds: float
    run: Callable[[Sequence[Any], CheckCancelled], Sequence[Any]]
    future: asyncio.Future[BatchResult[Any]]
    since: float = field(default_factory=time.monotonic)


class Batcher:
    """One queue in front of one device.

    Args:
        max_batch_work: Jobs join a batch until their work adds up to this; a larger job runs alone.
        max_queue_seconds: New jobs are refused while the estimated work that waits is above this.
        max_queue_jobs: Likewise for their number.
        on_queue: Told the number of rows that wait, after every change.
    """

    def __init__(
        self,
        max_batch_work: float,
        max_queue_seconds: float,
        max_queue_jobs: int,
        on_queue: Callable[[int], None] = lambda rows: None,
    ) -> None:
        self._max_batch_work = max_batch_work
        self._max_queue_seconds = max_queue_seconds
        self._max_queue_jobs = max_queue_jobs
        self._on_queue = on_queue
        self._waiting: list[_QueuedJob] = []
        self._arrived = asyncio.Event()
        self._device = ThreadPoolExecutor(1, thread_name_prefix="device")
        self._loop_task: asyncio.Task[None] | None = None
        self._closed = False
        self._running_until = 0.0

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
        """Run something else on the device's thread, such as loading a model."""
        return await asyncio.get_running_loop().run_in_executor(self._device, function)

    async def submit(
        self,
        run: Callable[[Sequence[J], CheckCancelled], Sequence[R]],
        job: J,
        *,
        key: Hashable,
        rows: int,
        work: float,
        seconds: float,
        batch_seconds: float = 0.0,
    ) -> BatchResult[R]:
        """Wait for a job's turn and its result.

        Args:
            run: Computes a batch; results in the order of the jobs. The same for all jobs of a key.
            key: Jobs of equal keys may share a batch.
            rows: For the gauge of what waits.
            work: In the units of ``max_batch_work``.
            seconds: Estimate of the time that the job takes on the device.
            batch_seconds: Estimate of what its batch takes beside, once for all jobs of a key.

        Raises:
            OverloadedError: if the queue is full.
        """
        if self._closed:
            raise DrainingError("the service is about to stop")
        ahead = self._seconds_ahead()
        if ahead > self._max_queue_seconds or len(self._waiting) >= self._max_queue_jobs:
            raise OverloadedError(f"{len(self._waiting)} requests wait, about {ahead:.1f} s of work", ahead)
        future: asyncio.Future[BatchResult[R]] = asyncio.get_running_loop().create_future()
        waiting = _QueuedJob(key, job, rows, work, seconds, batch_seconds, run, future)
        self._waiting.append(waiting)
        self._changed()
        self._arrived.set()
        try:
            return await future
        finally:
            with contextlib.suppress(ValueError):
                self._waiting.remove(waiting)
                self._changed()

    def _seconds_ahead(self) -> float:
        """Estimated time until a job that comes now would begin."""
        running = max(0.0, self._running_until - time.monotonic())
        return running + _seconds(self._waiting)

    async def _serve(self) -> None:
        while True:
            await self._arrived.wait()
            self._arrived.clear()
            while batch := self._next_batch():
                await self._run(batch)
            if self._closed:
                return

    def _next_batch(self) -> list[_QueuedJob]:
        """The job that has waited longest, and those that may join it."""
        batch: list[_QueuedJob] = []
        work = 0.0
        for waiting in self._waiting:
            if batch and (waiting.key != batch[0].key or work + waiting.work > self._max_batch_work):
                continue
            batch.append(waiting)
            work += waiting.work
        taken = set(map(id, batch))
        self._waiting = [waiting for waiting in self._waiting if id(waiting) not in taken]
        self._changed()
        return batch

    async def _run(self, batch: list[_QueuedJob]) -> None:
        """Compute a batch; if it fails, halve it and try again, so that one bad job fails alone."""
        batch = [waiting for waiting in batch if not waiting.future.done()]
        if not batch:
            return

        def check_cancelled() -> None:
            if all(waiting.future.done() for waiting in batch):
                raise Abandoned

        started = time.monotonic()
        self._running_until = started + _seconds(batch)
        try:
            results = await self.run_on_device(
                lambda: batch[0].run([waiting.job for waiting in batch], check_cancelled)
            )
        except Abandoned:
            return
        except Exception as error:
            await self._split(batch, error)
            return
        finally:
            self._running_until = 0.0
        seconds = time.monotonic() - started
        for waiting, result in zip(batch, results, strict=True):
            if not waiting.future.done():
                waiting.future.set_result(BatchResult(result, started - waiting.since, seconds))

    async def _split(self, batch: list[_QueuedJob], error: Exception) -> None:
        if len(batch) > 1:
            middle = len(batch) // 2
            await self._run(batch[:middle])
            await self._run(batch[middle:])
        elif not batch[0].future.done():
            batch[0].future.set_exception(error)

    def _changed(self) -> None:
        self._on_queue(sum(waiting.rows for waiting in self._waiting))


def _seconds(jobs: Sequence[_QueuedJob]) -> float:
    """Estimate of what jobs take: their own parts, and one overhead for each key."""
    return sum(job.seconds for job in jobs) + sum({job.key: job.batch_seconds for job in jobs}.values())
