"""HTTP below the application: bytes that are no valid request are refused in the same form as everything else."""

from __future__ import annotations

import asyncio
import fcntl
import socket
import struct
import sys
import termios
import uuid
from contextlib import suppress
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

import httptools
from fastapi import FastAPI
from starlette.exceptions import HTTPException
from uvicorn._types import ASGI3Application
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol, RequestResponseCycle

from service.errors import HeadTooLargeError
from service.http.flow import Flow
from service.http.pace import Pace
from service.http.refusals import refuse
from service.http.sending import closing_unless_asked, in_pieces

if TYPE_CHECKING:
    from service.http.access.origins import Origins
    from service.http.layer import Service

_VERSIONS = ("1.0", "1.1")
_MOST_AHEAD = 100
"""Most requests that a connection may have sent ahead of their answers; usual clients send none."""
_MOST_LINES = 100
"""Most header lines of a request; browsers behind several proxies send thirty."""
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
_NO_REQUEST = HTTPException(HTTPStatus.BAD_REQUEST, "the bytes received are not an HTTP request")
_TOO_MANY_AHEAD = HTTPException(
    HTTPStatus.BAD_REQUEST, f"too many requests were sent ahead of their answers; allowed are {_MOST_AHEAD}"
)
_OTHER_CODING = HTTPException(
    HTTPStatus.NOT_IMPLEMENTED, "the body's Transfer-Encoding is not read here; allowed is chunked"
)
_TOO_SLOW = HTTPException(
    HTTPStatus.REQUEST_TIMEOUT, "the request came too slowly; docs/limits.md has the least pace and the longest time"
)
_HEAD_TOO_LARGE = HeadTooLargeError("the head of the request is too large; CREDENCE_MAX_HEADER_BYTES is the limit")
_TOO_MANY_LINES = HeadTooLargeError(f"the request has too many header lines; allowed are {_MOST_LINES}")


def unread_bytes(transport: asyncio.Transport) -> int:
    """Return the number of bytes that the kernel has received for a connection, and that nobody has read."""
    count = bytearray(4)
    with suppress(OSError):  # it is closed
        fcntl.ioctl(transport.get_extra_info("socket").fileno(), termios.FIONREAD, count)
    return int.from_bytes(count, sys.byteorder)


class ProblemProtocol(HttpToolsProtocol):
    """uvicorn's HTTP/1.1 protocol, refusing with problem+json in place of plain text, and a long head with 431.

    Its parser takes heads of any length, no or several hosts, lines after a body among the head's, and any number of
    requests at once: these are refused or dropped here. Where a client offers another protocol it also drops the body:
    the offer is declined here. A client that keeps no :class:`Pace` is cut off, one that has sent all and waits is
    answered, and one that sends very many small parts does not keep the others waiting.
    """

    flow: Flow

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
        self._in_head = self._in_message = self._has_sent_all = False
        self._owed = 0  # requests that have begun and are not answered
        self._refusal: Exception | None = None
        self._discarded = self._sent = 0
        self._clock = self.loop.call_later(self._look_seconds, self._look)

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop the clock."""
        self._clock.cancel()
        super().connection_lost(exc)

    @property
    def awaits_request(self) -> bool:
        """``True`` if a request is about to come: a part of it has, or the connection has only just been made."""
        return self.cycle is None or self._in_head or self._in_message or bool(self._backlog)

    def shutdown(self) -> None:
        """Close an idle connection, unless the beginning of a request has come that nobody has read yet."""
        if not (self._backlog or unread_bytes(self.transport)):
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
        self._unparsed += len(data)
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade as offer:
            self._parse(self._without_offer() + data[offer.args[0] :])
        except httptools.HttpParserError as error:
            reason = error.__context__  # what a callback has raised
            self._refuse(reason if isinstance(reason, (HTTPException, HeadTooLargeError)) else _NO_REQUEST)
        else:
            if self._unparsed > self.service.settings.max_header_bytes:
                self._refuse(_HEAD_TOO_LARGE)

    def on_message_begin(self) -> None:
        """Begin a head."""
        super().on_message_begin()
        self._in_head = True
        self._found += 1
        self._pace.restart()

    def on_header(self, name: bytes, value: bytes) -> None:
        """Keep a line of the head, and drop one after a body, which the application would take for such a line."""
        self._found += 1
        if self._in_head:
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """Begin a request that can be read, as all of a usual client can.

        Raises:
            HTTPException: to stop the parser, which then fails.
        """
        self._in_head, self._unparsed = False, 0
        if self.parser.get_method() != b"CONNECT" and self.parser.should_upgrade():
            return  # the parser is about to stop
        self._check_head()
        super().on_headers_complete()
        self._owed += 1
        self._in_message = True
        self._pace.restart()

    def on_body(self, body: bytes) -> None:
        """Pass a part of the body on."""
        self._unparsed = 0
        self._found += 1
        self._pace.received += len(body)
        super().on_body(body)

    def on_message_complete(self) -> None:
        """End a request."""
        self._unparsed = 0
        if self._in_message:
            self._in_message = False
            super().on_message_complete()

    def on_response_complete(self) -> None:
        """Go on to the next request, or to the refusal of what came after the last."""
        self._owed -= 1
        super().on_response_complete()
        if self._owed:
            return
        if self._refusal is not None:
            self._answer(self._refusal)
        elif self._has_sent_all:
            self.transport.close()

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: ASGI3Application) -> None:
        """Begin to answer a request."""
        send: Any = cycle.send
        if cycle.waiting_for_100_continue:
            send = closing_unless_asked(cycle)
        if self.scheme == "https":
            send = in_pieces(send, self._count_sent)
        cycle.send = send  # type: ignore[method-assign]
        super()._start_asgi_task(cycle, app)

    def _count_sent(self, size: int) -> None:
        self._sent += size

    def _check_head(self) -> None:
        """Raise for what RFC 9112 refuses and the parser does not, and for what no usual client sends."""
        version, names, lines = self.parser.get_http_version(), [name for name, _ in self.headers], dict(self.headers)
        if version not in _VERSIONS or names.count(b"host") > 1 or (version == "1.1" and b"host" not in lines):
            raise _NO_REQUEST
        if b"transfer-encoding" in lines:
            if version == "1.0" or names.count(b"transfer-encoding") > 1:
                raise _NO_REQUEST
            if lines[b"transfer-encoding"].lower() != b"chunked":
                raise _OTHER_CODING
        if version == "1.0":  # which knows no such expectation
            self.expect_100_continue = False
        if len(names) > _MOST_LINES:
            raise _TOO_MANY_LINES
        if self._owed >= _MOST_AHEAD:
            raise _TOO_MANY_AHEAD
        self._origins.check(self.parser.get_method(), self.url, lines)

    def _without_offer(self) -> bytes:
        """Return a head anew, as one that offers no other protocol, to a new parser."""
        start = self.parser.get_method(), self.url, self.parser.get_http_version().encode()
        lines = b"".join(b"%s: %s\r\n" % line for line in self.headers if line[0] != b"upgrade")
        self.parser = httptools.HttpRequestParser(self)
        return b"%s %s HTTP/%s\r\n%s\r\n" % (*start, lines)

    def _refuse(self, refusal: Exception) -> None:
        """Answer bad bytes and close, once the requests before them are answered."""
        self._refusal = refusal
        if self._in_message:  # they are in the body of a request, which ends here
            self._owed -= not self.cycle.response_complete
            self.cycle.disconnected = True
            self.cycle.message_event.set()
            if self.pipeline:
                self.pipeline.popleft()
        if not self._owed:
            self._answer(refusal)

    def _answer(self, refusal: Exception) -> None:
        """Refuse, unless an answer has begun to the very request that is broken, and close."""
        if not (self._in_message and self.cycle.response_started):
            response = refuse(refusal, uuid.uuid4().hex, self.service.telemetry)
            self.service.telemetry.requests.labels("unmatched", str(response.status_code)).inc()
            headers = [*self.server_state.default_headers, *response.raw_headers, (b"connection", b"close")]
            lines = b"".join(b"%s: %s\r\n" % line for line in headers)
            self.transport.write(STATUS_LINE[response.status_code] + lines + b"\r\n" + bytes(response.body))
        self._linger()

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
        elif not self._is_awaited():
            self._pace.restart()
        elif not self.flow.read_paused and self._pace.is_late(self._look_seconds, has_body=self._in_message):
            self._give_up()

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
