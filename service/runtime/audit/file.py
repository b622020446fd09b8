"""The file of the audit: whole lines, in a new file when it has grown long."""

from __future__ import annotations

import os
import stat
from logging.handlers import RotatingFileHandler
from pathlib import Path


class UnusableAuditFileError(Exception):
    """The file of the audit cannot be written."""


_LONG_LINE = 4096


class AuditFile:
    """A file that only grows, and the older ones beside it, ``<name>.1`` being the youngest.

    Args:
        path: The file.
        max_bytes: Size from which another file is begun.
        kept: Number of older files that are kept.

    Raises:
        UnusableAuditFileError: if it cannot be written, or is no regular file.
    """

    def __init__(self, path: Path, max_bytes: int, kept: int) -> None:
        self._path, self._max_bytes = path, max_bytes
        self._rotation = RotatingFileHandler(path, backupCount=kept, delay=True)
        try:
            if path.exists() and not stat.S_ISREG(path.stat().st_mode):
                raise UnusableAuditFileError(f"{path} is no regular file")
            self.append(b"")
            self._end_torn_line()
        except OSError as error:
            raise UnusableAuditFileError(f"{path} cannot be written: {error.strerror}") from error

    def append(self, lines: bytes) -> None:
        """Write whole lines, all of them or none.

        Raises:
            OSError: if the disk is full, say; then nothing was written.
        """
        size = self._path.stat().st_size if self._path.exists() else 0
        if size and size + len(lines) > self._max_bytes:
            self._rotation.doRollover()
            size = 0
        descriptor = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            _write_all(descriptor, lines)
        except OSError:
            os.ftruncate(descriptor, size)
            raise
        finally:
            os.close(descriptor)

    def sync(self) -> None:
        """Have the disk keep what was written, even if the machine's power ends.

        Raises:
            OSError: if it does not.
        """
        with self._path.open("rb") as file:
            os.fsync(file.fileno())

    def try_to_write(self) -> None:
        """Write as much as a long line takes, and remove it again.

        Raises:
            OSError: if there is no room for it.
        """
        size = self._path.stat().st_size
        try:
            self.append(b" " * _LONG_LINE)
        finally:
            if self._path.stat().st_size == size + _LONG_LINE:
                os.truncate(self._path, size)

    def _end_torn_line(self) -> None:
        """End a line that the end of the machine's power has torn, so that the next one is whole."""
        with self._path.open("rb") as file:
            torn = file.seek(0, os.SEEK_END) > 0 and file.seek(-1, os.SEEK_END) >= 0 and file.read() != b"\n"
        if torn:
            self.append(b"\n")


def _write_all(descriptor: int, content: bytes) -> None:
    while content:
        content = content[os.write(descriptor, content) :]
