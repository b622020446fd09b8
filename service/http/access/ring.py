"""The keys that open the service now, wherever they are kept."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Protocol

from service.errors import UnknownKeyError
from service.http.access.keys import Key, find_key


class KeySource(Protocol):
    """A place where keys are kept."""

    def current(self) -> Sequence[Key]:
        """Return the keys; this is called for every request, and waits for nothing.

        Raises:
            KeysUnavailableError: if they cannot be read at the moment.
        """
        ...


class KeyRing:
    """The keys of a place.

    Args:
        source: The place.
    """

    def __init__(self, source: KeySource) -> None:
        self._source = source

    def authenticate(self, text: str) -> Key:
        """Return the valid key that a text is.

        Raises:
            UnknownKeyError: if it is none, has expired or was revoked.
            KeysUnavailableError: if the keys cannot be read at the moment; then nobody gets in.
        """
        key = find_key(self._source.current(), text)
        state = "unknown" if key is None else key.state(datetime.now(UTC))
        if key is None or state != "valid":
            reason = "is not known" if key is None else "has expired" if state == "expired" else "was revoked"
            raise UnknownKeyError(f"the key {reason}; ask the operator for another one", given=True)
        return key
