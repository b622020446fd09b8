"""Reading of long bodies beside the event loop, one at a time."""

from __future__ import annotations

import asyncio
import gc
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
        return await asyncio.get_running_loop().run_in_executor(self._thread, _without_collections, read)

    def close(self) -> None:
        """End the thread."""
        self._thread.shutdown(wait=False, cancel_futures=True)


def _without_collections(read: Callable[[], R]) -> R:
    """Return what reading gives; meanwhile nobody searches for garbage, which holds everybody for 0.2 s.

    What is read makes no garbage, but so many new objects that the search goes through all there are, again and again.
    """
    gc.disable()
    try:
        return read()
    finally:
        gc.enable()
