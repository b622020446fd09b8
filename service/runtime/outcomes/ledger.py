"""What is remembered of answers and their outcomes, as the rest of the service sees it."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Connection

from service.errors import OutcomesOffError, OutcomesUnavailableError
from service.runtime.database.writer import Task, Writer
from service.runtime.outcomes.answer_rows import AnswerRow
from service.runtime.outcomes.database import OutcomeDatabase
from service.runtime.outcomes.reporting import Report, Spec
from service.runtime.outcomes.showing import show
from service.runtime.outcomes.watch import Watch
from service.settings import Settings
from service.telemetry import Telemetry

log = logging.getLogger(__name__)

_MOST_WAITING = 1024
_IDLE_SECONDS = 5.0
_EXPIRE_SECONDS = 3600.0
Version = tuple[str, int]


class Ledger:
    """Answers and outcomes in a database, and the watch of every model whose outcomes are known.

    Args:
        settings: Settings of the service.
        telemetry: Metrics, which follow the watches.

    Attributes:
        watches: Watch of each version of a model, as last committed; replaced, never changed.
    """

    def __init__(self, settings: Settings, telemetry: Telemetry) -> None:
        self._settings, self._telemetry = settings, telemetry
        self._database = OutcomeDatabase(settings.outcomes_url)
        idle = Task(self._look_after, self._adopt)
        self._writer = Writer(self._database, _unavailable, _MOST_WAITING, _IDLE_SECONDS, idle)
        self._seen = self._expired = 0.0
        self._broken: Exception | None = None
        self.watches: dict[Version, Watch] = {}

    def start(self) -> None:
        """Read what earlier services have left, if there is anything to read or all answers are to be remembered."""
        if self._settings.outcomes == "all" or self._settings.has_outcomes:
            self._writer.put(Task(self._look_after, self._adopt))

    def close(self) -> None:
        """Write what waits, and end."""
        self._writer.close()

    def check(self) -> None:
        """Raise unless answers can be remembered.

        Raises:
            OutcomesOffError: if the operator has turned outcomes off.
            OutcomesUnavailableError: if the database could not be used the last time.
        """
        self.check_on()
        if self._broken is not None:
            raise self._broken

    def remember(self, make_rows: Callable[[], Sequence[AnswerRow]]) -> None:
        """Write the rows of an answer soon; while too many wait they are dropped, and counted.

        Args:
            make_rows: Function that makes the rows, called on the thread that writes.
        """
        if not self._writer.put(Task(self._adding(make_rows), self._note)):
            self._telemetry.answers_dropped.inc()

    async def write(self, make_rows: Callable[[], Sequence[AnswerRow]]) -> None:
        """Write the rows of an answer, and return once they are durable.

        Args:
            make_rows: Function that makes the rows, called on the thread that writes.

        Raises:
            OverloadedError: if too much waits.
            OutcomesUnavailableError: if the database cannot be used.
        """
        await self._writer.run(self._adding(make_rows), self._note)

    def _adding(self, make_rows: Callable[[], Sequence[AnswerRow]]) -> Callable[[Connection], None]:
        return lambda connection: self._database.add(connection, make_rows())

    async def report(self, report: Report, spec_of: Callable[[str, int], Spec]) -> dict[str, int]:
        """Write outcomes, and return the counts of what was done once it is durable.

        Args:
            report: The outcomes.
            spec_of: Function that returns what is needed of a version of a model.

        Raises:
            ServiceError: if an outcome is refused, in which case none is written.
        """
        self.check_on()

        def work(connection: Connection) -> tuple[dict[str, int], list[Watch]]:
            return report.write(self._database, connection, spec_of, _now())

        def settle(result: Any) -> None:
            self._note(result)
            if not isinstance(result, Exception):
                self._adopt(result[1])

        counts, _ = await self._writer.run(work, settle)
        return counts

    def check_on(self) -> None:
        """Raise OutcomesOffError if the operator has turned outcomes off."""
        if self._settings.outcomes == "off":
            raise OutcomesOffError("the operator has turned outcomes off; CREDENCE_OUTCOMES=asked turns them on")

    def level(self, model: str, version: int, level: float) -> float:
        """Return the level that a level has been adapted to by the outcomes of a version of a model."""
        watch = self.watches.get((model, version))
        return level if watch is None else watch.levels.get(f"{level:g}", level)

    def _look_after(self, connection: Connection) -> list[Watch]:
        """Return the watches that others have changed since the last look, and delete what has expired."""
        now = _now()
        if now - self._expired > _EXPIRE_SECONDS:
            before = now - timedelta(days=self._settings.keep_outcomes_days).total_seconds()
            expired = self._database.expire(connection, before)
            self._expired = now
            if expired:
                log.info("%d answers of more than %g days ago were deleted", expired, self._settings.keep_outcomes_days)
        changed = self._database.watches_since(connection, self._seen)
        self._seen = now - _IDLE_SECONDS  # transactions of others may end after they have told the time
        return changed

    def _adopt(self, watches: Any) -> None:
        """Show what was committed, in metrics too."""
        self._note(watches)
        if isinstance(watches, Exception):
            return
        self.watches = {**self.watches, **{(one.model, one.version): one for one in watches}}
        for model in {one.model for one in watches}:
            newest = max(version for name, version in self.watches if name == model)
            show(self._telemetry, self.watches[model, newest])

    def _note(self, result: Any) -> None:
        """Remember whether the database could be used."""
        if isinstance(result, OutcomesUnavailableError):
            self._broken = result
            self._telemetry.outcomes_broken.set(1)
        elif self._broken is not None:
            self._broken = None
            self._telemetry.outcomes_broken.set(0)


def _unavailable() -> OutcomesUnavailableError:
    return OutcomesUnavailableError(
        "the database of outcomes cannot be used at the moment; CREDENCE_DATABASE_URL names another, such as"
        " sqlite:////data/outcomes.sqlite"
    )


def _now() -> float:
    return datetime.now(UTC).timestamp()
