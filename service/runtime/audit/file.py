"""The file of the audit: whole lines, in a new file when it has grown long."""

from __future__ import annotations

import fcntl
import os
import stat
import weakref
from contextlib import suppress
from logging.handlers import RotatingFileHandler
from pathlib import Path


class UnusableAuditFileError(Exception):
    """The file of the audit cannot be written."""


_LONG_LINE = 4096


class AuditFile:
    """A file that only grows, and the older ones beside it, ``<name>.1`` being the youngest; one service writes it.

    Args:
        path: The file.
        max_bytes: Size from which another file is begun.
        kept: Number of older files that are kept.

    Raises:
        UnusableAuditFileError: if it cannot be written, is no regular file, or another service writes it.
    """

    def __init__(self, path: Path, max_bytes: int, kept: int) -> None:
        path = path.resolve()  # or a service that is given a link to it would write it too
        self._path, self._max_bytes = path, max_bytes
        self._rotation = RotatingFileHandler(path, backupCount=kept, delay=True)
        try:
            if path.exists() and not stat.S_ISREG(path.stat().st_mode):
                raise UnusableAuditFileError(f"{path} is no regular file")
            self._unlock = weakref.finalize(self, os.close, _lock(path.with_name(f"{path.name}.lock")))
            self.append(b"")
            self._end_torn_line()
        except BlockingIOError as error:
            raise UnusableAuditFileError(f"another service writes {path}; give each a file of its own") from error
        except OSError as error:
            raise UnusableAuditFileError(f"{path} cannot be written: {error.strerror}") from error

    def close(self) -> None:
        """Let another service write the file."""
        self._unlock()

    def append(self, lines: bytes) -> None:
        """Write whole lines, all of them or none.

        Raises:
            OSError: if the disk is full, say; then nothing was written.
        """
        size = self._path.stat().st_size if self._path.exists() else 0
        if size and size + len(lines) > self._max_bytes:
            self._rotation.doRollover()
            size = 0
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NONBLOCK  # a pipe in its place fails
        descriptor = os.open(self._path, flags, 0o600)
        try:
            _write_all(descriptor, lines)
        except OSError:
            os.ftruncate(descriptor, size)
            raise
        finally:
            os.close(descriptor)

    def sync(self) -> None:
        """Have the disk keep what was written, even if the machine's power ends; a file that was moved away is let go.

        Raises:
            OSError: if it does not.
        """
        with suppress(FileNotFoundError):
            descriptor = os.open(self._path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)  # a pipe would be waited for
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)

    def try_to_write(self) -> None:
        """Write as much as a long line takes, and remove it again.

        Raises:
            OSError: if there is no room for it.
        """
        self.append(b" " * _LONG_LINE)
        os.truncate(self._path, self._path.stat().st_size - _LONG_LINE)

    def _end_torn_line(self) -> None:
        """End a line that the end of the machine's power has torn, so that the next one is whole."""
        with self._path.open("rb") as file:
            torn = file.seek(0, os.SEEK_END) > 0 and file.seek(-1, os.SEEK_END) >= 0 and file.read() != b"\n"
        if torn:
            self.append(b"\n")


def _lock(path: Path) -> int:
    """Return the descriptor of a file that no other one can lock before this one is closed, or the process ends.

    Raises:
        BlockingIOError: if another one has locked it.
    """
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(descriptor)
        raise
    return descriptor


def _write_all(descriptor: int, content: bytes) -> None:
    while content:
        content = content[os.write(descriptor, content) :]
