"""Turns: long work of a kind, one at a time, so that it takes little memory and time from everybody else."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from service.errors import OverloadedError


class Turns:
    """A line of those who wait for their turn.

    Args:
        most: Largest number of those who wait or have their turn.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._in_line = 0
        self._turn = asyncio.Lock()

    @asynccontextmanager
    async def take(self) -> AsyncIterator[None]:
        """Wait for a turn, and keep it inside an ``async with`` block.

        Raises:
            OverloadedError: if too many wait.
        """
        if self._in_line >= self._most:
            raise OverloadedError(f"{self._in_line} requests of this kind wait or are at work; try again")
        self._in_line += 1
        try:
            async with self._turn:
                yield
        finally:
            self._in_line -= 1
