"""One thread that writes: what waits is written together, in one transaction, and an answer waits for none of it."""

from __future__ import annotations

import asyncio
import logging
import queue
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from sqlalchemy import Connection
from sqlalchemy.exc import SQLAlchemyError

from models.errors import CredenceError
from service.errors import OverloadedError, ServiceError
from service.runtime.database.engine import FAILURES, Database

log = logging.getLogger(__name__)

R = TypeVar("R")
_MOST_TOGETHER = 256


@dataclass(frozen=True)
class Task:
    """Work within a transaction.

    Attributes:
        work: Function that does it.
        done: Function that is given the result once it is durable, or the reason why there is none.
    """

    work: Callable[[Connection], Any]
    done: Callable[[Any], None]


class Writer:
    """A thread with the only connection of this process.

    Args:
        database: The tables.
        unavailable: Function that makes the error that all tasks get while the database cannot be used.
        most_waiting: Number of tasks that may wait.
        idle_seconds: Seconds without a task after which ``idle`` is done.
        idle: Task that is done while there is no other.
    """

    def __init__(
        self,
        database: Database,
        unavailable: Callable[[], Exception],
        most_waiting: int,
        idle_seconds: float,
        idle: Task,
    ) -> None:
        self._database, self._unavailable = database, unavailable
        self._waiting: queue.Queue[Task | None] = queue.Queue(most_waiting)
        self._idle_seconds, self._idle = idle_seconds, idle
        self._opened = self._fails = False
        self._thread: threading.Thread | None = None
        self._starting = threading.Lock()

    def put(self, task: Task) -> bool:
        """Have a task done after those before it; ``False`` if too many wait."""
        try:
            self._waiting.put_nowait(task)
        except queue.Full:
            return False
        with self._starting:
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="database", daemon=True)
                self._thread.start()
        return True

    async def run(self, work: Callable[[Connection], R], note: Callable[[Any], None] = lambda _: None) -> R:
        """Return the result of work once it is durable.

        Args:
            work: Function that does it.
            note: Function that is given the result, or the reason why there is none, before it is returned.

        Raises:
            OverloadedError: if too much waits.
            ServiceError: if the work is refused, or the database cannot be used.
        """
        loop = asyncio.get_running_loop()
        future: asyncio.Future[R] = loop.create_future()

        def settle(result: Any) -> None:
            note(result)
            loop.call_soon_threadsafe(_set, future, result)

        if not self.put(Task(work, settle)):
            raise OverloadedError("too much waits to be written to the database")
        return await future

    def close(self) -> None:
        """Do what waits, and end."""
        if self._thread is not None:
            self._waiting.put(None)
            self._thread.join()
        self._database.close()

    def _run(self) -> None:
        while True:
            tasks = self._next()
            self._do([task for task in tasks if task is not None])
            if None in tasks:
                return

    def _next(self) -> list[Task | None]:
        """Wait for a task, and return it with those that wait behind it."""
        try:
            tasks = [self._waiting.get(timeout=self._idle_seconds)]
        except queue.Empty:
            return [self._idle]
        while len(tasks) < _MOST_TOGETHER:
            try:
                tasks.append(self._waiting.get_nowait())
            except queue.Empty:
                break
        return tasks

    def _do(self, tasks: list[Task]) -> None:
        """Do tasks in one transaction; one that is refused changes nothing, and does not hinder the others."""
        try:
            if not self._opened:
                self._database.open()
                self._opened = True
            with self._database.begin() as connection:
                results = [_result_of(task, connection) for task in tasks]
        except FAILURES as error:
            (log.debug if self._fails else log.error)("the database cannot be used: %s", error)
            self._fails, self._opened = True, False  # it may be another database when it is there again
            results = [self._unavailable() for _ in tasks]
        else:
            if self._fails:
                log.info("the database can be used again")
            self._fails = False
        for task, result in zip(tasks, results, strict=True):
            task.done(result)


def _result_of(task: Task, connection: Connection) -> Any:
    try:
        with connection.begin_nested():
            return task.work(connection)
    except (CredenceError, ServiceError) as error:
        return error
    except SQLAlchemyError:
        raise
    except Exception as error:
        log.exception("an answer or outcome could not be written")
        return error


def _set(future: asyncio.Future[Any], result: Any) -> None:
    """Give a result to whoever still waits for it."""
    if future.done():
        return
    if isinstance(result, Exception):
        future.set_exception(result)
    else:
        future.set_result(result)
