"""One thread that writes: what waits is written together, in one transaction, and an answer waits for none of it."""

from __future__ import annotations

import logging
import queue
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection
from sqlalchemy.exc import SQLAlchemyError

from models.errors import CredenceError
from service.errors import OutcomesUnavailableError, ServiceError
from service.runtime.outcomes.database import Database

log = logging.getLogger(__name__)

_MOST_TOGETHER = 256
_REMEDY = "CREDENCE_DATABASE_URL names another, such as sqlite:////data/outcomes.sqlite"


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
        most_waiting: Number of tasks that may wait.
        idle_seconds: Seconds without a task after which ``idle`` is done.
        idle: Task that is done while there is no other.
    """

    def __init__(self, database: Database, most_waiting: int, idle_seconds: float, idle: Task) -> None:
        self._database = database
        self._waiting: queue.Queue[Task | None] = queue.Queue(most_waiting)
        self._idle_seconds, self._idle = idle_seconds, idle
        self._opened = False
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
                self._thread = threading.Thread(target=self._run, name="outcomes", daemon=True)
                self._thread.start()
        return True

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
        except (SQLAlchemyError, OSError) as error:
            log.error("the database of outcomes cannot be used: %s", error)
            reason = OutcomesUnavailableError(f"the database of outcomes cannot be used at the moment; {_REMEDY}")
            results = [reason for _ in tasks]
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
