"""Jobs that every service with the same database knows: one runs each, and another takes it up if that one ends."""

from __future__ import annotations

import asyncio
import logging
import secrets
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection

from service.backends.generator_jobs import ProjectJob
from service.errors import JobsUnavailableError, UnavailableError
from service.runtime.database.writer import Task, Writer
from service.runtime.jobs.database import JobDatabase, OpenJob
from service.runtime.jobs.local import Job, Jobs
from service.runtime.registry import ServedGenerator

log = logging.getLogger(__name__)

BEAT_SECONDS = 2.0
LEASE_SECONDS = 10.0
"""Seconds without a beat after which a job's owner is taken for dead, by the clock of whoever takes it up."""
MOST_ATTEMPTS = 3
_MOST_WAITING = 1024


class SharedJobs(Jobs):
    """Jobs in a database: a job belongs to one process, which writes its state every few seconds.

    Of two processes that both take themselves for the owner, as after a pause of one, the database knows the right one,
    and the other lets go. Nothing depends on clocks that agree.

    Args:
        database: The table.
        find_served: Function that returns the generator of a name and version, if it is served here.
        arguments: Arguments of :class:`~service.runtime.jobs.local.Jobs`.
    """

    def __init__(
        self, database: JobDatabase, find_served: Callable[[str, int], ServedGenerator | None], *arguments: Any
    ) -> None:
        super().__init__(*arguments)
        self._database, self._find_served = database, find_served
        self._owner = secrets.token_hex(8)
        self._writer = Writer(database, _unavailable, _MOST_WAITING, 3600, Task(lambda _: None, lambda _: None))
        self._seen: dict[str, tuple[int, float]] = {}
        self._beating: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Begin to count beats, and to look for jobs whose process has ended."""
        self._beating = asyncio.create_task(self._beat())

    async def add(
        self, served: ServedGenerator, search: ProjectJob, client: str = "", origin: Mapping[str, Any] | None = None
    ) -> Job:
        """Begin a search as soon as those before it have ended; it is in the database when this returns.

        Raises:
            JobsFullError: if too many wait.
            JobsUnavailableError: if the database cannot be used.
        """
        job = await super().add(served, search, client, origin)
        begun, model = replace(job), (served.manifest.name, served.manifest.version)
        try:
            await self._writer.run(lambda connection: self._database.add(connection, begun, model, search, self._owner))
        except BaseException:
            self._drop(job.id)
            raise
        return job

    async def find(self, job_id: str) -> Job:
        """Return the job of an id, whichever process runs it; its state is some seconds old at most.

        Raises:
            UnknownJobError: if there is none, or it ended too long ago.
            JobsUnavailableError: if the database cannot be used.
        """
        if job_id in self._jobs:
            return self._jobs[job_id]
        found = await self._writer.run(lambda connection: self._database.find(connection, job_id))
        if found is None or (found[1] is not None and found[1] < _now() - self._keep_seconds):
            raise self._unknown()
        return found[0]

    async def cancel(self, job_id: str) -> Job:
        """End a job; one that has ended stays as it is. The process that runs it stops with its next beat."""
        await self.find(job_id)
        await self._write_own()
        await self._writer.run(lambda connection: self._database.cancel(connection, job_id, _now()))
        self._drop(job_id)
        return await self.find(job_id)

    async def stop(self) -> None:
        """Let go of all, so that other processes go on with them."""
        if self._beating is not None:
            self._beating.cancel()
        with suppress(UnavailableError):
            await self._write_own()
        running = [*self._tasks.values()]
        for job_id in [*self._jobs]:
            self._drop(job_id)
        await asyncio.gather(*running, return_exceptions=True)
        with suppress(UnavailableError):
            await self._writer.run(lambda connection: self._database.release(connection, self._owner))
        await asyncio.to_thread(self._writer.close)

    async def _work(self, job: Job, served: ServedGenerator, search: ProjectJob) -> None:
        await super()._work(job, served, search)
        with suppress(UnavailableError):  # the next beat tries again
            await self._write_own()

    async def _beat(self) -> None:
        while True:
            with suppress(UnavailableError):  # the log has it
                await self._write_own()
                await self._take_up(await self._look())
            await asyncio.sleep(BEAT_SECONDS)

    async def _write_own(self) -> None:
        """Write the states of this process's jobs, and let go of those that have ended or are its own no more."""
        own = [replace(job) for job in self._jobs.values()]
        lost = await self._writer.run(lambda connection: self._database.write(connection, self._owner, own, _now()))
        for job_id in [*lost, *(job.id for job in own if job.ended is not None)]:
            self._drop(job_id)

    async def _look(self) -> list[OpenJob]:
        """Return the jobs that wait or run and not here, and delete what has ended too long ago."""

        def work(connection: Connection) -> list[OpenJob]:
            self._database.expire(connection, _now() - self._keep_seconds, self._max_kept)
            return self._database.find_open(connection)

        return [job for job in await self._writer.run(work) if job.id not in self._jobs]

    async def _take_up(self, others: Sequence[OpenJob]) -> None:
        """Go on with a job whose process has ended, or say that nobody can."""
        now = time.monotonic()
        known = {job.id: self._seen.get(job.id, (-1, now)) for job in others}
        self._seen = {job.id: known[job.id] if known[job.id][0] == job.beat else (job.beat, now) for job in others}
        for job in others:
            silent = now - self._seen[job.id][1]
            if job.owner and silent < LEASE_SECONDS:
                continue
            served = self._find_served(job.model, job.version)
            if job.attempts >= MOST_ATTEMPTS:
                await self._fail(job, f"the {job.attempts} processes that ran it ended before it did")
            elif served is None and silent > self._keep_seconds:
                await self._fail(job, "the process that ran it has ended, and no other has its model")
            elif served is not None and not self._tasks:
                await self._take(job, served)

    async def _take(self, job: OpenJob, served: ServedGenerator) -> None:
        taken = await self._writer.run(lambda connection: self._database.take(connection, job, self._owner))
        if taken is not None:
            log.warning("a job of %s is taken up again: its process has ended", job.model)
            self._begin(taken[0], served, taken[1])

    async def _fail(self, job: OpenJob, reason: str) -> None:
        log.error("a job of %s is given up: %s", job.model, reason)
        await self._writer.run(lambda connection: self._database.fail(connection, job, reason, _now()))

    def _drop(self, job_id: str) -> None:
        """Know nothing of a job any more, and stop what runs of it."""
        job = self._jobs.pop(job_id, None)
        if job is not None and job in self._tasks and job.ended is None:
            self._tasks[job].cancel()


def _unavailable() -> JobsUnavailableError:
    return JobsUnavailableError("the database of jobs cannot be used at the moment; the log has the reason", 5.0)


def _now() -> float:
    return datetime.now(UTC).timestamp()
