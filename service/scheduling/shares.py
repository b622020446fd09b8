"""Fair shares of a device's time: whose turn it is."""

from __future__ import annotations

from collections.abc import Collection, Hashable
from typing import Generic, TypeVar

W = TypeVar("W", bound=Hashable)


class Shares(Generic[W]):
    """The seconds that each of those who share a device has used, on one clock.

    The turn is of whoever has used least, and one who was away begins where the others are: nobody saves up time. So
    two who always wait get the same time, but for one turn; and one who asks for little waits for one turn.

    References:
        Goyal, Vin and Cheng (1996), Start-time Fair Queueing. Deficit round robin (Shreedhar and Varghese, 1995) gives
        the same shares; docs/decisions/0059 says why not that.
    """

    def __init__(self) -> None:
        self._used: dict[W, float] = {}
        self._now = 0.0

    def next(self, waiting: Collection[W]) -> W:
        """Return whose turn it is among those who wait; of equals the first."""
        self._used = {who: used for who, used in self._used.items() if used > self._now or who in waiting}
        for who in waiting:
            self._used.setdefault(who, self._now)
        first = min(waiting, key=self._used.__getitem__)
        self._now = self._used[first]
        return first

    def charge(self, who: W, seconds: float) -> None:
        """Count the seconds that a turn took."""
        self._used[who] = self._used.get(who, self._now) + seconds
