"""Batches by work: jobs that may share a run wait together, and a run starts as soon as the device is free.

Knows neither HTTP nor models. A job is given up by cancelling the task that waits for it (its deadline passed, or
its client left): if it still waits it never runs, and a run in which nobody is interested any longer stops at its next
checkpoint. There a long run also stops for others: each client has its share of the device's time, and of that its
short jobs have theirs and its long ones theirs.
"""

from __future__ import annotations

import asyncio
import functools
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, TypeVar

from service.errors import DrainingError, OverloadedError
from service.scheduling.pace import Pace
from service.scheduling.shares import Shares
from service.scheduling.terms import (
    LONG_SECONDS,
    BatchResult,
    BatchTerms,
    Cancelled,
    CheckCancelled,
    Flow,
    QueuedJob,
    estimate_seconds,
    seconds_ahead,
)

__all__ = ["BatchResult", "BatchTerms", "Batcher", "CheckCancelled"]

J = TypeVar("J")
R = TypeVar("R")

_SHORTEST_TURN = 0.002
"""Seconds for which a run goes on even if others wait, so that changing threads takes little of the time."""
_MOST_OPEN = 8
"""Most runs that have begun and gave way; each keeps a thread, and what it has computed so far."""


@dataclass(eq=False)
class Run:
    """A function under way: on a thread of its own, or at once on the event loop's.

    Attributes:
        function: What is run; it calls its argument between its steps.
        is_left: Function that returns whether nobody waits for the result any longer.
        gives_way: Function that returns whether others wait; ``None`` for a short run, which is never stopped.
        is_direct: Whether the event loop runs it itself, from beginning to end.
        result: What the function will return; ``None`` before it has begun.
        seconds: Seconds for which it went on, without those for which it was stopped.
        since: Time at which its turn began, in seconds on the monotonic clock.
    """

    function: Callable[[CheckCancelled], Any]
    is_left: Callable[[], bool]
    gives_way: Callable[[], bool] | None
    is_direct: bool = False
    result: asyncio.Future[Any] | None = None
    seconds: float = 0.0
    since: float = 0.0
    _resumed: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))
    _turn_over: asyncio.Event = field(default_factory=asyncio.Event)
    _loop: asyncio.AbstractEventLoop = field(default_factory=asyncio.get_running_loop)

    async def advance(self, threads: Executor) -> bool:
        """Go on until the run has ended, or gives way; return whether it has ended."""
        self.since = time.monotonic()
        if self.is_direct:
            self.result = self._loop.create_future()
            try:
                self.result.set_result(self.function(self._check))
            except Exception as error:  # whoever asks for the result gets it
                self.result.set_exception(error)
        elif self.result is None:
            self.result = self._loop.run_in_executor(threads, self.function, self._check)
            if self.gives_way is not None:
                self.result.add_done_callback(self._end_turn)
        else:
            self._resumed.release()
        if self.gives_way is None:
            with suppress(Exception):  # whoever asks for the result gets it
                await self.result
        else:
            await self._turn_over.wait()
            self._turn_over.clear()
        self.seconds += time.monotonic() - self.since
        return self.result.done()

    def _check(self) -> None:
        """Stop while others have their turn; called on the run's thread."""
        if self.gives_way is not None and time.monotonic() - self.since > _SHORTEST_TURN and self.gives_way():
            self._loop.call_soon_threadsafe(self._end_turn)
            self._resumed.acquire()
        if self.is_left():
            raise Cancelled

    def _end_turn(self, _: object = None) -> None:
        self._turn_over.set()


@dataclass(eq=False)
class _Batch:
    """Jobs that run together, once they have begun.

    Attributes:
        flow: The flow whose turn they run in; jobs of others may have joined, be it as the first of the list.
        jobs: The jobs, as they came.
        run: The run that computes them.
    """

    flow: Flow
    jobs: list[QueuedJob]
    run: Run


class Batcher:
    """One queue in front of one device.

    Args:
        max_batch_work: Limit on the work of a batch; a job with more runs alone.
        max_queue_seconds: Estimated seconds of work before a job's turn above which it is refused.
        max_queue_jobs: Number of waiting jobs at which new ones are refused, or those of who has more of them.
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
        self._waiting: list[QueuedJob] = []
        self._running: _Batch | None = None
        self._open: dict[Flow, _Batch] = {}  # those that gave way
        self._shares: Shares[Flow] = Shares()
        self._pace = Pace()
        self._arrived = asyncio.Event()
        self._threads = ThreadPoolExecutor(_MOST_OPEN + 1, thread_name_prefix="device")
        self._loop_task: asyncio.Task[None] | None = None
        self._closed = False

    @property
    def waiting(self) -> int:
        """Number of jobs that wait for the device."""
        return len(self._waiting)

    @property
    def is_busy(self) -> bool:
        """``True`` while a batch runs, or has begun."""
        return self._running is not None or bool(self._open)

    async def start(self) -> None:
        """Begin to take jobs off the queue."""
        self._loop_task = asyncio.create_task(self._serve())

    async def stop(self) -> None:
        """Refuse new jobs, finish those that wait, and let the device go."""
        self._closed = True
        self._arrived.set()
        if self._loop_task:
            await self._loop_task
        self._threads.shutdown()

    async def run_on_device(self, function: Callable[[], R]) -> R:
        """Run any other function as if it were a job that is never too much, such as one that loads a model."""
        terms = BatchTerms(object(), 0, self._max_batch_work, 0.0)
        return (await self.submit(lambda _jobs, _check: [function()], None, terms)).result

    async def submit(
        self,
        run: Callable[[Sequence[J], CheckCancelled], Sequence[R]],
        job: J,
        terms: BatchTerms,
        label: Any = None,
        client: str = "",
    ) -> BatchResult[R]:
        """Wait for a job's turn and its result.

        Args:
            run: Computes a batch, with results in the order of the jobs; it is the same for all jobs of a key.
            job: Data for ``run``.
            terms: Key, size and cost of the job.
            label: Object under which its batch is reported.
            client: Name of whoever asks, who shares the device with other clients; empty for the service itself.

        Raises:
            OverloadedError: if the queue is full.
            DrainingError: if the service is about to stop.
        """
        if self._closed:
            raise DrainingError("the service is about to stop")
        flow = Flow(client, terms.seconds + terms.batch_seconds > LONG_SECONDS)
        if terms.rows and (self._waiting or self._open or self._running):
            self._check_queue(flow, terms)
        future: asyncio.Future[BatchResult[R]] = asyncio.get_running_loop().create_future()
        queued = QueuedJob(job, terms, run, label, flow, future)
        self._set_queue([*self._waiting, queued])
        self._arrived.set()
        try:
            return await future
        finally:
            if queued in self._waiting:  # given up before its turn came
                self._set_queue([other for other in self._waiting if other is not queued])

    def _check_queue(self, flow: Flow, terms: BatchTerms) -> None:
        """Refuse a job whose turn would come too late, or one for each that comes while too many wait.

        Raises:
            OverloadedError: if it is this one that is refused.
        """
        begun = [*self._open.values(), *([self._running] if self._running else [])]
        left = {batch.flow: self._seconds_left(batch) for batch in begun}
        ahead = seconds_ahead(terms, flow, self._waiting, left) * self._pace.slowness
        if ahead > self._max_queue_seconds:
            raise OverloadedError(f"{len(self._waiting)} requests wait, about {ahead:.1f} s of work", ahead)
        if len(self._waiting) >= self._max_queue_jobs:
            refusal = OverloadedError(f"{len(self._waiting)} requests wait, about {ahead:.1f} s of work", ahead)
            counts = Counter(queued.flow.client for queued in self._waiting)
            client, count = counts.most_common(1)[0]
            if count <= counts[flow.client] + 1:
                raise refusal
            last = [queued for queued in self._waiting if queued.flow.client == client][-1]
            if not last.future.done():
                last.future.set_exception(refusal)
            self._set_queue([queued for queued in self._waiting if queued is not last])

    def _seconds_left(self, batch: _Batch) -> float:
        spent = batch.run.seconds + (time.monotonic() - batch.run.since if batch is self._running else 0.0)
        return max(0.0, estimate_seconds(batch.jobs) - spent)

    async def _serve(self) -> None:
        """Let those whose turn it is go on, until their batch has ended or gives way, and so on."""
        while not self._closed or self._waiting or self._open:
            if not (self._waiting or self._open):
                await self._arrived.wait()
                self._arrived.clear()
                continue
            if len(self._waiting) == 1 and not self._open:  # the usual case takes no choosing
                batch = self._begin(self._waiting[0].flow, self._waiting)
                self._set_queue([])
            else:
                flow = self._next_flow()
                batch = self._open.pop(flow) if flow in self._open else self._begin(flow, self._next_jobs(flow))
            before, self._running = batch.run.seconds, batch
            ended = await batch.run.advance(self._threads)
            self._running = None
            if self._waiting or self._open:  # otherwise it took nothing from anybody
                self._shares.charge(batch.flow, batch.run.seconds - before)
            if ended:
                await self._finish(batch)
            else:
                self._open[batch.flow] = batch

    def _next_flow(self) -> Flow:
        """Return whose turn it is: of those that have begun, and those that may begin."""
        may_begin = len(self._open) < _MOST_OPEN
        flows = [queued.flow for queued in self._waiting if may_begin or not queued.flow.is_long]
        return self._shares.next(dict.fromkeys([*flows, *self._open]))

    def _next_jobs(self, flow: Flow) -> list[QueuedJob]:
        """Take the job of a flow that has waited longest off the queue, and those of any client that may join it."""
        first = next(queued for queued in self._waiting if queued.flow == flow)
        batch: list[QueuedJob] = []
        left: list[QueuedJob] = []
        work, seconds = first.terms.work, first.terms.seconds
        for queued in self._waiting:
            terms = queued.terms
            if queued is first:
                batch.append(queued)
            elif (
                queued.flow.is_long != flow.is_long
                or terms.key != first.terms.key
                or work + terms.work > self._max_batch_work
                or seconds + terms.seconds > LONG_SECONDS
            ):
                left.append(queued)
            else:
                batch.append(queued)
                work, seconds = work + terms.work, seconds + terms.seconds
        self._set_queue(left)
        return batch

    def _begin(self, flow: Flow, jobs: list[QueuedJob]) -> _Batch:
        """Return a batch of jobs that run in a flow's turn."""

        def is_left() -> bool:
            return all(queued.future.done() for queued in jobs)

        function = functools.partial(jobs[0].run, [queued.job for queued in jobs])
        gives_way = functools.partial(self._others_wait, flow) if flow.is_long else None
        is_direct = jobs[0].terms.is_direct and not flow.is_long
        return _Batch(flow, jobs, Run(function, is_left, gives_way, is_direct))

    def _others_wait(self, flow: Flow) -> bool:
        """Return whether others than this flow wait; called on a thread of the device."""
        return bool(self._open) or any(queued.flow != flow for queued in self._waiting)

    async def _finish(self, batch: _Batch) -> None:
        """Give all jobs their results; if the batch has failed, halve it and try again, so that one fails alone."""
        run, jobs = batch.run, batch.jobs
        try:
            assert run.result is not None  # it has ended
            results = run.result.result()
        except Cancelled:
            pass  # nobody is left
        except Exception as error:
            await self._split(batch, error)
        else:
            if self._waiting:  # otherwise nobody asks how long it takes
                self._pace.add(estimate_seconds(jobs), run.seconds)
            if rows := sum(queued.terms.rows for queued in jobs):
                self._on_batch(jobs[0].label, rows, run.seconds)
            waited = time.monotonic() - run.seconds
            for queued, result in zip(jobs, results, strict=True):
                if not queued.future.done():
                    queued.future.set_result(BatchResult(result, max(0.0, waited - queued.since), run.seconds))
        if run.is_direct:
            await asyncio.sleep(0)  # let the event loop send these, and read what came meanwhile

    async def _split(self, batch: _Batch, error: Exception) -> None:
        jobs = batch.jobs
        if len(jobs) == 1:
            if not jobs[0].future.done():
                jobs[0].future.set_exception(error)
            return
        middle = len(jobs) // 2
        for half in (jobs[:middle], jobs[middle:]):
            if left := [queued for queued in half if not queued.future.done()]:
                part = self._begin(batch.flow, left)
                while not await part.run.advance(self._threads):
                    pass  # what has failed together is done with before anything else
                await self._finish(part)

    def _set_queue(self, waiting: list[QueuedJob]) -> None:
        self._waiting = waiting
        self._on_queue(sum(queued.terms.rows for queued in waiting))
