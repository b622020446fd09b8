"""HTTP below the application: bytes that are no valid request are refused in the same form as everything else."""

from __future__ import annotations

import re
import uuid
from http import HTTPMethod, HTTPStatus

import httptools
from starlette.exceptions import HTTPException
from uvicorn.protocols.http.httptools_impl import STATUS_LINE

from service.errors import HeadTooLargeError
from service.http.connection import Connection
from service.http.cors import METHODS
from service.http.refusals import refuse

_VERSIONS = ("1.0", "1.1")
_MOST_AHEAD = 100
"""Most requests that a connection may have sent ahead of their answers; usual clients send none."""
_MOST_LINES = 100
"""Most header lines of a request; browsers behind several proxies send thirty."""
_NO_REQUEST = HTTPException(HTTPStatus.BAD_REQUEST, "the bytes received are not an HTTP request")
SEVERAL_TYPES = HTTPException(HTTPStatus.BAD_REQUEST, "the request has several Content-Type lines; allowed is one")
_TOO_MANY_AHEAD = HTTPException(
    HTTPStatus.BAD_REQUEST, f"too many requests were sent ahead of their answers; allowed are {_MOST_AHEAD}"
)
_REQUEST_LINE = re.compile(rb"([!#$%&'*+.^_`|~\w-]+) \S+ HTTP/1\.[01]\r?\n")
_METHODS = frozenset(one.encode() for one in HTTPMethod)
_OTHER_METHOD = HTTPException(
    HTTPStatus.NOT_IMPLEMENTED, f"the method is not known here; allowed are, as routes have them, {', '.join(METHODS)}"
)
_OTHER_CODING = HTTPException(
    HTTPStatus.NOT_IMPLEMENTED, "the body's Transfer-Encoding is not read here; allowed is chunked"
)
_NO_PROXY = HTTPException(HTTPStatus.NOT_IMPLEMENTED, "the service is no proxy: CONNECT opens nothing here")
_HEAD_TOO_LARGE = HeadTooLargeError("the head of the request is too large; CREDENCE_MAX_HEADER_BYTES is the limit")
_TOO_MANY_LINES = HeadTooLargeError(f"the request has too many header lines; allowed are {_MOST_LINES}")


class ProblemProtocol(Connection):
    """uvicorn's HTTP/1.1 protocol, refusing with problem+json in place of plain text, and a long head with 431.

    Its parser takes heads of any length, no or several hosts, lines after a body among the head's, and any number of
    requests at once: these are refused or dropped here. Where a client offers another protocol it also drops the body:
    the offer is declined here.
    """

    def _parse(self, data: bytes) -> None:
        self._unparsed += len(data)
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade as offer:
            self._parse(self._without_offer() + data[offer.args[0] :])
        except httptools.HttpParserError as error:
            reason = error.__context__  # what a callback has raised
            if isinstance(error, httptools.HttpParserInvalidMethodError) and _is_foreign(data):
                reason = _OTHER_METHOD
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
        if self.parser.get_method() == b"CONNECT":  # what follows would be no HTTP, and the parser stops at each
            raise _NO_PROXY
        if self.parser.should_upgrade():
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
        if names.count(b"content-type") > 1:
            raise SEVERAL_TYPES
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
            self._write(refusal)
        self._linger()

    def _turn_away(self, refusal: Exception) -> None:
        """Refuse a client that there is no place for, and close at once: to wait for it would take a place."""
        self._write(refusal)
        self.transport.close()

    def _write(self, refusal: Exception) -> None:
        """Write a refusal."""
        response = refuse(refusal, uuid.uuid4().hex, self.service.telemetry)
        self.service.telemetry.requests.labels("unmatched", str(response.status_code)).inc()
        headers = [*self.server_state.default_headers, *response.raw_headers, (b"connection", b"close")]
        lines = b"".join(b"%s: %s\r\n" % line for line in headers)
        self.transport.write(STATUS_LINE[response.status_code] + lines + b"\r\n" + bytes(response.body))


def _is_foreign(data: bytes) -> bool:
    """Return whether bytes begin with the first line of a request whose method HTTP itself does not have."""
    line = _REQUEST_LINE.match(data)
    return line is not None and line[1] not in _METHODS
