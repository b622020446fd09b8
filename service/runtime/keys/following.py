"""The keys of the database as requests see them: a list in memory, which a thread keeps up to date."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Sequence

import msgspec

from service.errors import KeysUnavailableError
from service.http.access.keys import Key
from service.runtime.database.engine import FAILURES
from service.runtime.keys.database import KeyDatabase

log = logging.getLogger(__name__)

POLL_SECONDS = 1.0
"""Seconds after which a change is known to every service."""
MOST_AGE_SECONDS = 60.0
"""Seconds for which the list is good without the database; after them a key may have been revoked long ago."""


class DatabaseKeys:
    """The keys in a database, read again every second.

    Args:
        url: Address of the database.

    Raises:
        UnusableDatabaseError: if the address is none that is supported.
    """

    def __init__(self, url: str) -> None:
        self._database = KeyDatabase(url)
        self._keys: Sequence[Key] = ()
        self._read_at: float | None = None
        self._fails = False
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._follow, name="keys", daemon=True)

    def start(self) -> None:
        """Read the keys, and go on doing so."""
        self._thread.start()

    def close(self) -> None:
        """Read no more; a database that hangs is not waited for."""
        self._ended.set()
        self._thread.join(POLL_SECONDS)

    def current(self) -> Sequence[Key]:
        """Return the keys.

        Raises:
            KeysUnavailableError: if the database could not be read for so long that the list is not to be trusted.
        """
        if self._read_at is None or time.monotonic() - self._read_at > MOST_AGE_SECONDS:
            raise KeysUnavailableError("the database of keys cannot be read, so nobody is let in; the log says why")
        return self._keys

    def _follow(self) -> None:
        opened = False
        while not self._ended.is_set():
            begun = time.monotonic()
            try:
                if not opened:
                    self._database.open()
                    opened = True
                self._keys, self._read_at = self._database.read(), begun
                self._fails = False
            except (*FAILURES, msgspec.DecodeError) as error:
                (log.debug if self._fails else log.critical)("the keys of the database cannot be read: %s", error)
                self._fails, opened = True, False  # it may be another database when it is there again
            self._ended.wait(POLL_SECONDS)
        self._database.close()
