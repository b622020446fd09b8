"""The handshake of TLS, in which a connection has its place already, as it costs no less than any other."""

from __future__ import annotations

import asyncio
import os
import socket
import ssl
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from uvicorn.protocols.utils import get_remote_addr

from service.errors import OverloadedError
from service.http.clients import network_of
from service.http.protocol import ProblemProtocol

if TYPE_CHECKING:
    from service.http.layer import Service


class Handshake(asyncio.Protocol):
    """A connection in its handshake, after which :class:`ProblemProtocol` goes on with it.

    uvicorn's protocol hears of a connection when its handshake is done, which a client may never do. Whom there is no
    place for is cut off: a refusal could be read only after a handshake.

    Args:
        context: Context with the certificate.
        service: The running service.
        arguments: Arguments of the protocol that goes on.
    """

    def __init__(self, context: ssl.SSLContext, service: Service, **arguments: Any) -> None:
        self._context, self._service, self._next = context, service, ProblemProtocol(**arguments)

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Take a place, and begin anew with the same connection and TLS, before anything is read."""
        address = get_remote_addr(transport)
        place = network_of(address[0]) if address else ""
        with suppress(OSError):  # no descriptor is left
            connection = socket.socket(fileno=os.dup(transport.get_extra_info("socket").fileno()))
            try:
                self._service.connections.enter(place)
            except OverloadedError:
                connection.close()
            else:
                self._next.place = place
                self._work = asyncio.create_task(self._shake_hands(connection, place))
        transport.abort()

    async def _shake_hands(self, connection: socket.socket, place: str) -> None:
        settings = self._service.settings
        try:  # from here on the loop closes the connection
            await asyncio.get_running_loop().connect_accepted_socket(
                lambda: self._next,
                connection,
                ssl=self._context,
                ssl_handshake_timeout=settings.stall_seconds,
                ssl_shutdown_timeout=settings.transfer_seconds,
            )
        except OSError:  # it was none, took too long, or the client has left
            return
        finally:
            if self._next.transport is None:  # the other has not begun, and will not end
                self._service.connections.leave(place)
