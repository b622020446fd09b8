"""The ways in which an answer goes out that differ from the server's usual one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from starlette.types import Message, Send
from uvicorn.protocols.http.httptools_impl import RequestResponseCycle

_PIECE = 262_144
"""Bytes of an answer that are encrypted at once."""


def closing_unless_asked(cycle: RequestResponseCycle) -> Send:
    """Return a function that sends an answer, the connection's last if its client waits to be asked for the body.

    Nobody knows whether the client sends that body all the same.
    """
    send: Any = cycle.send

    async def send_last(message: Message) -> None:
        if cycle.waiting_for_100_continue and message["type"] == "http.response.start":
            cycle.keep_alive = False
        await send(message)

    return send_last


def in_pieces(send: Send, count: Callable[[int], None]) -> Send:
    """Return a function that sends long answers piece by piece, as fast as the client takes them.

    In one piece they would wait below TLS, where nobody sees that the client takes nothing.

    Args:
        send: Function that sends a message.
        count: Function that is told the bytes of each piece.
    """

    async def send_pieces(message: Message) -> None:
        rest = memoryview(message.get("body", b""))
        while len(rest) > _PIECE:
            await send({**message, "body": rest[:_PIECE], "more_body": True})
            count(_PIECE)
            rest = rest[_PIECE:]
        await send({**message, "body": rest} if "body" in message else message)

    return send_pieces
