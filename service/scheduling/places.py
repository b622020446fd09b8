"""Places of a kind, such as connections or long work: a limited number, and never all of them for one client."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from service.errors import OverloadedError


class Places:
    """Places that clients take, half of them at most for each.

    Args:
        most: Number of places.
        what: Plural of whoever has them, for the refusal.
    """

    def __init__(self, most: int, what: str = "requests of this kind") -> None:
        self._most, self._most_each, self._what = most, max(1, most // 2), what
        self._taken: Counter[str] = Counter()
        self._total = 0

    def enter(self, client: str) -> None:
        """Take a place, which is kept until :meth:`leave`.

        Args:
            client: Name of whoever takes it.

        Raises:
            OverloadedError: if there is none left, or none for this client.
        """
        own = self._taken[client]  # a Counter keeps nothing for whom it is only asked about
        if own >= self._most_each or self._total >= self._most:
            raise OverloadedError(f"there are {self._total} {self._what}, {own} of them yours; try again")
        self._taken[client] = own + 1
        self._total += 1

    def leave(self, client: str) -> None:
        """Give a place back."""
        self._taken[client] -= 1
        self._total -= 1
        if not self._taken[client]:
            del self._taken[client]

    @contextmanager
    def take(self, client: str) -> Iterator[None]:
        """Keep a place inside a ``with`` block; see :meth:`enter`."""
        self.enter(client)
        try:
            yield
        finally:
            self.leave(client)
