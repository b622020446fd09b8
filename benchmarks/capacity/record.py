"""What became of the requests of a simulation, or of a measurement."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray


@dataclass
class Record:
    """Requests in the order of their ends.

    Attributes:
        sent: Time at which each one that was answered was sent, in seconds.
        seconds: Seconds from there to its answer.
        refused: Number of those that were refused.
        lost: Number of those that went down with a replica, and were sent again if the client does that.
    """

    sent: list[float] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    refused: int = 0
    lost: int = 0

    def add(self, sent: float, seconds: float) -> None:
        """Note an answer."""
        self.sent.append(sent)
        self.seconds.append(seconds)

    def after(self, moment: float) -> Record:
        """Return what was sent from a moment on; refusals and losses are those of the whole time."""
        kept = [pair for pair in zip(self.sent, self.seconds, strict=True) if pair[0] >= moment]
        return Record([sent for sent, _ in kept], [seconds for _, seconds in kept], self.refused, self.lost)

    def percentile(self, percent: float) -> float:
        """Return the seconds that so many of a hundred answers did not exceed; not a number of no answer."""
        return float(np.percentile(self.seconds, percent)) if self.seconds else float("nan")

    def goodput(self, within: float, duration: float) -> float:
        """Return the answers a second that came within some seconds, over a duration in seconds."""
        return float((np.asarray(self.seconds) <= within).sum()) / duration

    def by_second(self, percent: float, width: float = 1.0) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return moments, and the percentile of what was sent in ``width`` seconds from each, both ``(moments,)``."""
        bins = (np.asarray(self.sent) // width).astype(int)
        order = np.argsort(bins, kind="stable")
        moments, starts = np.unique(bins[order], return_index=True)
        parts = np.split(np.asarray(self.seconds)[order], starts[1:])
        return moments * width, np.array([np.percentile(part, percent) for part in parts])
