"""Memory that models have left, given back to the system."""

from __future__ import annotations

import ctypes
from contextlib import suppress


def give_back() -> None:
    """Let the allocator return what is free: it keeps what a thread has left for the next one, if there is one.

    Other allocators than glibc's have no such function.
    """
    with suppress(AttributeError, OSError):
        ctypes.CDLL(None).malloc_trim(0)
