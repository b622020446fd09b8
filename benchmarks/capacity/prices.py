"""What a million predictions cost, at prices that are assumptions."""

from __future__ import annotations

import math
from dataclasses import dataclass

from capacity.times import ServiceTimes

_HOUR = 3600.0


@dataclass(frozen=True)
class Prices:
    """Prices of an hour, in any one currency.

    Attributes:
        core: A core of a processor, with 2 GB of memory.
        gpu: A GPU, without the core that feeds it.
    """

    core: float
    gpu: float

    def million(self, per_hour: float, rate: float) -> float:
        """Return the price of a million predictions, of what costs so much an hour and gives ``rate`` a second."""
        return 1e6 * per_hour / _HOUR / rate

    def worthwhile_seconds(self, times: ServiceTimes) -> float:
        """Return the seconds of a core for one prediction's computation from which on a GPU can be cheaper.

        A GPU needs a core that reads and answers, whose time remains however fast the device is. Where it does nothing
        but that, both cost the same when the core's computation costs as much as the GPU in the meantime.
        """
        return (times.read + times.answer) * self.gpu / self.core


def replicas_for(rate: float, each: float, spare: int = 1) -> int:
    """Return how many replicas answer a rate of which each bears so much, with some to spare for those that die."""
    return math.ceil(rate / each) + spare
