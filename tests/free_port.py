"""A port of this machine for a server that cannot choose its own."""

from __future__ import annotations

import socket


def free_port() -> int:
    """A port that nobody listens on now; another process may take it before it is used."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
        return port
