"""Reading of long bodies beside the event loop, one at a time."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import simdjson

R = TypeVar("R")

SHORT = 32_768
"""Bytes of JSON or CSV that are read in a moment."""


class Reader:
    """A thread that reads long bodies.

    There is one for all requests: of several, each would take its turn with Python's lock before the event loop does.

    Attributes:
        parser: Parser of numbers in JSON, for what runs on this thread.
    """

    def __init__(self) -> None:
        self.parser = simdjson.Parser()
        self._thread = ThreadPoolExecutor(1, "reader")

    async def run(self, read: Callable[[], R]) -> R:
        """Wait for a body's turn, and return what reading it gives."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, read)

    def close(self) -> None:
        """End the thread."""
        self._thread.shutdown(wait=False, cancel_futures=True)
