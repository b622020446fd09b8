"""One thing that many clients use in turn: each client's next use comes after one of every other client."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Hashable

from service.errors import OverloadedError


class RoundRobin:
    """Lines of those who wait, one for each client.

    Args:
        most_each: Largest number of those who wait in one line.
        most: Largest number of those who wait in all.
        what: Plural of what waits, for the refusal.
    """

    def __init__(self, most_each: int, most: int, what: str = "requests") -> None:
        self._most_each, self._most, self._what = most_each, most, what
        self._lines: dict[Hashable, deque[asyncio.Future[None]]] = {}
        self._taken = False

    async def acquire(self, client: Hashable) -> None:
        """Wait for a turn, which lasts until :meth:`release`.

        Args:
            client: Id of the client that takes it.

        Raises:
            OverloadedError: if too many wait.
        """
        if not self._taken:
            self._taken = True
            return
        line = self._lines.setdefault(client, deque())
        if len(line) >= self._most_each or sum(map(len, self._lines.values())) >= self._most:
            raise OverloadedError(f"{len(line)} {self._what} of this client wait; try again")
        turn = asyncio.get_running_loop().create_future()
        line.append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            if turn in line:
                line.remove(turn)
            elif not turn.cancelled():  # called and given up at once
                self.release()
            raise

    def release(self) -> None:
        """End a turn; the next one is that of the line that has waited longest."""
        self._taken = False
        while self._lines and not self._taken:
            client = next(iter(self._lines))
            line = self._lines.pop(client)
            while line and not self._taken:
                turn = line.popleft()
                if not turn.done():
                    self._taken = True
                    turn.set_result(None)
            if line:
                self._lines[client] = line  # behind all others
