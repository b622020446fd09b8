"""Pictures are decoded beside the event loop, one at a time, and only so many pixels may wait for it.

A few kilobytes of PNG can hold millions of pixels, and a header of megabytes takes seconds, so what waits is bounded:
what is too much is refused at once.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from service.errors import OverloadedError

R = TypeVar("R")


class Decoder:
    """One thread for pictures.

    Args:
        most_pixels: Of all pictures that wait or are decoded; one alone may always.
    """

    def __init__(self, most_pixels: int) -> None:
        self._most_pixels = most_pixels
        self._pixels = 0
        self._thread = ThreadPoolExecutor(1, "decoder")

    async def run(self, work: Callable[[], R], pixels: int) -> R:
        """Wait for the work on a picture of so many pixels, or on a header that costs as much.

        Raises:
            OverloadedError: if too many pixels wait already.
        """
        if self._pixels and self._pixels + pixels > self._most_pixels:
            raise OverloadedError("too many pictures wait to be decoded; try again")
        self._pixels += pixels
        decoded = self._thread.submit(work)
        # Until it is really over: who waited may have left, and the thread works on.
        loop = asyncio.get_running_loop()
        decoded.add_done_callback(lambda _: loop.call_soon_threadsafe(self._release, pixels))
        return await asyncio.wrap_future(decoded)

    def _release(self, pixels: int) -> None:
        self._pixels -= pixels

    def close(self) -> None:
        """Let the thread go."""
        self._thread.shutdown(wait=False, cancel_futures=True)
