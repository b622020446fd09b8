"""A connection, by the pace at which its bytes come and go; what they mean is of the protocol above it."""

from __future__ import annotations

import asyncio
import fcntl
import socket
import struct
import sys
import termios
from contextlib import suppress
from http import HTTPStatus
from typing import TYPE_CHECKING

from fastapi import FastAPI
from starlette.exceptions import HTTPException
from uvicorn._types import ASGI3Application
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from service.errors import OverloadedError
from service.http.clients import network_of
from service.http.flow import Flow
from service.http.pace import Pace
from service.http.sending import closing_unless_asked, in_pieces

if TYPE_CHECKING:
    from service.http.access.origins import Origins
    from service.http.layer import Service

_PIECE = 4096
"""Bytes that are parsed at once."""
_MOST_FOUND = 500
"""Lines, chunks and requests after which other connections have their turn: about a millisecond of work."""
_MOST_DISCARDED = 1_000_000
"""Bytes that a refused client may go on to send while it has not seen that it is refused."""
_LOOK_SECONDS = 1.0
_PROBE_SECONDS = 0.05
_DROP = struct.pack("ii", 1, 0)
"""The option of a socket that its close waits for nothing."""
_CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
_TOO_SLOW = HTTPException(
    HTTPStatus.REQUEST_TIMEOUT, "the request came too slowly; docs/limits.md has the least pace and the longest time"
)


def queued_bytes(transport: asyncio.Transport, queue: int) -> int:
    """Return the number of bytes that the kernel holds for a connection.

    Args:
        transport: The connection.
        queue: ``termios.FIONREAD`` for what has come and nobody has read, ``termios.TIOCOUTQ`` for what was sent and
            the client has not confirmed.
    """
    count = bytearray(4)
    with suppress(OSError):  # it is closed
        fcntl.ioctl(transport.get_extra_info("socket").fileno(), queue, count)
    return int.from_bytes(count, sys.byteorder)


class Connection(HttpToolsProtocol):
    """uvicorn's connection, with an end to everything.

    A client that keeps no :class:`Pace` is cut off, one that has sent all and waits is answered, and one that sends
    very many small parts does not keep the others waiting.

    Attributes:
        place: Name under which it has its place among the connections; ``None`` if it has none.
    """

    flow: Flow
    place: str | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Start the clock of the first head."""
        super().connection_made(transport)
        app = self.config.app
        assert isinstance(app, FastAPI)  # the server was made with it
        self.service: Service = app.state.runtime
        self._origins: Origins = app.state.origins
        settings = self.service.settings
        self.flow = Flow(transport)
        self._pace = Pace(settings.stall_seconds, settings.transfer_seconds)
        self._look_seconds = min(_LOOK_SECONDS, settings.stall_seconds / 4)
        self._backlog = b""  # received and yet to be parsed
        self._found = 0  # lines, chunks and requests in this turn
        self._unparsed = 0  # bytes since the parser last found something: parts of a head, or of the frame of a chunk
        self._in_head = self._in_message = self._has_sent_all = self._has_taken_all = False
        self._owed = 0  # requests that have begun and are not answered
        self._refusal: Exception | None = None
        self._discarded = self._sent = 0
        self._clock = self.loop.call_later(self._look_seconds, self._look)
        if self.place is None:
            self._enter(network_of(self.client[0]) if self.client else "")

    def _enter(self, place: str) -> None:
        try:
            self.service.connections.enter(place)
            self.place = place
        except OverloadedError as error:
            self._turn_away(error)

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop the clock, and give the place to another."""
        self._clock.cancel()
        if self.place is not None:
            self.service.connections.leave(self.place)
            self.place = None
        super().connection_lost(exc)

    @property
    def awaits_request(self) -> bool:
        """``True`` if a request is about to come: a part of it has, or the connection has only just been made."""
        return self.cycle is None or self._in_head or self._in_message or bool(self._backlog)

    def shutdown(self) -> None:
        """Close an idle connection, unless the beginning of a request has come that nobody has read yet."""
        if not (self._backlog or queued_bytes(self.transport, termios.FIONREAD)):
            super().shutdown()

    def data_received(self, data: bytes) -> None:
        """Parse what has come; after a refusal nobody knows where the next request begins."""
        if self._refusal is not None:
            self._discard(data)
            return
        self._unset_keepalive_if_required()
        if self._backlog or len(data) > _PIECE:
            self._backlog += data
            self._parse_backlog()
        else:
            self._parse(data)

    def eof_received(self) -> bool | None:  # type: ignore[override]
        """Keep the connection open for a client that has sent all it will and is owed an answer, and close others."""
        incomplete = self._in_head or self._in_message or self._refusal is not None
        if not self._owed or incomplete or self.scheme == "https":  # TLS cannot be closed by half
            return None
        self._has_sent_all = True
        self._probe()
        self.loop.call_later(_PROBE_SECONDS, self._probe)
        return True

    def _parse_backlog(self) -> None:
        """Parse received bytes piece by piece; where they hold too many parts, the rest waits for its turn."""
        data, self._backlog, self._found = self._backlog, b"", 0
        for start in range(0, len(data), _PIECE):
            if self.parser is None or self._refusal is not None:
                return
            if self._found > _MOST_FOUND:
                self._backlog = data[start:]
                self.flow.hold()
                self.loop.call_soon(self._parse_backlog)
                return
            self._parse(data[start : start + _PIECE])
        self.flow.release()

    def _parse(self, data: bytes) -> None:
        """Parse a piece of what has come."""
        raise NotImplementedError

    def _refuse(self, refusal: Exception) -> None:
        """Refuse what comes, and end the connection."""
        raise NotImplementedError

    def _turn_away(self, refusal: Exception) -> None:
        """Refuse a client that there is no place for, and close."""
        raise NotImplementedError

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: ASGI3Application) -> None:
        """Begin to answer a request."""
        if cycle.waiting_for_100_continue:
            cycle.send = closing_unless_asked(cycle)  # type: ignore[assignment,method-assign]
        if self.scheme == "https":
            cycle.send = in_pieces(cycle.send, self._count_sent)  # type: ignore[assignment,method-assign,arg-type]
        super()._start_asgi_task(cycle, app)

    def _count_sent(self, size: int) -> None:
        self._sent += size

    def _linger(self) -> None:
        """End the connection once the client has: closed at once, unread bytes of its own would take its answer."""
        if self.transport.can_write_eof() and not self.transport.is_closing():
            self.transport.write_eof()
            self.flow.release()
            self._pace.restart()
        else:
            self.transport.close()

    def _discard(self, data: bytes) -> None:
        self._discarded += len(data)
        if self._discarded > _MOST_DISCARDED:
            self._cut_off()

    def _probe(self) -> None:
        """Send what every client skips: where nobody is left the network says so, and the work can end."""
        may_probe = self._owed == 1 and not self.cycle.response_started and self.cycle.scope["http_version"] == "1.1"
        if may_probe and not self.transport.is_closing():
            self.transport.write(_CONTINUE)

    def _look(self) -> None:
        """Cut off a client that has kept the service waiting for too long."""
        self._clock = self.loop.call_later(self._look_seconds, self._look)
        if self._pace.leaves_unread(self._look_seconds, self.transport.get_write_buffer_size(), self._sent):
            self._cut_off()
        elif self.transport.is_closing() and self._refusal is None:
            self._end_if_taken()
        elif not self._is_awaited():
            self._pace.restart()
        elif not self.flow.read_paused and self._pace.is_late(self._look_seconds, has_body=self._in_message):
            self._give_up()

    def _end_if_taken(self) -> None:
        """End a connection that is closed and whose client has taken all; TLS would wait for its farewell too.

        At two looks, as there are moments in which the kernel has passed all on, and is yet to get the rest.
        """
        had_taken_all = self._has_taken_all
        unsent = self.transport.get_write_buffer_size() + queued_bytes(self.transport, termios.TIOCOUTQ)
        self._has_taken_all = not unsent
        if had_taken_all and self._has_taken_all:
            self.transport.abort()

    def _cut_off(self) -> None:
        """Close at once, and let the network drop what the client has not taken."""
        self.transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _DROP)
        self.transport.abort()

    def _is_awaited(self) -> bool:
        """Return whether the client has to do something, and not just may."""
        if self._refusal is not None:
            return not self._owed
        is_idle = self.timeout_keep_alive_task is not None or self._owed > 0
        return self._in_head or self._in_message or not is_idle

    def _give_up(self) -> None:
        if self._refusal is not None:
            self._cut_off()
        elif self._in_head or self._in_message:
            self._refuse(_TOO_SLOW)
        else:  # nothing has come that an answer would be to
            self.transport.close()
