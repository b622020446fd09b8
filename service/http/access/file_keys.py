"""The keys of a file as requests see them: the file is read again as soon as it changes."""

from __future__ import annotations

import logging
import os
from collections.abc import Sequence
from pathlib import Path

from service.errors import KeysUnavailableError
from service.http.access.key_file import UnusableKeyFileError, read_keys
from service.http.access.keys import Key

log = logging.getLogger(__name__)


class FileKeys:
    """The keys in a file.

    Args:
        path: The file.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._seen: tuple[int, ...] | None = None
        self._keys: Sequence[Key] | None = None

    def current(self) -> Sequence[Key]:
        """Return the keys.

        Raises:
            KeysUnavailableError: if the file cannot be read at the moment.
        """
        if (found := self._look()) != self._seen:
            self._seen, self._keys = found, self._read()
        if self._keys is None:
            raise KeysUnavailableError("the file of keys cannot be read, so nobody is let in; the log says why")
        return self._keys

    def _look(self) -> tuple[int, ...]:
        """Return what changes with every change of the file: microseconds, for every request."""
        try:
            found = os.stat(self._path)
        except OSError:
            return ()
        return found.st_mtime_ns, found.st_ctime_ns, found.st_size, found.st_ino

    def _read(self) -> Sequence[Key] | None:
        try:
            keys = read_keys(self._path)
        except UnusableKeyFileError as error:
            log.critical("nobody is let in: %s", error)
            return None
        log.info("read %d keys", len(keys))
        return keys
