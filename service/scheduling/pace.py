"""How slow the device is now, beside what was estimated when its models were loaded."""

from __future__ import annotations

_FADING = 0.9
"""Part of what was known that is left after one more batch."""
_KNOWN_SECONDS = 0.1
"""Seconds for which the estimates are taken to hold before any batch has run."""
_MOST = 4.0
"""Largest factor: tiny batches take many times their estimate where a thread waits for a core once."""


class Pace:
    """Seconds that batches took, over those that they were estimated to take; long and recent ones count most.

    Estimates are made on a machine that does nothing else. Where others use its cores too, a queue of one estimated
    second takes two or three, and whoever waits in it gets an answer that is of no use to him any more.
    """

    def __init__(self) -> None:
        self._estimated = self._spent = _KNOWN_SECONDS

    @property
    def slowness(self) -> float:
        """Factor by which estimates are too short, from 1 to 4: if they are too long, who is refused comes again."""
        return min(_MOST, max(1.0, self._spent / self._estimated))

    def add(self, estimated: float, spent: float) -> None:
        """Count a batch: the seconds that it was estimated to take, and those that it took."""
        if estimated > 0:  # nothing is known of what loads a model
            self._estimated = _FADING * self._estimated + estimated
            self._spent = _FADING * self._spent + spent
