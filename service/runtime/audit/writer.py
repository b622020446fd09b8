"""One thread that writes the audit: what waits is written together, and an answer waits for none of it."""

from __future__ import annotations

import logging
import queue
import threading
from collections.abc import Mapping

from service.runtime.audit.file import AuditFile
from service.telemetry import Telemetry

log = logging.getLogger(__name__)

_MOST_TOGETHER = 1000
_RETRY_SECONDS = 1.0


class AuditWriter:
    """Lines on their way to the disk. What cannot be written is kept and tried again, every second.

    Args:
        file: The file.
        telemetry: Metrics of the service.
        software: Versions of what computes answers, by name.
    """

    def __init__(self, file: AuditFile, telemetry: Telemetry, software: Mapping[str, str]) -> None:
        self.software: Mapping[str, str] = software
        self._file, self._telemetry = file, telemetry
        self._waiting: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
        self._closing = threading.Event()
        self._broken = False
        self._thread = threading.Thread(target=self._run, name="audit", daemon=True)
        self._thread.start()

    @property
    def is_broken(self) -> bool:
        """``True`` while lines cannot be written."""
        return self._broken

    def put(self, line: bytes) -> None:
        """Have a line written."""
        self._waiting.put(line)

    def close(self) -> None:
        """Write what waits, and end; what cannot be written even now is counted as lost."""
        self._closing.set()
        self._waiting.put(None)
        self._thread.join()

    def _run(self) -> None:
        ended = False
        while not ended:
            lines, ended = self._next()
            while not self._write(lines):
                if self._closing.wait(_RETRY_SECONDS):
                    self._give_up(lines)
                    return

    def _next(self) -> tuple[list[bytes], bool]:
        """Wait for a line, and return it with those behind it, and whether they are the last."""
        taken = [self._waiting.get()]
        while len(taken) < _MOST_TOGETHER and not self._waiting.empty():
            taken.append(self._waiting.get())
        return [line for line in taken if line is not None], None in taken

    def _write(self, lines: list[bytes]) -> bool:
        try:
            self._file.append(b"".join(lines))
        except OSError as error:
            if not self._broken:
                log.critical("the audit cannot be written, so nothing is computed: %s", error.strerror)
            self._broken = True
        else:
            if self._broken:
                log.warning("the audit is written again; no line is missing")
            self._broken = False
            self._telemetry.audit_lines.inc(len(lines))
        self._telemetry.audit_broken.set(self._broken)
        return not self._broken

    def _give_up(self, lines: list[bytes]) -> None:
        rest = [] if self._write(lines) else lines
        while not self._waiting.empty():
            line = self._waiting.get()
            if line is not None and (rest or not self._write([line])):
                rest.append(line)
        if rest:
            log.critical("%d lines of the audit are lost: they could not be written before the end", len(rest))
