"""Waiting for what another thread or process does, however busy the machine is."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

PATIENCE = 120.0
"""Seconds after which what has not happened never will."""


def wait_until(condition: Callable[[], object], pause: float = 0.2) -> None:
    """Return when a condition holds; fail when it has not in a long time."""
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, "it never happened"
        time.sleep(pause)


async def happens(condition: Callable[[], object], pause: float = 0.001) -> None:
    """Let the event loop run until a condition holds; fail when it has not in a long time."""
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, "it never happened"
        await asyncio.sleep(pause)
