"""The table of jobs that services share: each has an owner, which counts its beats while it is alive."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple, cast

import msgspec
import numpy as np
from sqlalchemy import Column, Connection, Float, Integer, LargeBinary, String, Table, Text, delete, select, update

from service.backends.generator_jobs import FoundStyle, ProjectJob
from service.runtime.database.engine import METADATA, Database
from service.runtime.jobs.local import Job, State

_JOBS = Table(
    "credence_jobs",
    METADATA,
    Column("id", String(64), primary_key=True),
    Column("model", Text, nullable=False),
    Column("version", Integer, nullable=False),
    Column("facts", Text, nullable=False),
    Column("client", Text, nullable=False),
    Column("search", LargeBinary),
    Column("state", String(16), nullable=False, index=True),
    Column("owner", String(64), nullable=False),
    Column("beat", Integer, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("found", LargeBinary),
    Column("detail", Text),
    Column("ended_at", Float(53)),
)
_OPEN = _JOBS.c.state.in_(("queued", "running"))


class OpenJob(NamedTuple):
    """A job that waits or runs, as far as it takes to tell whether its owner is alive.

    Attributes:
        beat: Number that its owner counts up while it is alive.
        owner: Name of the process that it belongs to; empty if that has let go of it.
        attempts: Number of processes that it has belonged to.
    """

    id: str
    model: str
    version: int
    owner: str
    beat: int
    attempts: int


class JobDatabase(Database):
    """A connection to the table of jobs."""

    def add(self, connection: Connection, job: Job, model: tuple[str, int], search: ProjectJob, owner: str) -> None:
        """Write a new job, which belongs to a process."""
        values = {
            "id": job.id,
            "model": model[0],
            "version": model[1],
            "facts": msgspec.json.encode(job.facts).decode(),
            "client": job.client,
            "search": _encode_array(search.pixels),
            "state": job.state,
            "owner": owner,
            "beat": 0,
            "attempts": 1,
        }
        connection.execute(self.insert(_JOBS).values(values))

    def find(self, connection: Connection, job_id: str) -> tuple[Job, float | None] | None:
        """Return a job and the time of its end in seconds since 1970; ``None`` if there is no such job."""
        row = connection.execute(select(_JOBS).where(_JOBS.c.id == job_id)).one_or_none()
        return None if row is None else (_job(row), row.ended_at)

    def write(self, connection: Connection, owner: str, jobs: Sequence[Job], now: float) -> list[str]:
        """Write the states of a process's jobs; return the ids of those that are its own no more, or were cancelled.

        Args:
            connection: Connection in a transaction.
            owner: Name of the process.
            jobs: Its jobs.
            now: Time in seconds since 1970.
        """
        lost = []
        for job in jobs:
            values: dict[str, Any] = {"state": job.state, "found": _encode_found(job), "detail": job.detail}
            if job.ended is not None:
                values |= {"ended_at": now, "search": None}
            mine = (_JOBS.c.id == job.id) & (_JOBS.c.owner == owner) & _OPEN
            done = connection.execute(update(_JOBS).where(mine).values(beat=_JOBS.c.beat + 1, **values))
            lost += [] if done.rowcount else [job.id]
        return lost

    def cancel(self, connection: Connection, job_id: str, now: float) -> None:
        """End a job, whoever it belongs to; one that has ended stays as it is."""
        values = {"state": "cancelled", "ended_at": now, "search": None}
        connection.execute(update(_JOBS).where((_JOBS.c.id == job_id) & _OPEN).values(values))

    def release(self, connection: Connection, owner: str) -> None:
        """Let go of a process's jobs, so that others take them up at once."""
        mine = (_JOBS.c.owner == owner) & _OPEN
        connection.execute(update(_JOBS).where(mine).values(state="queued", owner="", beat=_JOBS.c.beat + 1))

    def find_open(self, connection: Connection) -> list[OpenJob]:
        """Return the jobs that wait or run."""
        columns = [_JOBS.c[name] for name in OpenJob._fields]
        return [OpenJob(*row) for row in connection.execute(select(*columns).where(_OPEN))]

    def take(self, connection: Connection, job: OpenJob, owner: str) -> tuple[Job, ProjectJob] | None:
        """Make a job a process's own; ``None`` if its owner lives after all, or another process was faster."""
        unchanged = (_JOBS.c.id == job.id) & (_JOBS.c.beat == job.beat) & _OPEN
        values = {"owner": owner, "state": "queued", "beat": job.beat + 1, "attempts": job.attempts + 1}
        if not connection.execute(update(_JOBS).where(unchanged).values(values)).rowcount:
            return None
        row = connection.execute(select(_JOBS).where(_JOBS.c.id == job.id)).one()
        return _job(row), ProjectJob(_decode_array(row.search))

    def fail(self, connection: Connection, job: OpenJob, detail: str, now: float) -> None:
        """End a job that nobody can finish."""
        unchanged = (_JOBS.c.id == job.id) & (_JOBS.c.beat == job.beat) & _OPEN
        values = {"state": "failed", "detail": detail, "ended_at": now, "search": None}
        connection.execute(update(_JOBS).where(unchanged).values(values))

    def expire(self, connection: Connection, before: float, most: int) -> None:
        """Delete the jobs that ended before a time, in seconds since 1970, and the oldest beyond a number."""
        newest = select(_JOBS.c.id).where(~_OPEN).order_by(_JOBS.c.ended_at.desc()).limit(most)
        connection.execute(delete(_JOBS).where(~_OPEN & ((_JOBS.c.ended_at < before) | _JOBS.c.id.not_in(newest))))


class _Array(msgspec.Struct, array_like=True):
    shape: tuple[int, ...]
    content: bytes


class _Found(msgspec.Struct, array_like=True):
    loss: float
    step: int
    steps: int
    w: _Array | None
    image: _Array | None


def _encode_array(array: np.ndarray[Any, Any]) -> bytes:
    return msgspec.msgpack.encode(_packed(array))


def _decode_array(content: bytes) -> np.ndarray[Any, np.dtype[np.float32]]:
    return _unpacked(msgspec.msgpack.decode(content, type=_Array))


def _packed(array: np.ndarray[Any, Any]) -> _Array:
    return _Array(array.shape, np.ascontiguousarray(array, np.float32).tobytes())


def _unpacked(packed: _Array | None) -> np.ndarray[Any, np.dtype[np.float32]]:
    if packed is None:
        return np.empty(0, np.float32)
    return np.frombuffer(packed.content, np.float32).reshape(packed.shape).copy()  # which may be written


def _encode_found(job: Job) -> bytes | None:
    """Return what a search has found: while it runs its progress alone, which is all that is shown."""
    if job.found is None:
        return None
    arrays = (_packed(job.found.w), _packed(job.found.image)) if job.state == "done" else (None, None)
    return msgspec.msgpack.encode(_Found(float(job.found.loss), job.found.step, job.found.steps, *arrays))


def _decode_found(content: bytes | None) -> FoundStyle | None:
    if content is None:
        return None
    found = msgspec.msgpack.decode(content, type=_Found)
    return FoundStyle(_unpacked(found.w), _unpacked(found.image), found.loss, found.step, found.steps)


def _job(row: Any) -> Job:
    facts = msgspec.json.decode(row.facts, type=dict[str, str])
    state, found = cast(State, row.state), _decode_found(row.found)
    return Job(row.id, facts, row.client, state=state, found=found, detail=row.detail)
