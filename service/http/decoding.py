"""Decoding of pictures beside the event loop, one at a time.

A few kilobytes of PNG can hold millions of pixels, and a header of megabytes takes seconds. So the pixels that wait are
limited, and a picture beyond the limit is refused at once.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from service.errors import OverloadedError

R = TypeVar("R")


class Decoder:
    """A thread that decodes pictures.

    Args:
        most_pixels: Largest number of pixels in all pictures that wait or are decoded; a single one is never refused.
    """

    def __init__(self, most_pixels: int) -> None:
        self._most_pixels = most_pixels
        self._pixels = 0
        self._thread = ThreadPoolExecutor(1, "decoder")

    async def run(self, work: Callable[[], R], pixels: int) -> R:
        """Wait for work on a picture, and return its result.

        Args:
            work: Function that decodes a picture or a part of it.
            pixels: Number of pixels in the picture, or of a picture that costs as much.

        Raises:
            OverloadedError: if too many pixels wait already.
        """
        if self._pixels and self._pixels + pixels > self._most_pixels:
            raise OverloadedError("too many pictures wait to be decoded; try again")
        self._pixels += pixels
        decoded = self._thread.submit(work)
        # The pixels count until the work is over: the client may have left, and the thread works on.
        loop = asyncio.get_running_loop()
        decoded.add_done_callback(lambda _: loop.call_soon_threadsafe(self._release, pixels))
        return await asyncio.wrap_future(decoded)

    def _release(self, pixels: int) -> None:
        self._pixels -= pixels

    def close(self) -> None:
        """End the thread."""
        self._thread.shutdown(wait=False, cancel_futures=True)
