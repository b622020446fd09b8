"""The pace that a connection's client has to keep: every connection has an end, however slowly its bytes come or go."""

from __future__ import annotations

_LEAST_RATE = 1000
"""Bytes of a body a second, on average, below which a client is no slow network but holds a place."""


class Pace:
    """Seconds that the service has waited for a client, to send and to read.

    Seconds in which the service itself is busy, or does not read, are not the client's: whoever holds the connection
    counts none of them.

    Args:
        stall_seconds: Seconds for a head, for a body to come at the least rate, and for a part of an answer to be read.
        transfer_seconds: Seconds for a whole body, and for a whole answer to be read.

    Attributes:
        received: Bytes of the present body.
    """

    def __init__(self, stall_seconds: float, transfer_seconds: float) -> None:
        self._stall, self._transfer = stall_seconds, transfer_seconds
        self.received = 0
        self._sending = self._reading = self._stalled = 0.0
        self._taken = 0

    def restart(self) -> None:
        """Begin to wait for something new: a head, a body, or the end of a refused connection."""
        self._sending, self.received = 0.0, 0

    def is_late(self, seconds: float, *, has_body: bool) -> bool:
        """Count more seconds of waiting for a head or a body, and return whether they are too many."""
        self._sending += seconds
        if self._sending >= self._transfer:
            return True
        is_slow = not has_body or self.received < _LEAST_RATE * self._sending
        return is_slow and self._sending >= self._stall

    def leaves_unread(self, seconds: float, unread: int, sent: int = 0) -> bool:
        """Count more seconds of waiting for answers to be read, and return whether they are too many.

        Args:
            seconds: Seconds since the last look.
            unread: Bytes that the client has yet to take, beyond what the network holds.
            sent: Bytes that were sent in all, where answers are sent piece by piece.
        """
        if not unread:
            self._reading = self._stalled = 0.0
        else:
            self._reading += seconds
            self._stalled = 0.0 if sent - unread > self._taken else self._stalled + seconds
        self._taken = sent - unread
        return self._stalled >= self._stall or self._reading >= self._transfer
