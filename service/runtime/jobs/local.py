"""Work that goes on after its request was answered: one job at a time, in slices between the requests."""

from __future__ import annotations

import asyncio
import functools
import logging
import secrets
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from models.errors import CredenceError
from service.backends.generator_jobs import FoundStyle, ProjectJob, SearchProgress
from service.errors import DrainingError, JobsFullError, OverloadedError, ServiceError, UnknownJobError
from service.runtime.registry import ServedGenerator
from service.scheduling.batching import BatchResult
from service.scheduling.round_robin import RoundRobin

log = logging.getLogger(__name__)

State = Literal["queued", "running", "done", "failed", "cancelled"]

_ID_BYTES = 16
_PATIENCE_SECONDS = 0.1
"""Seconds for which a job steps back when the queue is full of requests."""


@dataclass(eq=False)
class Job:
    """A search and its state.

    Attributes:
        id: Random text that nobody can guess; whoever knows it may see and cancel the job.
        facts: Entries that every answer has about the generator that is searched.
        client: Name of whoever asked for it.
        origin: State of the request that asked for it, with its id.
        added: Time at which it was asked for, in seconds on the monotonic clock.
        begun: Time at which its turn came; ``None`` before it.
        state: State of the job.
        found: Best style so far; ``None`` if there is none yet.
        detail: Reason for which it failed.
        ended: Time of its end in seconds on the monotonic clock; ``None`` before it.
    """

    id: str
    facts: Mapping[str, str]
    client: str = ""
    origin: Mapping[str, Any] = field(default_factory=dict)
    added: float = field(default_factory=time.monotonic)
    begun: float | None = None
    state: State = "queued"
    found: FoundStyle | None = None
    detail: str | None = None
    ended: float | None = None

    def end(self, state: State, detail: str | None = None) -> None:
        """Set the last state; later ones do not count."""
        if self.ended is None:
            self.state, self.detail, self.ended = state, detail, time.monotonic()


class Jobs:
    """All jobs that wait, run or have ended not long ago.

    Args:
        run_slice: Coroutine that takes a search a slice further, once the device has time.
        max_jobs: Most jobs that wait or run, half of them at most of one client.
        max_kept: Most jobs that have ended and are kept.
        keep_seconds: Seconds for which a job that has ended is kept.
        on_end: Callback that gets every job once its work has ended.
    """

    def __init__(
        self,
        run_slice: Callable[[ServedGenerator, ProjectJob, str], Awaitable[BatchResult[SearchProgress]]],
        max_jobs: int,
        max_kept: int,
        keep_seconds: float,
        on_end: Callable[[Job], None] = lambda job: None,
    ) -> None:
        self._run_slice, self._on_end = run_slice, on_end
        self._max_jobs, self._max_kept, self._keep_seconds = max_jobs, max_kept, keep_seconds
        self._jobs: dict[str, Job] = {}
        self._tasks: dict[Job, asyncio.Task[None]] = {}
        self._turns = RoundRobin(max_jobs, max_jobs)

    async def start(self) -> None:
        """Begin; there is nothing to do before the first job."""

    async def add(
        self, served: ServedGenerator, search: ProjectJob, client: str = "", origin: Mapping[str, Any] | None = None
    ) -> Job:
        """Begin a search once its turn has come, which goes round the clients.

        Raises:
            JobsFullError: if too many wait, or too many of this client.
        """
        self._forget()
        own = sum(job.client == client for job in self._tasks)
        if own >= max(1, self._max_jobs // 2):
            raise JobsFullError(f"{own} of your jobs wait or run, the limit for one client", retry_seconds=10)
        if len(self._tasks) >= self._max_jobs:
            raise JobsFullError(f"{len(self._tasks)} jobs wait or run, the limit", retry_seconds=10)
        job = Job(secrets.token_urlsafe(_ID_BYTES), served.facts, client, origin or {})
        self._begin(job, served, search)
        return job

    def _begin(self, job: Job, served: ServedGenerator, search: ProjectJob) -> None:
        self._jobs[job.id] = job
        task = self._tasks[job] = asyncio.create_task(self._work(job, served, search))
        task.add_done_callback(functools.partial(self._finish, job))

    async def find(self, job_id: str) -> Job:
        """Return the job of an id.

        Raises:
            UnknownJobError: if there is none, or it ended too long ago.
        """
        self._forget()
        if job_id not in self._jobs:
            raise self._unknown()
        return self._jobs[job_id]

    def _unknown(self) -> UnknownJobError:
        return UnknownJobError(f"there is no such job; one that has ended is kept for {self._keep_seconds:g} s")

    async def cancel(self, job_id: str) -> Job:
        """End a job; one that has ended stays as it is."""
        job = await self.find(job_id)
        job.end("cancelled")
        if job in self._tasks:
            self._tasks[job].cancel()
        return job

    async def stop(self) -> None:
        """Cancel all: when the service ends, nobody can ask for their results."""
        running = dict(self._tasks)
        for job, task in running.items():
            job.end("cancelled")
            task.cancel()
        await asyncio.gather(*running.values(), return_exceptions=True)

    async def _work(self, job: Job, served: ServedGenerator, search: ProjectJob) -> None:
        try:
            await self._turns.acquire(job.client)
            try:
                job.state, job.begun = "running", time.monotonic()
                await self._search(job, served, search)
            finally:
                self._turns.release()
        except DrainingError:
            job.end("cancelled")
        except (CredenceError, ServiceError) as error:
            job.end("failed", str(error))
        except Exception:
            about = {name: job.origin[name] for name in ("request_id", "trace_id") if name in job.origin}
            log.exception("a job of %s failed", served.manifest.name, extra=about)
            job.end("failed", "an unexpected error; the log has it")

    async def _search(self, job: Job, served: ServedGenerator, search: ProjectJob) -> None:
        ended = False
        while not ended:
            try:
                progress = (await self._run_slice(served, search, job.client)).result
            except OverloadedError:
                await asyncio.sleep(_PATIENCE_SECONDS)
                continue
            job.found, ended = progress.found or job.found, progress.ended
        if job.found is None:
            raise ServiceError("the search found nothing")
        job.end("done")

    def _finish(self, job: Job, _task: asyncio.Task[None]) -> None:
        self._tasks.pop(job)
        self._on_end(job)

    def _forget(self) -> None:
        """Drop what ended too long ago, or too many jobs ago."""
        ended = sorted((job for job in self._jobs.values() if job.ended is not None), key=lambda job: job.ended or 0.0)
        oldest = time.monotonic() - self._keep_seconds
        for i, job in enumerate(ended):
            if (job.ended or 0.0) < oldest or i < len(ended) - self._max_kept:
                del self._jobs[job.id]
