"""The keys that open the service now: those of the file, which is read again as soon as it changes."""

from __future__ import annotations

import logging
import os
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from service.errors import KeysUnavailableError, UnknownKeyError
from service.http.access.key_file import UnusableKeyFileError, read_keys
from service.http.access.keys import Key, find_key

log = logging.getLogger(__name__)


class KeyRing:
    """The keys in a file.

    Args:
        path: The file.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._seen: tuple[int, ...] | None = None
        self._keys: Sequence[Key] | None = None

    def authenticate(self, text: str) -> Key:
        """Return the valid key that a text is.

        Raises:
            UnknownKeyError: if it is none, has expired or was revoked.
            KeysUnavailableError: if the file cannot be read at the moment; then nobody gets in.
        """
        key = find_key(self._current(), text)
        state = "unknown" if key is None else key.state(datetime.now(UTC))
        if key is None or state != "valid":
            reason = "is not known" if key is None else "has expired" if state == "expired" else "was revoked"
            raise UnknownKeyError(f"the key {reason}; ask the operator for another one", given=True)
        return key

    def _current(self) -> Sequence[Key]:
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
