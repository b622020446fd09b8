"""Measurements while nothing else runs: they wait for it, and one during which others came is taken again."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

from reliability.service_process import Service

T = TypeVar("T")
_MOST_OTHERS = 0.15
"""Cores that others may have needed."""
_LOOK_SECONDS, _PATIENCE_SECONDS = 0.5, 600.0
_IDLE = (3, 4)
"""Columns of ``/proc/stat`` that count idle time: idle, and waiting for a disk."""


def busy_seconds(services: Sequence[Service]) -> float:
    """Return the seconds for which the threads of the services have run on a core."""
    stats = (path for service in services for path in Path(f"/proc/{service.process.pid}/task").glob("*/schedstat"))
    return sum(int(path.read_text().split()[0]) for path in stats) / 1e9


def measure_quietly(services: Sequence[Service], measure: Callable[[], T]) -> T:
    """Return what is measured while other processes need next to nothing.

    Args:
        services: Services whose work is no disturbance, nor is that of this process.
        measure: Function that measures for some seconds.

    Raises:
        RuntimeError: if others do not leave the machine alone for ten minutes.
    """
    end = time.monotonic() + _PATIENCE_SECONDS
    while time.monotonic() < end:
        _, quiet = _watch_others(services, lambda: time.sleep(_LOOK_SECONDS))
        if quiet:
            measured, quiet = _watch_others(services, measure)
            if quiet:
                return measured
    raise RuntimeError("other processes keep this machine busy: a measurement needs it for itself")


def _watch_others(services: Sequence[Service], work: Callable[[], T]) -> tuple[T, bool]:
    """Return the result of some work, and whether others needed next to nothing meanwhile."""
    begun, before = time.monotonic(), _others_seconds(services)
    result = work()
    return result, _others_seconds(services) - before <= _MOST_OTHERS * (time.monotonic() - begun)


def _others_seconds(services: Sequence[Service]) -> float:
    """Return the seconds of all cores so far that were not idle, and not for us."""
    line = Path("/proc/stat").read_text(encoding="ascii").split("\n", 1)[0]
    ticks = [int(count) for count in line.split()[1:9]]  # guests are counted among the others
    all_seconds = sum(count for column, count in enumerate(ticks) if column not in _IDLE) / os.sysconf("SC_CLK_TCK")
    return all_seconds - busy_seconds(services) - sum(os.times()[:4])  # ours, and of children that have ended
