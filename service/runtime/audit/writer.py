"""One thread that writes the audit: what waits is written together, and an answer waits until its line is there."""

from __future__ import annotations

import logging
import queue
import threading
from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field

from service.errors import AuditUnavailableError
from service.runtime.audit.file import AuditFile
from service.telemetry import Telemetry

log = logging.getLogger(__name__)

_MOST_TOGETHER = 1000
_RETRY_SECONDS = 1.0


@dataclass(frozen=True, eq=False)
class _Waiting:
    line: bytes
    written: Future[None] = field(default_factory=Future)


class AuditWriter:
    """Lines on their way to the file. After one that cannot be written, room for another is looked for every second.

    Args:
        file: The file.
        telemetry: Metrics of the service.
        software: Versions of what computes answers, by name.
    """

    def __init__(self, file: AuditFile, telemetry: Telemetry, software: Mapping[str, str]) -> None:
        self.software: Mapping[str, str] = software
        self._file, self._telemetry = file, telemetry
        self._waiting: queue.SimpleQueue[_Waiting | None] = queue.SimpleQueue()
        self._broken = False
        self._thread = threading.Thread(target=self._run, name="audit", daemon=True)
        self._thread.start()

    @property
    def is_broken(self) -> bool:
        """``True`` while lines cannot be written."""
        return self._broken

    def put(self, line: bytes) -> Future[None]:
        """Have a line written; the future is done once it is in the file, and may fail with AuditUnavailableError."""
        one = _Waiting(line)
        self._waiting.put(one)
        return one.written

    def close(self) -> None:
        """Write what waits, and end."""
        self._waiting.put(None)
        self._thread.join()
        self._file.close()

    def _run(self) -> None:
        while True:
            taken = self._next()
            if lines := [one for one in taken if one is not None]:
                self._write(lines)
            elif not taken:
                self._look_for_room()
            if None in taken:
                return

    def _next(self) -> list[_Waiting | None]:
        """Wait for a line, and return it with those behind it; nothing if it is time to look for room."""
        try:
            taken = [self._waiting.get(timeout=_RETRY_SECONDS if self._broken else None)]
        except queue.Empty:
            return []
        while len(taken) < _MOST_TOGETHER and not self._waiting.empty():
            taken.append(self._waiting.get())
        return taken

    def _write(self, lines: Sequence[_Waiting]) -> None:
        """Write lines, let their answers go, and have the disk keep them."""
        awaited = [one.written for one in lines if one.written.set_running_or_notify_cancel()]
        try:
            self._file.append(b"".join(one.line for one in lines))
        except OSError as error:
            self._break(error)
            refusal = AuditUnavailableError("the audit cannot be written at the moment, so nothing is answered")
            for one in awaited:
                one.set_exception(refusal)
            return
        for one in awaited:
            one.set_result(None)
        self._telemetry.audit_lines.inc(len(lines))
        self._look_for_room()

    def _look_for_room(self) -> None:
        """After a failure, try whether more can be written; have the disk keep what was."""
        try:
            if self._broken:
                self._file.try_to_write()
            self._file.sync()
        except OSError as error:
            self._break(error)
            return
        if self._broken:
            log.warning("the audit can be written again")
        self._broken = False
        self._telemetry.audit_broken.set(False)

    def _break(self, error: OSError) -> None:
        if not self._broken:
            log.critical("the audit cannot be written, so nothing is answered: %s", error.strerror)
        self._broken = True
        self._telemetry.audit_broken.set(True)
